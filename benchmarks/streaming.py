"""Measures a stream through a small buffer, with Redis, service, a worker and a reader on this machine.

Run `python -m benchmarks.streaming` from the root of the repository; it takes about a minute. The files in the store
are counted all the time. In the middle the reader stops for some seconds, during which nothing must be made.
"""

import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from afmbatch.cli.molecules import shipped_molecules
from afmbatch.cli.stack import Stack, free_port
from afmbatch_client import Client, Job, RankBatches

_TINY = {"window": [[6, 6, 5], [10, 10, 6.9]], "dim": [8, 8, 19], "df_steps": 10}
_ROTATIONS = {"kind": "directions", "directions": 100, "best": 30}


class FileCounter(threading.Thread):
    """Counts the batch files of a job repeatedly until `stop` is set, and keeps the largest number."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.stop = threading.Event()
        self.largest = self.counts = 0

    def count(self) -> int:
        """Return the number of files now."""
        return sum(1 for _ in self._folder.glob("batch-*.npz"))

    def run(self) -> None:
        """Count every 5 ms."""
        while not self.stop.wait(0.005):
            self.largest = max(self.largest, self.count())
            self.counts += 1


def _pause(job: Job, seconds: float) -> tuple[float, int]:
    """Read nothing until the job is paused and for so many seconds after.

    Returns the seconds of the whole pause, and the number of batches made after the job was paused.
    """
    began = time.perf_counter()
    while (status := job.status())["state"] != "paused":
        time.sleep(0.05)
    before = status["counts"]["batches_done"]
    time.sleep(seconds)
    return time.perf_counter() - began, job.status()["counts"]["batches_done"] - before


def main(
    samples: Annotated[int, typer.Option(min=1, help="Number of samples of the stream.")] = 100_000,
    batch_size: Annotated[int, typer.Option(min=1, help="Number of samples of a batch.")] = 50,
    buffer: Annotated[int, typer.Option(min=2, help="Number of batches that the buffer holds.")] = 64,
    pause: Annotated[float, typer.Option(min=0, help="How long the reader stops, in seconds.")] = 5,
) -> None:
    """Read a stream to its end."""
    with tempfile.TemporaryDirectory(prefix="afmbatch-") as name:
        folder = Path(name)
        with (
            (folder / "log").open("wb") as log,
            Stack(folder / "stack", free_port(), 1, log) as stack,
            Client(stack.url) as client,
        ):
            delivery = {"kind": "stream", "buffer_batches": buffer}
            spec = {"scan": _TINY, "descriptors": [], "samples": samples, "batch_size": batch_size, "epochs": 1000}
            job = client.submit(
                spec
                | {"dataset": client.upload(shipped_molecules())["id"], "delivery": delivery, "rotations": _ROTATIONS}
            )
            counter = FileCounter(folder / "stack" / "store" / "jobs" / job.id)
            counter.start()
            middle, read, seen = samples // batch_size // 2, 0, set[int]()
            began = time.perf_counter()
            paused, made = 0.0, 0
            for batch in RankBatches(job):
                read += len(batch["sample"])
                seen.update(batch["sample"].tolist())
                if batch.number == middle:
                    paused, made = _pause(job, pause)
            seconds = time.perf_counter() - began - paused
            state = job.status()["state"]
            counter.stop.set()
            counter.join()
            left = counter.count()
    table = Table("", "", title=f"{samples} tiny samples in batches of {batch_size}")
    table.add_row("samples received, different ones", f"{read}, {len(seen)}")
    table.add_row("samples a second", f"{read / seconds:.0f}")
    table.add_row(
        f"largest number of files on disk, in {counter.counts} counts", f"{counter.largest} (buffer: {buffer})"
    )
    table.add_row(f"made in {pause:g} s after the buffer was full", str(made))
    table.add_row("at the end", f"{state}, {left} files")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
