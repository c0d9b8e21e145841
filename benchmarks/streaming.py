"""A stream through a small buffer: `python -m benchmarks.streaming`, from the root of the repository; about a minute.

Redis, service, a worker and a reader on this machine. All the while the files in the store are counted; in the middle
the reader stops for some seconds, and nothing must be made meanwhile.
"""

import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from afmbatch.cli.stack import Stack, free_port
from afmbatch_client import Client, Job, RankBatches
from benchmarks.common import molecule_files

_TINY = {"window": [[6, 6, 5], [10, 10, 6.9]], "dim": [8, 8, 19], "df_steps": 10}
_TURNS = {"kind": "directions", "directions": 100, "best": 30}


class Counted(threading.Thread):
    """Counts the batch files of a job until `over`: the most, and the last number."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.over = threading.Event()
        self.most = self.looks = 0

    def now(self) -> int:
        """Files that are there."""
        return sum(1 for _ in self._folder.glob("batch-*.npz"))

    def run(self) -> None:
        """Every few milliseconds."""
        while not self.over.wait(0.005):
            self.most = max(self.most, self.now())
            self.looks += 1


def _stand_still(job: Job, seconds: float) -> tuple[float, int]:
    """Do not read for a while: how long that was, and batches made in it once the worker had nothing to do."""
    began = time.perf_counter()
    while (status := job.status())["state"] != "paused":
        time.sleep(0.05)
    before = status["counts"]["batches_done"]
    time.sleep(seconds)
    return time.perf_counter() - began, job.status()["counts"]["batches_done"] - before


def main(
    samples: Annotated[int, typer.Option(min=1, help="Samples of the stream.")] = 100_000,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples of a batch.")] = 50,
    buffer: Annotated[int, typer.Option(min=2, help="Batches of the buffer.")] = 64,
    pause: Annotated[float, typer.Option(min=0, help="How long the reader stops, s.")] = 5,
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
                spec | {"dataset": client.upload(molecule_files())["id"], "delivery": delivery, "rotations": _TURNS}
            )
            counted = Counted(folder / "stack" / "store" / "jobs" / job.id)
            counted.start()
            middle, read, seen = samples // batch_size // 2, 0, set[int]()
            began = time.perf_counter()
            paused, made = 0.0, 0
            for batch in RankBatches(job):
                read += len(batch["sample"])
                seen.update(batch["sample"].tolist())
                if batch.number == middle:
                    paused, made = _stand_still(job, pause)
            seconds = time.perf_counter() - began - paused
            state = job.status()["state"]
            counted.over.set()
            counted.join()
            left = counted.now()
    table = Table("", "", title=f"{samples} tiny samples in batches of {batch_size}")
    table.add_row("samples received, different ones", f"{read}, {len(seen)}")
    table.add_row("samples a second", f"{read / seconds:.0f}")
    table.add_row(f"most files on disk, in {counted.looks} looks", f"{counted.most} (buffer: {buffer})")
    table.add_row(f"made in {pause:g} s after the buffer was full", str(made))
    table.add_row("at the end", f"{state}, {left} files")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
