"""Download all batches of a job as files of a directory."""

import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from afmbatch_client.connection import Connection
from afmbatch_client.errors import Gone, JobFailed
from afmbatch_client.prefetcher import Prefetcher
from afmbatch_client.progress import progress_bar
from afmbatch_client.sinks import FileSink
from afmbatch_client.transfer import receive

if TYPE_CHECKING:
    from afmbatch_client.job import Job


def download(job: "Job", connection: Connection, directory: Path, parallel: int, progress: bool) -> list[Path]:
    """Download the batches as `batch-00000000.npz`, … and return their paths in order of their numbers.

    Batches of a stream are acknowledged once their files are complete. Raises JobFailed for a batch that will never be
    made, once all others are downloaded, and ValueError for a stream without end.
    """
    if job.is_endless():
        raise ValueError(
            f"{job.id} is a stream without end, whose batches would fill the disk; read it with batches(), "
            "or submit the spec with a number of epochs or samples"
        )
    is_stream = job.is_stream()
    directory.mkdir(parents=True, exist_ok=True)

    def receive_batch(number: int, sink: FileSink, stop: threading.Event) -> None:
        with job.not_found_as_job_failed(number):
            path = f"/v1/jobs/{job.id}/batches/{number}"
            receive(connection, path, sink, math.inf, stop, sink.existing_sha256)

    def fetch(number: int, stop: threading.Event) -> Path:
        with FileSink(directory / f"batch-{number:08d}.npz") as sink:
            try:
                receive_batch(number, sink, stop)
            except Gone:
                if not sink.existing_sha256:  # dropped without having been stored here
                    job.rewind(number)
                    receive_batch(number, sink, stop)
            return sink.path

    def fetch_or_failure(number: int, stop: threading.Event) -> tuple[int, Path | JobFailed]:
        try:
            return number, fetch(number, stop)
        except JobFailed as e:
            return number, e

    total = job.status()["counts"]["batches"]
    paths, failures = [], []
    with progress_bar(progress, "batches") as show, Prefetcher(fetch_or_failure, job.numbers(), parallel) as results:
        for done, (number, result) in enumerate(results, 1):
            if isinstance(result, JobFailed):
                failures.append(result)
            else:
                paths.append(result)
                if is_stream:
                    job.acknowledge([number])
            show(done, total, None)
    for failure in failures:
        raise failure
    return paths
