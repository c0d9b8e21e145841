"""The engine's threads: while some batches are written others are computed, and the next are prepared.

Preparing, starting and waiting have a thread each, for the device works in order; writing has many, for hashing a file
keeps a core busy. How much is in here at once is for the parent to decide.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from threading import Semaphore
from typing import Any, Protocol, TypeAlias

from afmbatch.errors import AfmbatchError, SampleError
from worker.messages import Answer, BatchRefused, Made, Make, Ready, Skipped

_ON_DEVICE = 2  # Makes: one that it computes, one that it goes on with; what it has can not be taken back
WRITERS = max(1, (os.cpu_count() or 1) - 2)
Write: TypeAlias = Callable[[], Made]


class Maker(Protocol):
    """Makes batches on a device, in four steps; `worker.engine.batch_maker` has the real one.

    A step raises an AfmbatchError or FileNotFoundError for what can't be made, anything else for what may be tried
    again.
    """

    def describe(self) -> Ready:
        """The device."""

    def prepare(self, make: Make) -> Any:
        """The host's share; always in the same thread, like the next two."""

    def start(self, prepared: Any) -> Any:
        """Have the device begin; does not wait for it."""

    def wait(self, started: Any) -> Sequence[Write]:
        """Wait for the device. What puts each of the batches into the store, to be called in any thread."""


class Pipeline:
    """Takes Makes and gives answers. Both callbacks are called in its threads."""

    def __init__(self, maker: Maker, answer: Callable[[Answer], None], fault: Callable[[Exception], None]) -> None:
        self._maker = maker
        self._answer = answer
        self._fault = fault
        self._skipped: set[str] = set()  # jobs; changed by one thread
        self._room = Semaphore(_ON_DEVICE)
        self._preparing, self._starting, self._waiting = (ThreadPoolExecutor(1) for _ in range(3))
        self._writing = ThreadPoolExecutor(WRITERS)

    def make(self, make: Make) -> None:
        """Take it on; returns at once."""
        self._skipped.discard(make.job_id)
        self._next(self._preparing, self._prepare, make)

    def skip(self, job_id: str) -> None:
        """Begin nothing more of a job: what the device has is finished."""
        self._skipped.add(job_id)

    def _skips(self, make: Make) -> bool:
        if make.job_id not in self._skipped:
            return False
        for batch in make.batches:
            self._answer(Skipped(make.job_id, batch))
        return True

    def _prepare(self, make: Make) -> None:
        if not self._skips(make):
            self._next(self._starting, self._start, make, self._maker.prepare(make))

    def _start(self, make: Make, prepared: Any) -> None:
        self._room.acquire()
        started = None
        try:
            if not self._skips(make):
                started = self._maker.start(prepared)
        finally:
            if started is None:
                self._room.release()
        if started is not None:
            self._next(self._waiting, self._wait, make, started)

    def _wait(self, make: Make, started: Any) -> None:
        try:
            writes = self._maker.wait(started)
        finally:
            self._room.release()
        for batch, write in zip(make.batches, writes, strict=True):
            self._next(self._writing, self._write, replace(make, batches=[batch]), write)

    def _write(self, make: Make, write: Write) -> None:
        self._answer(write())

    def _next(self, threads: Executor, step: Callable[..., None], make: Make, *arguments: Any) -> None:
        threads.submit(self._guarded, step, make, *arguments)

    def _guarded(self, step: Callable[..., None], make: Make, *arguments: Any) -> None:
        try:
            step(make, *arguments)
        except (AfmbatchError, FileNotFoundError) as error:
            if len(make.batches) == 1:
                self._answer(_refused(make, error))
            else:  # each for itself: most of them may be well
                for batch in make.batches:
                    self._next(self._preparing, self._prepare, replace(make, batches=[batch]))
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent decides about it
            self._fault(error)


def _refused(make: Make, error: AfmbatchError | FileNotFoundError) -> BatchRefused:
    if isinstance(error, SampleError):
        return BatchRefused(make.job_id, make.batches[0], error.sample, error.reason)
    return BatchRefused(make.job_id, make.batches[0], None, told(error))


def told(error: Exception) -> str:
    """What an error says to whoever reads the job's status."""
    return str(error) if isinstance(error, AfmbatchError) else f"{type(error).__name__}: {error}"
