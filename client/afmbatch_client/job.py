"""A job of the service: how far it is, its batches as they are made, and what can be asked of it."""

import contextlib
import itertools
import math
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from afmbatch_client.ahead import Ahead
from afmbatch_client.batch import Batch
from afmbatch_client.connection import Connection
from afmbatch_client.download import download
from afmbatch_client.errors import JobFailed, NotFound
from afmbatch_client.events import Event, events
from afmbatch_client.progress import bar, told_of
from afmbatch_client.sinks import Memory
from afmbatch_client.transfer import receive

Status: TypeAlias = dict[str, Any]  # as the service answers: id, spec, state, counts, samples_per_second, errors, …

_FINAL = ("done", "failed", "cancelled")
_POLL_SECONDS = 0.5
_PAGE = 1000


class Job:
    """Made by a Client; may be sent to other processes. Every method raises ProblemError and ConnectionLost."""

    def __init__(self, connection: Connection, job_id: str) -> None:
        self._connection = connection
        self.id = job_id
        self._path = f"/v1/jobs/{job_id}"

    def __repr__(self) -> str:
        return f"<{self.id} at {self._connection.url}>"

    # How far it is

    def status(self) -> Status:
        """Spec, state, counts, rate, first errors."""
        return self._json("GET", "")

    def events(self) -> Iterator[Event]:
        """What happens, as it happens, until the job's end. NotFound where the service has no events."""
        return events(self._connection, f"{self._path}/events")

    def wait(self, progress: bool = True) -> Status:
        """The status once the job is done; meanwhile a bar, on a terminal. Raises JobFailed if it ends otherwise."""
        with bar(progress, "samples") as show:
            for status in self._statuses():
                show(*told_of(status))
        if status["state"] != "done":
            raise JobFailed(status)
        return status

    def _statuses(self) -> Iterator[Status]:
        """Until the job has ended."""
        yield (status := self.status())
        with contextlib.suppress(NotFound):  # then it is asked again and again
            for event in self.events() if status["state"] not in _FINAL else ():
                if event.kind == "progress":
                    yield event.data
            yield (status := self.status())
        while status["state"] not in _FINAL:
            time.sleep(_POLL_SECONDS)
            yield (status := self.status())

    # What it makes

    def records(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """Batches that can be downloaded, from number `start` on: batch, samples, bytes, sha256."""
        end = math.inf
        while start < end:
            page = self._json("GET", "/batches", params={"start": start, "limit": _PAGE})
            yield from page["batches"]
            end = page["total"] if page["total"] is not None else self._end()
            start += _PAGE

    def _end(self) -> int:
        """Beyond the last batch that a stream without end may have by now."""
        status = self.status()
        counts, room = status["counts"], status["spec"]["delivery"]["buffer_batches"]
        return int(counts["batches_done"] + counts["batches_failed"] + room)

    def batch(self, number: int, wait: float = math.inf, check: bool = True) -> Batch:
        """A batch. Raises NotYet if it is not made within `wait` s, JobFailed if it never will be."""
        return self.awaited(number, wait, check, threading.Event())

    def batches(self, prefetch: int = 4, start: int = 0, step: int = 1, check: bool = True) -> Iterator[Batch]:
        """Batches start, start + step, … in this order, as they are made, `prefetch` ahead in as many threads.

        Raises JobFailed at the first that will never be made. `check`: whether to compare their sha256.
        """

        def work(number: int, stop: threading.Event) -> Batch:
            return self.awaited(number, math.inf, check, stop)

        with Ahead(work, self.numbers(start, step), prefetch) as results:
            yield from results

    def sample(self, number: int, wait: float = math.inf) -> Batch:
        """One sample, simulated alone: a batch of one. Raises NotYet if it is not made within `wait` s."""
        return self._received(f"/samples/{number}", number, wait, True, threading.Event())

    def download(self, directory: str | Path, parallel: int = 4, progress: bool = True) -> list[Path]:
        """All batches as files, as they are made; those that are there and right stay, parts are continued.

        Raises JobFailed at the end if some will never be made.
        """
        return download(self, self._connection, Path(directory), parallel, progress)

    def numbers(self, start: int = 0, step: int = 1) -> Iterable[int]:
        """Of the batches that the job makes; without end for a stream without end."""
        total = self.status()["counts"]["batches"]
        return itertools.count(start, step) if total is None else range(start, total, step)

    def awaited(self, number: int, wait: float, check: bool, stop: threading.Event) -> Batch:
        """As `batch`; whoever sets `stop` ends the waiting with NotYet."""
        with self.explained(number):
            return self._received(f"/batches/{number}", number, wait, check, stop)

    def _received(self, tail: str, number: int, wait: float, check: bool, stop: threading.Event) -> Batch:
        sink = Memory(check)
        receive(self._connection, f"{self._path}{tail}", sink, wait, stop)
        return Batch(number, sink.sha256, sink.buffer)

    @contextlib.contextmanager
    def explained(self, number: int) -> Iterator[None]:
        """A batch that is one of the job's and is not found will not be made: JobFailed."""
        try:
            yield
        except NotFound as e:
            status = self.status()
            total = status["counts"]["batches"]
            if total is None or number < total:
                raise JobFailed(status, number) from e
            raise

    # What can be asked of it

    def cancel(self) -> Status:
        """Make no further batches."""
        return self._json("POST", "/cancel")

    def extend(self, epochs: int | None = None, dataset: str | None = None) -> Status:
        """Let a job that is done make more: so many further epochs, or another dataset's structures."""
        if (epochs is None) == (dataset is None):
            raise ValueError("a job is extended either by epochs or by a dataset")
        more = {"kind": "molecules", "dataset": dataset} if epochs is None else {"kind": "epochs", "epochs": epochs}
        return self._json("POST", "/extend", json=more, repeatable=False)

    def delete(self) -> None:
        """Remove it with its batches."""
        self._connection.request("DELETE", self._path)

    def acknowledge(self, batches: Iterable[int]) -> None:
        """Of a stream: these batches have been consumed and may be dropped."""
        self._connection.request("POST", f"{self._path}/acknowledge", json={"batches": list(batches)})

    def rewind(self, batch: int) -> None:
        """Of a stream: make everything from this batch on available again."""
        self._connection.request("POST", f"{self._path}/rewind", json={"batch": batch})

    def _json(self, method: str, tail: str, **parts: Any) -> dict[str, Any]:
        return self._connection.json(method, f"{self._path}{tail}", **parts)
