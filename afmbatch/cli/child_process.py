"""Child processes that end with their parent, even if the parent is killed."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO

_PR_SET_PDEATHSIG = 1


def start(
    command: Sequence[str], env: Mapping[str, str] | None = None, log: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C reaches the parent only.

    env: variables added to the parent's environment; log: the file for the program's output, None: the parent's output.

    On Linux the program gets SIGTERM when the thread that started it ends, so call this from the main thread. On other
    systems a parent that is killed leaves its children behind.
    """
    return subprocess.Popen(  # noqa: S603
        command,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_set_parent_death_signal(os.getpid()) if sys.platform == "linux" else None,
    )


def stop(process: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """Send SIGTERM, and SIGKILL after the grace period."""
    process.terminate()
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _set_parent_death_signal(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)  # loaded before the fork

    def in_child() -> None:
        # The parent may have died before the call: then no signal would come.
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0 or os.getppid() != parent:
            os._exit(1)

    return in_child
