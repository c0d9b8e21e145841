"""Download all batches of a job as files of a directory."""

import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from afmbatch_client.connection import Connection
from afmbatch_client.errors import JobFailed
from afmbatch_client.prefetcher import Prefetcher
from afmbatch_client.progress import progress_bar
from afmbatch_client.sinks import FileSink
from afmbatch_client.transfer import receive

if TYPE_CHECKING:
    from afmbatch_client.job import Job


def download(job: "Job", connection: Connection, directory: Path, parallel: int, progress: bool) -> list[Path]:
    """Download the batches as `batch-00000000.npz`, … and return their paths in order.

    Raises JobFailed for a batch that will never be made, once all others are downloaded.
    """
    directory.mkdir(parents=True, exist_ok=True)

    def fetch(number: int, stop: threading.Event) -> Path | JobFailed:
        with FileSink(directory / f"batch-{number:08d}.npz") as sink:
            try:
                with job.not_found_as_job_failed(number):
                    path = f"/v1/jobs/{job.id}/batches/{number}"
                    receive(connection, path, sink, math.inf, stop, sink.existing_sha256)
            except JobFailed as e:
                return e
            return sink.path

    total = job.status()["counts"]["batches"]
    paths, failures = [], []
    with progress_bar(progress, "batches") as show, Prefetcher(fetch, job.numbers(), parallel) as results:
        for done, result in enumerate(results, 1):
            if isinstance(result, JobFailed):
                failures.append(result)
            else:
                paths.append(result)
            show(done, total, None)
    for failure in failures:
        raise failure
    return paths
