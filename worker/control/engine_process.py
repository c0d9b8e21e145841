"""Controls the engine from the parent: starts its process, sends it batches, detects that it died or hangs."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from enum import Enum
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from afmbatch.errors import AfmbatchError
from afmbatch.settings import Settings
from worker.messages import (
    Answer,
    BatchMade,
    BatchRefused,
    BatchSkipped,
    EngineFailed,
    EngineReady,
    MakeBatches,
    Message,
    SkipJob,
    decode,
    encode,
)

_log = logging.getLogger("worker")
ENGINE_FACTORY = "worker.engine.batch_maker:open_batch_maker"
_START_SECONDS = 120.0  # the first start on a machine compiles the kernels
_END_SECONDS = 2.0


class EngineNotStartedError(AfmbatchError):
    """The engine could not open its device: no batch can be made on this machine."""


class EngineLostError(AfmbatchError):
    """The engine died, hung or gave up. Another engine has to make the batches that it had not answered."""


class EngineState(Enum):
    """The states of an engine process."""

    NOT_STARTED = "not started"
    STARTING = "starting"  # the process runs and opens its device
    READY = "ready"  # the device is open; every group was answered
    BUSY = "busy"  # at least one group is not answered in full
    FAILED = "failed"  # it gave up with groups unanswered; the next `receive` raises
    ENDED = "ended"


class EngineProcess:
    """Runs one engine process at a time.

    Use it from one thread that lives as long as the parent: Linux kills the child when the thread that started it ends.
    """

    def __init__(self, settings: Settings, factory: str) -> None:
        self._settings = settings
        self._factory = factory
        self.state = EngineState.NOT_STARTED
        #: The engine's description of its device. It is set when the state becomes READY for the first time.
        self.ready: EngineReady
        self._process: subprocess.Popen[bytes]
        self._pipe: Connection
        self._groups: deque[set[tuple[str, int]]] = deque()  # unanswered batches (job, number) of each group, in order
        self._progress_at = 0.0  # time.monotonic() when a batch of the first group was answered or the group came first
        self._failure = ""  # in the state FAILED: why the engine gave up

    @property
    def unanswered_groups(self) -> int:
        """The number of groups that are not answered in full."""
        return len(self._groups)

    def launch(self) -> None:
        """Start the process. It opens its device in the background."""
        self._require(EngineState.NOT_STARTED, EngineState.ENDED)
        parent_end, child_end = Pipe()
        with child_end:
            self._pipe = parent_end
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-m", "worker.engine.main", self._factory, str(child_end.fileno()), str(os.getpid())],
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
            )
        self.state = EngineState.STARTING
        self._send(self._settings.model_dump_json().encode())

    def wait_until_ready(self) -> EngineReady:
        """Wait until the launched process has opened its device. Raises EngineNotStartedError."""
        self._require(EngineState.STARTING)
        try:
            message = self._read(_START_SECONDS)
        except EngineLostError as error:
            raise EngineNotStartedError(f"the engine did not start: {error}") from None
        if not isinstance(message, EngineReady):
            reason = self._end(f"no device in {_START_SECONDS:g} s")
            raise EngineNotStartedError(f"the engine did not start: {reason}")
        self.ready = message
        self.state = EngineState.READY
        return message

    def ensure_ready(self) -> None:
        """Start the process unless one is running. Raises EngineNotStartedError."""
        self._require(EngineState.NOT_STARTED, EngineState.READY, EngineState.ENDED)
        if self.state is EngineState.READY and self._process.poll() is None:
            return
        self.stop()
        self.launch()
        self.wait_until_ready()

    def send(self, make: MakeBatches) -> None:
        """Send a group of batches of one job. The device makes groups in the order in which they are sent."""
        self._require(EngineState.READY, EngineState.BUSY)
        if not self._groups:
            self._progress_at = time.monotonic()
        self._groups.append({(make.job_id, batch) for batch in make.batches})
        self.state = EngineState.BUSY
        self._send(encode(make))

    def skip(self, job_id: str) -> None:
        """Ask the engine to begin no further batch of a job. It answers the batches that it skips as well."""
        self._require(EngineState.BUSY)
        self._send(encode(SkipJob(job_id)))

    def receive(self, seconds: float) -> list[Answer]:
        """Return the answers that have arrived; wait for the first one for at most `seconds`.

        Raises EngineLostError if the engine died, gave up, or took longer over a batch than the settings allow.
        """
        self._require(EngineState.BUSY, EngineState.FAILED)
        if self.state is EngineState.FAILED:
            raise self._end(self._failure)
        answers: list[Answer] = []
        seconds_left = self._progress_at + self._settings.batch_seconds - time.monotonic()
        message = self._read(max(0.0, min(seconds, seconds_left)))
        while isinstance(message, BatchMade | BatchRefused | BatchSkipped):
            answers.append(message)
            self._note_answer(message)
            message = self._read_available()
        if isinstance(message, EngineFailed):
            if self._groups:
                self._failure = message.error
                self.state = EngineState.FAILED
            else:  # every group has been answered, so nothing has to be made again
                self._end(message.error)
        if not answers and seconds_left <= seconds:
            raise self._end(f"no batch within {self._settings.batch_seconds:g} s")
        return answers

    def _note_answer(self, answer: Answer) -> None:
        batch = answer.job_id, answer.batch
        group = next((group for group in self._groups if batch in group), None)
        if group is None:  # ending over it would be counted against a task that has nothing to do with it
            _log.error("Job %s: the engine answered batch %d, which it does not have", *batch)
            return
        if group is self._groups[0]:
            self._progress_at = time.monotonic()
        group.remove(batch)
        if not group:
            self._groups.remove(group)
        if not self._groups:
            self.state = EngineState.READY

    def stop(self) -> None:
        """End the process: at once while it is BUSY, otherwise by closing the pipe."""
        if self.state in (EngineState.NOT_STARTED, EngineState.ENDED):
            return
        self._pipe.close()
        if self.state is not EngineState.BUSY:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
        self._process.kill()
        self._process.wait()
        self._groups.clear()
        self.state = EngineState.ENDED

    def _require(self, *states: EngineState) -> None:
        if self.state not in states:
            expected = " or ".join(state.value for state in states)
            raise RuntimeError(f"the engine process is {self.state.value}; this call needs it to be {expected}")

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the engine is dead: the next read finds out why
            self._pipe.send_bytes(data)

    def _read(self, seconds: float) -> Message | None:
        """Return the next message; None if none comes within `seconds`. Raises EngineLostError."""
        try:
            message = decode(self._pipe.recv_bytes()) if self._pipe.poll(seconds) else None
        except (EOFError, OSError):
            raise self._end(None) from None
        if isinstance(message, EngineFailed):
            raise self._end(message.error)
        return message

    def _read_available(self) -> Message | None:
        """Return the next message if one has arrived, else None. If the engine has ended, the next `_read` raises."""
        with contextlib.suppress(EOFError, OSError):
            return decode(self._pipe.recv_bytes()) if self._pipe.poll() else None
        return None

    def _end(self, reason: str | None) -> EngineLostError:
        """Make sure that the process has ended and return the error to raise.

        reason: why the engine is lost; None: the process ended by itself, and its exit status gives the reason.
        """
        try:
            status = self._process.wait(_END_SECONDS if reason is None else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._pipe.close()
        self._groups.clear()
        self.state = EngineState.ENDED
        return EngineLostError(reason or _exit_reason(status))


def _exit_reason(status: int) -> str:
    """Return why an engine process ended. status: its exit code, or the negative number of the signal."""
    if status >= 0:
        return f"the engine ended with status {status}"
    name = signal.Signals(-status).name
    return f"the engine was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
