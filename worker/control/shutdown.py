"""SIGTERM and SIGINT: the first asks for an orderly end, the second ends us at once."""

import os
import signal
import time
from types import FrameType

GRACE_SECONDS = 8.0  # docker's default is to kill after 10
_LAST_SECONDS = 4  # after the grace period: to hand back and say goodbye, which a missing Redis may keep us from
_SAME_SECONDS = 1.0  # a wrapper may pass on a Ctrl-C that reached us already


class Stop:
    """Whether, and for how long, we have been told to stop. Signal handlers only set it: nothing is interrupted."""

    def __init__(self) -> None:
        self._since: float | None = None

    def listen(self) -> None:
        """Take over the signals; from the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def request(self) -> None:
        """Ask for an orderly end."""
        if self._since is None:
            self._since = time.monotonic()

    @property
    def requested(self) -> bool:
        """Whether to take no further work."""
        return self._since is not None

    @property
    def overdue(self) -> bool:
        """Whether work begun is to be dropped as well."""
        return self._since is not None and time.monotonic() - self._since > GRACE_SECONDS

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._since is None:
            self.request()
            signal.alarm(int(GRACE_SECONDS) + _LAST_SECONDS)  # unhandled: it ends us
        elif time.monotonic() - self._since > _SAME_SECONDS:
            os._exit(128 + number)
