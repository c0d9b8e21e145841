"""Runs the engine's threads: while some batches are written, others are computed and the next ones are prepared.

Preparing, starting and waiting have one thread each, since the device works in order. Writing has many threads, since
hashing a file keeps a core busy. The parent process limits the number of batches in the pipeline.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from threading import Semaphore
from typing import Any, Protocol, TypeAlias

from afmbatch.errors import AfmbatchError
from worker.messages import Answer, BatchMade, BatchRefused, BatchSkipped, EngineReady, MakeBatches

# Groups on the device: one is computed, the next one waits for it. A group on the device cannot be skipped.
_GROUPS_ON_DEVICE = 2
WRITERS = max(1, (os.cpu_count() or 1) - 2)
WriteBatch: TypeAlias = Callable[[], BatchMade]


class BatchPipelineSteps(Protocol):
    """Makes batches on a device in four steps; `worker.engine.batch_maker.BatchMaker` is the real implementation.

    A step raises AfmbatchError for a batch that can never be made, and any other exception for a batch that may be
    tried again.
    """

    def describe(self) -> EngineReady:
        """Return a description of the device."""

    def prepare(self, make: MakeBatches) -> Any:
        """Do the host's share of the work.

        `prepare` is always called in the same thread, and so are `start` and `wait`.
        """

    def start(self, prepared: Any) -> Any:
        """Start the device on a prepared group without waiting for it."""

    def wait(self, started: Any) -> Sequence[WriteBatch]:
        """Wait for the device; return a function per batch that puts it into the store. Any thread may call these."""


class Pipeline:
    """Takes MakeBatches and gives answers. It calls both callbacks in its own threads.

    answer: called for each batch; fail: called for an error that is not an AfmbatchError.
    """

    def __init__(
        self, steps: BatchPipelineSteps, answer: Callable[[Answer], None], fail: Callable[[Exception], None]
    ) -> None:
        self._steps = steps
        self._answer = answer
        self._fail = fail
        self._skipped_jobs: set[str] = set()  # only the thread that calls `make` and `skip` changes it
        self._device_slots = Semaphore(_GROUPS_ON_DEVICE)
        self._preparing, self._starting, self._waiting = (ThreadPoolExecutor(1) for _ in range(3))
        self._writing = ThreadPoolExecutor(WRITERS)

    def make(self, make: MakeBatches) -> None:
        """Accept a group of batches; returns at once."""
        self._skipped_jobs.discard(make.job_id)
        self._submit(self._preparing, self._prepare, make)

    def skip(self, job_id: str) -> None:
        """Begin no further batch of a job. Groups that are on the device are finished."""
        self._skipped_jobs.add(job_id)

    def _skip_if_unwanted(self, make: MakeBatches) -> bool:
        """Answer the batches of a skipped job and return whether the job is skipped."""
        if make.job_id not in self._skipped_jobs:
            return False
        for batch in make.batches:
            self._answer(BatchSkipped(make.job_id, batch))
        return True

    def _prepare(self, make: MakeBatches) -> None:
        if not self._skip_if_unwanted(make):
            self._submit(self._starting, self._start, make, self._steps.prepare(make))

    def _start(self, make: MakeBatches, prepared: Any) -> None:
        self._device_slots.acquire()
        started = None
        try:
            if not self._skip_if_unwanted(make):
                started = self._steps.start(prepared)
        finally:
            if started is None:
                self._device_slots.release()
        if started is not None:
            self._submit(self._waiting, self._wait, make, started)

    def _wait(self, make: MakeBatches, started: Any) -> None:
        try:
            writes = self._steps.wait(started)
        finally:
            self._device_slots.release()
        for batch, write in zip(make.batches, writes, strict=True):
            self._submit(self._writing, self._write, replace(make, batches=[batch]), write)

    def _write(self, make: MakeBatches, write: WriteBatch) -> None:
        self._answer(write())

    def _submit(self, threads: Executor, step: Callable[..., None], make: MakeBatches, *arguments: Any) -> None:
        threads.submit(self._run_step, step, make, *arguments)

    def _run_step(self, step: Callable[..., None], make: MakeBatches, *arguments: Any) -> None:
        try:
            step(make, *arguments)
        except AfmbatchError as error:
            if len(make.batches) == 1:
                self._answer(BatchRefused(make.job_id, make.batches[0], str(error)))
            else:  # one batch at a time: the others of the group can probably be made
                for batch in make.batches:
                    self._submit(self._preparing, self._prepare, replace(make, batches=[batch]))
        except Exception as error:  # noqa: BLE001 - the parent decides what to do about any error
            self._fail(error)


def describe_error(error: Exception) -> str:
    """Return the text of an error for the job's status."""
    return str(error) if isinstance(error, AfmbatchError) else f"{type(error).__name__}: {error}"
