"""Measures downloads of a batch file from the service, from nginx alone and from the service behind nginx.

Run it as `python -m benchmarks.downloads`; it needs nginx. Everything runs on this machine. The downloads follow each
other on a connection that stays open.
"""

import http.client
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import typer
from redis import Redis
from rich.console import Console
from rich.table import Table

from afmbatch.cli import child_process
from afmbatch.cli.stack import Stack, free_port
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord
from afmbatch.sampling.plan import Plan
from afmbatch.storage.object_store import ObjectStore, batch_key
from benchmarks.nginx import proxying, sending

_WATER = "3\nwater\nO 0.0 0.0 0.0 -0.8\nH 0.96 0.0 0.0 0.4\nH -0.24 0.93 0.0 0.4\n"


class Download:
    """Downloads a file repeatedly into the same memory."""

    def __init__(self, url: str, size: int) -> None:
        parts = httpx.URL(url)
        self._http = http.client.HTTPConnection(parts.host, parts.port or 80)
        self._path = parts.path
        self._body = bytearray(size)

    def seconds(self) -> float:
        """Download the file and return the seconds from the request to the last byte."""
        began, body, at = time.perf_counter(), memoryview(self._body), 0
        self._http.request("GET", self._path)
        answer = self._http.getresponse()
        while at < len(body) and (n := answer.readinto(body[at:])):
            at += n
        answer.read()
        if answer.status != 200 or at < len(body):
            raise RuntimeError(f"{self._path}: {answer.status}, {at} of {len(body)} bytes")
        return time.perf_counter() - began


def _batch(stack: Stack, data: bytes) -> tuple[str, str]:
    """Make a batch file of these bytes and return its path on the service and its path in the store."""
    files = [("files", ("water.xyz", _WATER))]
    dataset = httpx.post(f"{stack.url}/v1/datasets", files=files, trust_env=False).raise_for_status().json()["id"]
    spec = {"dataset": dataset, "samples": 2, "batch_size": 2}
    job = httpx.post(f"{stack.url}/v1/jobs", json=spec, trust_env=False).raise_for_status().json()["id"]
    content = ObjectStore(stack.env["AFMBATCH_STORE_URL"]).put_batch(job, 0, [data])
    with Redis.from_url(stack.env["AFMBATCH_REDIS_URL"], decode_responses=True) as redis:
        ledger = Ledger.on(redis)
        samples = Plan(ledger.jobs.get(job)).size(0)
        record = BatchRecord(batch=0, samples=samples, bytes=content.bytes, sha256=content.sha256)
        ledger.batches.record(job, [record])
    return f"/v1/jobs/{job}/batches/0", f"/{batch_key(job, 0, content.sha256)}"


def _concurrent_seconds(downloads: list[Download]) -> float:
    """Start all downloads at once and return the seconds until the last one ends."""
    threads = [threading.Thread(target=download.seconds) for download in downloads]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def main(
    megabytes: Annotated[int, typer.Option(min=1, help="Size of the file, MB.")] = 30,
    runs: Annotated[
        int, typer.Option(min=1, help="Number of downloads of each kind, of which the median is reported.")
    ] = 40,
    clients: Annotated[int, typer.Option(min=1, help="Number of concurrent downloads.")] = 4,
    directory: Annotated[Path | None, typer.Option(help="Directory on the disk to send from.")] = None,
) -> None:
    """Measure the three servers in turn."""
    data = b"\x5a" * (megabytes * 1_000_000)
    with ExitStack() as opened:
        here = Path(opened.enter_context(tempfile.TemporaryDirectory(dir=directory, prefix="afmbatch-")))
        for name in ("alone", "proxy"):
            (here / name).mkdir()
        log = opened.enter_context((here / "log").open("wb"))
        stack = opened.enter_context(Stack(here / "stack", free_port(), 0, log))
        path, file = _batch(stack, data)
        store = here / "stack" / "store"
        port = free_port()
        proxied_env = {**stack.env, "AFMBATCH_PORT": str(port), "AFMBATCH_ACCEL_PREFIX": "/files/"}
        service = child_process.start([sys.executable, "-m", "afmbatch", "serve"], proxied_env, log)
        opened.callback(child_process.stop, service, 5)
        alone = opened.enter_context(sending(here / "alone", store))
        proxy = opened.enter_context(proxying(here / "proxy", f"http://127.0.0.1:{port}", store))
        while httpx.get(f"{proxy}/v1/ready", trust_env=False).status_code != 200:
            time.sleep(0.1)
        ways = {"nginx": alone + file, "the service": stack.url + path, "the service behind nginx": proxy + path}
        single = {way: Download(url, len(data)) for way, url in ways.items()}
        several = {way: [Download(url, len(data)) for _ in range(clients)] for way, url in ways.items()}
        one = _medians({way: download.seconds for way, download in single.items()}, runs)
        many = _medians({way: partial(_concurrent_seconds, d) for way, d in several.items()}, -(-runs // clients))
    table = Table("", "ms", "MB/s", "of nginx", f"{clients} at once: MB/s", "of nginx")
    for way in ways:
        table.add_row(
            way,
            f"{one[way] * 1e3:.1f}",
            f"{megabytes / one[way]:.0f}",
            f"{one['nginx'] / one[way]:.0%}",
            f"{clients * megabytes / many[way]:.0f}",
            f"{many['nginx'] / many[way]:.0%}",
        )
    Console().print(table)


def _medians(measures: dict[str, Callable[[], float]], runs: int) -> dict[str, float]:
    """Return the median of each measure. They run in turn, after a first run that does not count."""
    times = {way: [measure()] for way, measure in measures.items()}
    for _ in range(runs):
        for way, measure in measures.items():
            times[way].append(measure())
    return {way: statistics.median(seconds[1:]) for way, seconds in times.items()}


if __name__ == "__main__":
    typer.run(main)
