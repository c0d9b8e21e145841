"""An embedded Redis, the HTTP service and workers on one machine, started and stopped together."""

import queue
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx
import typer

from afmbatch.cli import child_process
from afmbatch.cli.embedded_redis import EmbeddedRedis
from afmbatch.errors import AfmbatchError

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 20.0
_START_SECONDS = 120.0  # the first start on a machine compiles the kernels
_RESTART_SECONDS = 1.0


class StackError(AfmbatchError):
    """A process of the stack did not start, or ended by itself."""


class Stack:
    """Redis, the service and workers, reachable on loopback only, with their data under one directory.

    A context manager: entering starts the processes and waits until they are ready, and raises StackError or
    EmbeddedServerError; leaving stops them. log: the file for their output, None: the output of this process.
    """

    def __init__(self, data: Path, port: int, workers: int, log: IO[bytes] | None = None) -> None:
        self._data = data.resolve()
        self._log = log
        self._log_hint = "see its output above" if log is None else f"see {log.name}"
        self._workers = workers
        self._stopping = ExitStack()
        self._ended: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()  # role and exit status
        self._port = port
        self.url = f"http://127.0.0.1:{port}"
        self.env = {"AFMBATCH_HOST": "127.0.0.1", "AFMBATCH_PORT": str(port)}

    def __enter__(self) -> Self:
        self._check_port_is_free()  # another afmbatch on the port would answer that it is ready
        with ExitStack() as undo:
            redis = undo.enter_context(EmbeddedRedis(self._data / "redis"))
            self.env["AFMBATCH_REDIS_URL"] = redis.url
            self.env["AFMBATCH_STORE_URL"] = (self._data / "store").as_uri()
            self._stopping = undo
            self._watch("redis", redis.process)
            for role in ("serve", *["worker"] * self._workers):
                self._start(role)
            self._wait_until_ready()
            self._stopping = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.close()

    def supervise(self) -> None:
        """Restart workers that end, for ever. Raises StackError when the service or Redis ends."""
        while True:
            role, status = self._ended.get()
            if role != "worker":
                redis_log = self._data / "redis" / "redis.log"
                raise StackError(f"{role} ended by itself with exit status {status}; see its output, or {redis_log}")
            typer.echo(f"a worker ended with exit status {status}; a new one is started", err=True)
            time.sleep(_RESTART_SECONDS)  # a worker that ends at once must not be restarted in a busy loop
            self._start("worker")

    def _check_port_is_free(self) -> None:
        try:
            socket.create_server(("127.0.0.1", self._port)).close()
        except OSError as error:
            raise StackError(f"can't listen on 127.0.0.1 port {self._port}: {error.strerror}") from None

    def _start(self, role: str) -> None:
        process = child_process.start([sys.executable, "-m", "afmbatch", role], self.env, self._log)
        self._stopping.callback(child_process.stop, process, _GRACE_SECONDS)
        self._watch(role, process)

    def _watch(self, role: str, process: subprocess.Popen[bytes]) -> None:
        def wait() -> None:
            self._ended.put((role, process.wait()))

        threading.Thread(target=wait, name=f"watch-{role}", daemon=True).start()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        with httpx.Client(base_url=self.url, trust_env=False) as http:
            while time.monotonic() < deadline:
                try:
                    role, status = self._ended.get(timeout=_POLL_SECONDS)
                    raise StackError(f"{role} did not start (exit status {status}): {self._log_hint}")
                except queue.Empty:
                    pass
                try:
                    response = http.get("/v1/ready")
                    if response.is_success and response.json()["workers"] >= self._workers:
                        return
                except httpx.TransportError:
                    pass  # not listening yet
        raise StackError(
            f"the service and {self._workers} workers were not ready within {_START_SECONDS:g} s: {self._log_hint}"
        )


def free_port() -> int:
    """Return a port of loopback on which nobody listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
