"""Child processes that can't outlive us, whatever happens to us."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO

_PR_SET_PDEATHSIG = 1


def _tied_to(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def tie() -> None:
        # Linux only; elsewhere children are stopped by the ordinary paths alone.
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0 or os.getppid() != parent:
            os._exit(1)

    return tie


def start(
    command: Sequence[str], env: Mapping[str, str] | None = None, log: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own (Ctrl-C reaches us only) that gets SIGTERM when we die.

    env: added to our environment; log: where its output goes, None: where ours goes.

    Call it from the main thread: the signal is tied to the thread that starts the child.
    """
    return subprocess.Popen(  # noqa: S603
        command,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_tied_to(os.getpid()) if sys.platform == "linux" else None,
    )


def stop(process: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """SIGTERM, then SIGKILL after the grace period."""
    process.terminate()
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
