"""All batches of a job as files of a directory."""

import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from afmbatch_client.ahead import Ahead
from afmbatch_client.connection import Connection
from afmbatch_client.errors import JobFailed
from afmbatch_client.progress import bar
from afmbatch_client.sinks import PartFile
from afmbatch_client.transfer import receive

if TYPE_CHECKING:
    from afmbatch_client.job import Job


def download(job: "Job", connection: Connection, directory: Path, parallel: int, progress: bool) -> list[Path]:
    """`batch-00000000.npz`, … in the order of their numbers. Raises JobFailed once all others are there."""
    directory.mkdir(parents=True, exist_ok=True)

    def work(number: int, stop: threading.Event) -> Path | JobFailed:
        with PartFile(directory / f"batch-{number:08d}.npz") as sink:
            try:
                with job.explained(number):
                    receive(connection, f"/v1/jobs/{job.id}/batches/{number}", sink, math.inf, stop, sink.known)
            except JobFailed as e:
                return e
            return sink.path

    total = job.status()["counts"]["batches"]
    paths, failures = [], []
    with bar(progress, "batches") as show, Ahead(work, job.numbers(), parallel) as results:
        for done, result in enumerate(results, 1):
            if isinstance(result, JobFailed):
                failures.append(result)
            else:
                paths.append(result)
            show(done, total, None)
    for failure in failures:
        raise failure
    return paths
