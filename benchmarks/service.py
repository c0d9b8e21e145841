"""Measures the time from POST to the last byte downloaded, and the kernels alone: `python -m benchmarks.service`.

Everything runs on this machine: Redis, the service, one worker, and a client that downloads each batch as soon as it is
recorded. On a CPU they share its cores; the goal is 85 % of the kernels' rate.
"""

import hashlib
import http.client
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

import kernels
from afmbatch.cli.molecules import shipped_molecules
from afmbatch.cli.stack import Stack, free_port
from afmbatch.settings import Settings
from afmbatch.storage.object_store import dataset_key
from afmbatch.structures.ingest import dataset_id
from benchmarks.common import DiscardingStore, engine_seconds, job_of, molecules
from worker.engine.batch_maker import Maker

_POLL_SECONDS = 0.05


class Client:
    """A connection to the service, which receives all bodies into the same memory."""

    def __init__(self, url: str) -> None:
        self._http = http.client.HTTPConnection(url.removeprefix("http://"))
        self._buffer = bytearray()

    def json(self, method: str, path: str, body: str | None = None) -> Any:
        """Send a request and return the document in the answer."""
        self._http.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text)

    def download(self, path: str, size: int) -> memoryview:
        """Download a file of that size. The next download overwrites it."""
        if len(self._buffer) < size:
            self._buffer = bytearray(size)
        self._http.request("GET", path)
        answer, body, at = self._http.getresponse(), memoryview(self._buffer)[:size], 0
        while at < size and (n := answer.readinto(body[at:])):
            at += n
        answer.read()
        if at < size:
            raise RuntimeError(f"{path}: {at} of {size} bytes")
        return body

    def seconds(self, spec: dict[str, Any]) -> float:
        """Run a job and return the seconds from its POST to the last byte of its last batch."""
        self._http.close()  # the service closes connections that were idle for long
        began = time.perf_counter()
        job = self.json("POST", "/v1/jobs", json.dumps(spec))
        path, n = f"/v1/jobs/{job['id']}/batches", job["counts"]["batches"]
        received: set[int] = set()
        record: dict[str, Any] = {}
        while len(received) < n:
            first = next(batch for batch in range(n) if batch not in received)
            new = [r for r in self.json("GET", f"{path}?start={first}")["batches"] if r["batch"] not in received]
            for record in new:
                body = self.download(f"{path}/{record['batch']}", record["bytes"])
                received.add(record["batch"])
            if not new:
                time.sleep(_POLL_SECONDS)
        seconds = time.perf_counter() - began
        if hashlib.sha256(body).hexdigest() != record["sha256"]:
            raise RuntimeError("the sha256 of a batch is wrong")
        self._delete(f"/v1/jobs/{job['id']}")
        return seconds

    def _delete(self, path: str) -> None:
        """Delete a job, so that the disk has space for the next one."""
        self._http.request("DELETE", path)
        self._http.getresponse().read()


def main(
    samples: Annotated[int, typer.Option(min=1, help="Number of samples of a run.")] = 560,
    batch_size: Annotated[int, typer.Option(min=1, help="Number of samples of a batch.")] = 20,
    runs: Annotated[int, typer.Option(min=1, help="Number of runs, of which the median is reported.")] = 3,
    directory: Annotated[Path | None, typer.Option(help="Directory on the disk to write to.")] = None,
) -> None:
    """Measure the whole service, and the kernels alone between its runs."""
    console = Console()
    with tempfile.TemporaryDirectory(dir=directory, prefix="afmbatch-") as name:
        structures = molecules()
        dataset, n = dataset_id(structures), len(structures)
        settings = Settings(store_url=(Path(name) / "alone").as_uri())
        discarding = DiscardingStore(settings.store_url)
        discarding.put(dataset_key(dataset), structures.to_bytes())
        maker = Maker(kernels.open_device(settings.device), discarding, settings)
        spec = job_of(samples, batch_size, dataset, n)
        kernel_times, service_times = [], []
        log = (Path(name) / "log").open("wb")
        with log, Stack(Path(name) / "stack", free_port(), 1, log) as stack:
            files = [("files", (path.name, path.read_bytes())) for path in shipped_molecules()]
            httpx.post(f"{stack.url}/v1/datasets", files=files, trust_env=False).raise_for_status()
            client = Client(stack.url)
            for _ in range(runs + 1):
                kernel_times.append(engine_seconds(maker, spec, structures))
                service_times.append(client.seconds(spec.model_dump(mode="json")))
    kernel_seconds, seconds = statistics.median(kernel_times[1:]), statistics.median(service_times[1:])
    table = Table("", "ms a sample", "samples a second", "of the kernels' rate")
    table.add_row("kernels", f"{kernel_seconds / samples * 1e3:.2f}", f"{samples / kernel_seconds:.0f}", "")
    table.add_row(
        "POST to last byte",
        f"{seconds / samples * 1e3:.2f}",
        f"{samples / seconds:.0f}",
        f"{kernel_seconds / seconds:.0%}",
    )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
