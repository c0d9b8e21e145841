"""Job gives the status of a job and its batches as they are made, and sends the requests that change it."""

import contextlib
import itertools
import math
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from afmbatch_client.batch import Batch
from afmbatch_client.connection import Connection
from afmbatch_client.download import download
from afmbatch_client.errors import JobFailed, NotFound
from afmbatch_client.events import Event, events
from afmbatch_client.progress import progress_bar, sample_progress
from afmbatch_client.read_batches import read_batches
from afmbatch_client.sinks import MemorySink
from afmbatch_client.transfer import receive

Status: TypeAlias = dict[str, Any]  # the service's document: id, spec, state, counts, samples_per_second, errors, …

_FINAL_STATES = ("done", "failed", "cancelled")
_PAGE_SIZE = 1000


class Job:
    """A job that a Client found or submitted. It can be sent to another process, by fork or by pickle.

    Every method may raise ProblemError and ConnectionLost.
    """

    def __init__(self, connection: Connection, job_id: str) -> None:
        self._connection = connection
        self.id = job_id
        self._path = f"/v1/jobs/{job_id}"

    def __repr__(self) -> str:
        return f"<{self.id} at {self._connection.url}>"

    # Status

    def status(self) -> Status:
        """Return the job's spec, state, counts, rate and first errors."""
        return self._json("GET", "")

    def events(self) -> Iterator[Event]:
        """Yield the job's events as they happen, until it ends."""
        return events(self._connection, f"{self._path}/events")

    def wait(self, progress: bool = True) -> Status:
        """Wait until the job is done and return its status, with a progress bar on a terminal.

        A stream is done when its readers have acknowledged its batches; this method reads none. Raises JobFailed if the
        job fails or is cancelled, and ValueError for a stream without end, which is never done.
        """
        if self.is_endless():
            raise ValueError(f"{self.id} is a stream without end, which is never done; read it with batches()")
        with progress_bar(progress, "samples") as show:
            for status in self._statuses():
                show(*sample_progress(status))
        if status["state"] != "done":
            raise JobFailed(status)
        return status

    def _statuses(self) -> Iterator[Status]:
        """Yield the status now, whenever it changes, and when the job has ended."""
        yield (status := self.status())
        while status["state"] not in _FINAL_STATES:
            for event in self.events():
                if event.kind == "progress":
                    yield event.data
            yield (status := self.status())

    # Batches

    def records(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the records of the batches that can be downloaded, from number `start` on.

        A record has the keys batch, samples, bytes and sha256.
        """
        end = math.inf
        while start < end:
            page = self._json("GET", "/batches", params={"start": start, "limit": _PAGE_SIZE})
            yield from page["batches"]
            end = page["total"] if page["total"] is not None else self._endless_stream_end()
            start += _PAGE_SIZE

    def _endless_stream_end(self) -> int:
        """Return a number beyond the last batch that a stream without end can have made so far."""
        status = self.status()
        counts, buffer_batches = status["counts"], status["spec"]["delivery"]["buffer_batches"]
        return int(counts["batches_done"] + counts["batches_failed"] + buffer_batches)

    def batch(self, number: int, wait: float = math.inf, check: bool = True) -> Batch:
        """Return a batch, waiting up to `wait` seconds until it is made.

        `check` compares the sha256. Raises NotYet if the batch is not made in that time, JobFailed if it never will be.
        """
        return self.wait_for_batch(number, wait, check, threading.Event())

    def batches(self, prefetch: int = 4, start: int = 0, step: int = 1, check: bool = True) -> Iterator[Batch]:
        """Yield batches start, start + step, … in this order, waiting for those that are not made yet.

        `prefetch` batches are fetched ahead, in as many threads; `check` compares their sha256. Raises JobFailed at the
        first batch that will never be made.

        Each batch of a stream is acknowledged when the next one is requested, so that the stream continues. The batches
        before `start` count as consumed, and batches that were dropped are made again. Raises ValueError for a stream
        if `step` is above 1: several readers of a stream need RankBatches.
        """
        if step > 1 and self.is_stream():
            raise ValueError(
                f"{self.id} is a stream, which waits for the batches that a step of {step} leaves out; "
                "read it with step=1, or divide its batches among several readers with RankBatches"
            )
        return read_batches(self, start, start, step, prefetch, check)

    def is_stream(self) -> bool:
        """Return whether the job is a stream, which drops its batches after they are acknowledged."""
        return (self.status()["spec"].get("delivery") or {}).get("kind") == "stream"

    def is_endless(self) -> bool:
        """Return whether the job is a stream without end."""
        return self.status()["counts"]["batches"] is None

    def sample(self, number: int, wait: float = math.inf) -> Batch:
        """Return one sample as a batch of one, which the service simulates alone.

        Raises NotYet if it is not made within `wait` seconds.
        """
        return self._receive(f"/samples/{number}", number, wait, True, threading.Event())

    def download(self, directory: str | Path, parallel: int = 4, progress: bool = True) -> list[Path]:
        """Download all batches into a directory as they are made, `parallel` at once, and return the paths.

        Files that are there and correct are kept, and incomplete ones are continued. Raises JobFailed at the end if
        some batches will never be made.

        Each batch of a stream is acknowledged once its file is complete. Raises ValueError for a stream without end,
        whose batches would fill the disk.
        """
        return download(self, self._connection, Path(directory), parallel, progress)

    def numbers(self, start: int = 0, step: int = 1) -> Iterable[int]:
        """Return the numbers of the job's batches, from `start` in steps of `step`; endless for an endless stream."""
        total = self.status()["counts"]["batches"]
        return itertools.count(start, step) if total is None else range(start, total, step)

    def wait_for_batch(self, number: int, wait: float, check: bool, stop: threading.Event) -> Batch:
        """Return a batch as `batch` does. Setting `stop` ends the wait with NotYet."""
        with self.not_found_as_job_failed(number):
            return self._receive(f"/batches/{number}", number, wait, check, stop)

    def _receive(self, tail: str, number: int, wait: float, check: bool, stop: threading.Event) -> Batch:
        sink = MemorySink(check)
        receive(self._connection, f"{self._path}{tail}", sink, wait, stop)
        return Batch(number, sink.sha256, sink.buffer)

    @contextlib.contextmanager
    def not_found_as_job_failed(self, number: int) -> Iterator[None]:
        """Raise JobFailed in place of NotFound if the job has a batch of this number, which then will never be made."""
        try:
            yield
        except NotFound as e:
            status = self.status()
            total = status["counts"]["batches"]
            if total is None or number < total:
                raise JobFailed(status, number) from e
            raise

    # Changes

    def cancel(self) -> Status:
        """Cancel the job, so that it makes no further batches, and return its status."""
        return self._json("POST", "/cancel")

    def extend(self, epochs: int | None = None, dataset: str | None = None) -> Status:
        """Extend a job that is done, by a number of further epochs or by another dataset, and return its status.

        dataset: the id of the dataset. Raises ValueError unless exactly one of the two is given.
        """
        if (epochs is None) == (dataset is None):
            raise ValueError("give either epochs or dataset to extend a job")
        more = {"kind": "molecules", "dataset": dataset} if epochs is None else {"kind": "epochs", "epochs": epochs}
        return self._json("POST", "/extend", json=more, idempotent=False)

    def delete(self) -> None:
        """Delete the job with its batches."""
        self._connection.request("DELETE", self._path)

    def acknowledge(self, batches: Iterable[int]) -> None:
        """Tell a stream that these batches have been consumed and may be dropped."""
        self._connection.request("POST", f"{self._path}/acknowledge", json={"batches": list(batches)})

    def rewind(self, batch: int) -> None:
        """Make all batches of a stream from this one on available again."""
        self._connection.request("POST", f"{self._path}/rewind", json={"batch": batch})

    def _json(self, method: str, tail: str, **parts: Any) -> dict[str, Any]:
        return self._connection.json(method, f"{self._path}{tail}", **parts)
