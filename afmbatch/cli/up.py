"""`afmbatch up`: an embedded server, the HTTP service and workers, started together and stopped together."""

import queue
import signal
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

from afmbatch.cli import child_process as tether
from afmbatch.cli.embedded_redis import EmbeddedRedis
from afmbatch.errors import AfmbatchError

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 20.0
_START_SECONDS = 120.0  # the first start on a machine compiles the kernels
_RESTART_SECONDS = 1.0


class UpError(AfmbatchError):
    """What was started did not come up, or went down by itself."""


class Stack:
    """Everything on loopback, its data under one directory: a context manager that stops what it started.

    log: where the programs' output goes, None: where ours goes. Entering raises UpError or EmbeddedServerError.
    """

    def __init__(self, data: Path, port: int, workers: int, log: IO[bytes] | None = None) -> None:
        self._data = data.resolve()
        self._log = log
        self._told = "its output above tells why" if log is None else f"{log.name} tells why"
        self._workers = workers
        self._stopping = ExitStack()
        self._ended: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()  # role and exit status
        self._port = port
        self.url = f"http://127.0.0.1:{port}"
        self.env = {"AFMBATCH_HOST": "127.0.0.1", "AFMBATCH_PORT": str(port)}

    def __enter__(self) -> Self:
        self._refuse_taken_port()  # else another afmbatch behind it would tell us that all is ready
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
        """Restart workers that end; raise UpError when the service or Redis does."""
        while True:
            role, status = self._ended.get()
            if role != "worker":
                redis_log = self._data / "redis" / "redis.log"
                raise UpError(f"{role} ended by itself with status {status}; its output or {redis_log} may tell why")
            typer.echo(f"a worker ended with status {status}: a new one is started", err=True)
            time.sleep(_RESTART_SECONDS)  # a worker that dies at once must not keep the machine busy being born
            self._start("worker")

    def _refuse_taken_port(self) -> None:
        try:
            socket.create_server(("127.0.0.1", self._port)).close()
        except OSError as error:
            raise UpError(f"can't listen on 127.0.0.1 port {self._port}: {error.strerror}") from None

    def _start(self, role: str) -> None:
        process = tether.start([sys.executable, "-m", "afmbatch", role], self.env, self._log)
        self._stopping.callback(tether.stop, process, _GRACE_SECONDS)
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
                    raise UpError(f"{role} did not start (status {status}): {self._told}")
                except queue.Empty:
                    pass
                try:
                    answer = http.get("/v1/ready")
                    if answer.is_success and answer.json()["workers"] >= self._workers:
                        return
                except httpx.TransportError:
                    pass  # not listening yet
        raise UpError(f"no {self._workers} live workers within {_START_SECONDS:g} s")


def free_port() -> int:
    """A port on loopback that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def run(data: Path, port: int, workers: int) -> None:
    """Until SIGINT or SIGTERM. Raises UpError or EmbeddedServerError."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        with Stack(data, port, workers) as stack:
            typer.echo(f"afmbatch is up at {stack.url} (interactive documentation: {stack.url}/docs)")
            joining = " ".join(f"{k}={stack.env[k]}" for k in ("AFMBATCH_REDIS_URL", "AFMBATCH_STORE_URL"))
            typer.echo(f"more workers on this machine: {joining} {sys.argv[0]} worker")
            stack.supervise()
    except KeyboardInterrupt:
        typer.echo("stopped")
