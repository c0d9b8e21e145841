"""Measures how fast a reader gets batches from a service on this machine: `python -m benchmarks.client`.

The batches, of about 24 MB each, are made first and then read repeatedly: as bytes by the standard library, which is
the fastest way, and as batches by the client, with and without prefetching and checking.
"""

import http.client
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from afmbatch.cli.molecules import shipped_molecules
from afmbatch.cli.stack import Stack, free_port
from afmbatch_client import Client, Job

_SAMPLES = 24  # of about 1 MB
_PIECE_BYTES = 1 << 20


def main(
    batches: Annotated[int, typer.Option(min=1, help="Number of batches of the job.")] = 12,
    runs: Annotated[int, typer.Option(min=1, help="Number of runs, of which the median is reported.")] = 5,
    directory: Annotated[Path | None, typer.Option(help="Directory on the disk to write to.")] = None,
) -> None:
    """Make the batches and measure each way to read all of them."""
    with tempfile.TemporaryDirectory(dir=directory, prefix="afmbatch-") as name:
        folder = Path(name)
        with (
            (folder / "log").open("wb") as log,
            Stack(folder / "stack", free_port(), 1, log) as stack,
            Client(stack.url) as client,
        ):
            dataset = client.upload(shipped_molecules())["id"]
            job = client.submit({"dataset": dataset, "samples": batches * _SAMPLES, "batch_size": _SAMPLES})
            job.wait()
            _measure(stack.url, job, folder / "files", runs)


def _measure(url: str, job: Job, files: Path, runs: int) -> None:
    megabytes = sum(record["bytes"] for record in job.records()) / 1e6
    table = Table(
        "", "MB a second", title=f"{megabytes:.0f} MB in batches of {megabytes / len(list(job.numbers())):.0f}"
    )
    for label, read in _ways(url, job, files):
        read()
        seconds = []
        for _ in range(runs):
            began = time.perf_counter()
            read()
            seconds.append(time.perf_counter() - began)
        table.add_row(label, f"{megabytes / statistics.median(seconds):.0f}")
    Console().print(table)


def _ways(url: str, job: Job, files: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "bytes, by http.client, not checked", partial(_bytes, url, job)
    for check in (False, True):
        for prefetch in (1, 2, 4):
            label = f"batches, prefetch {prefetch}, {'checked' if check else 'not checked'}"
            yield label, partial(_batches, job, prefetch, check)
    yield "files, 4 at once", partial(_files, job, files)


def _bytes(url: str, job: Job) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    for number in job.numbers():
        connection.request("GET", f"/v1/jobs/{job.id}/batches/{number}")
        answer = connection.getresponse()
        target = memoryview(bytearray(answer.length or 0))
        while n := answer.readinto(target[:_PIECE_BYTES]):
            target = target[n:]
        answer.read()
    connection.close()


def _batches(job: Job, prefetch: int, check: bool) -> None:
    for batch in job.batches(prefetch, check=check):
        _ = [batch[name] for name in batch]


def _files(job: Job, directory: Path) -> None:
    for path in job.download(directory, progress=False):
        path.unlink()


if __name__ == "__main__":
    typer.run(main)
