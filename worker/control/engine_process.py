"""The parent's side of the engine: starts it, hands it batches, notices when it dies or hangs."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from afmbatch.errors import AfmbatchError
from afmbatch.settings import Settings
from worker.messages import (
    Answer,
    BatchRefused,
    EngineFailed,
    Made,
    Make,
    Message,
    Ready,
    Skip,
    Skipped,
    decode,
    encode,
)

_START_SECONDS = 120.0  # the first start on a machine compiles the kernels
_END_SECONDS = 2.0


class EngineNotStartedError(AfmbatchError):
    """The engine could not open its device: nothing can be made on this machine."""


class EngineLostError(AfmbatchError):
    """The engine died, hung or gave up: what it had not answered is to be made by another one."""


class Engine:
    """One engine process at a time. Use it from one thread that lives as long as we do: the child dies with it."""

    def __init__(self, settings: Settings, factory: str) -> None:
        self._settings = settings
        self._factory = factory
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection
        self.ready: Ready
        self._waiting: deque[set[tuple[str, int]]] = deque()  # the batches of each Make that are not answered
        self._unread: Message | None = None
        self._since = 0.0  # when the first of these Makes came to be the first, or one of its batches was answered

    @property
    def waiting(self) -> int:
        """How many Makes it has that are not answered in full."""
        return len(self._waiting)

    def launch(self) -> None:
        """Start the process; it opens its device while we do something else."""
        ours, its = Pipe()
        with its:
            self._pipe = ours
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "worker.engine.main", self._factory, str(its.fileno()), str(os.getpid())],
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
            )
        self._send(self._settings.model_dump_json().encode())

    def open(self) -> Ready:
        """Wait until the device of a launched process is open: `ready` from then on. Raises EngineNotStartedError."""
        try:
            message = self._read(_START_SECONDS)
        except EngineLostError as error:
            raise EngineNotStartedError(f"the engine did not start: {error}") from None
        if not isinstance(message, Ready):
            raise EngineNotStartedError(f"the engine did not start: {self._end(f'no device in {_START_SECONDS:g} s')}")
        self.ready = message
        return message

    def ensure(self) -> None:
        """Start the process if there is none. Raises EngineNotStartedError."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self.launch()
            self.open()

    def send(self, make: Make) -> None:
        """Hand it batches of one job; the device makes them in this order."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append({(make.job_id, batch) for batch in make.batches})
        self._send(encode(make))

    def skip(self, job_id: str) -> None:
        """Have it begin no further batch of a job; those that it does not begin are answered as well."""
        self._send(encode(Skip(job_id)))

    def receive(self, seconds: float) -> list[Answer]:
        """Its next answers, as many as there are; none after so many seconds.

        Raises EngineLostError if it died, gave up, or took longer over a batch than the settings allow.
        """
        answers: list[Answer] = []
        left = self._since + self._settings.batch_seconds - time.monotonic()
        message = self._read(max(0.0, min(seconds, left)))
        while isinstance(message, Made | BatchRefused | Skipped):
            answers.append(message)
            self._answered(message)
            message = self._next()
        self._unread = message  # a EngineFailed: after what could be answered before it
        if not answers and left <= seconds:
            raise self._end(f"no batch within {self._settings.batch_seconds:g} s")
        return answers

    def _answered(self, answer: Answer) -> None:
        batch = answer.job_id, answer.batch
        group = next(group for group in self._waiting if batch in group)
        if group is self._waiting[0]:
            self._since = time.monotonic()
        group.remove(batch)
        if not group:
            self._waiting.remove(group)

    def stop(self) -> None:
        """End the process: at once if it has work, else by closing the pipe."""
        if self._process is not None:
            self._pipe.close()
            if not self._waiting:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_END_SECONDS)
            self._process.kill()
            self._process.wait()
            self._process = None
            self._waiting.clear()

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # it is dead: reading tells more
            self._pipe.send_bytes(data)

    def _read(self, seconds: float) -> Message | None:
        try:
            message = self._unread or (decode(self._pipe.recv_bytes()) if self._pipe.poll(seconds) else None)
        except (EOFError, OSError):
            raise self._end(None) from None
        if isinstance(message, EngineFailed):
            raise self._end(message.error)
        return message

    def _next(self) -> Message | None:
        """What is there already; of an engine that has ended the next `_read` tells."""
        with contextlib.suppress(EOFError, OSError):
            return decode(self._pipe.recv_bytes()) if self._pipe.poll() else None
        return None

    def _end(self, reason: str | None) -> EngineLostError:
        """Make sure that it is dead, and say why; None: it ended by itself."""
        assert self._process is not None  # noqa: S101 - only called while there is one
        try:
            status = self._process.wait(_END_SECONDS if reason is None else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._pipe.close()
        self._process = None
        self._unread = None
        self._waiting.clear()
        return EngineLostError(reason or _obituary(status))


def _obituary(status: int) -> str:
    if status >= 0:
        return f"the engine ended with status {status}"
    name = signal.Signals(-status).name
    return f"the engine was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
