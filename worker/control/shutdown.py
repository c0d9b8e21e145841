"""Handles SIGTERM and SIGINT: the first signal requests an orderly end, a second one ends the process at once."""

import os
import signal
import time
from types import FrameType

GRACE_SECONDS = 8.0  # docker kills after 10 s by default
# Time after the grace period to hand tasks back and to unregister. The process ends after it even if Redis is down.
_UNREGISTER_SECONDS = 4
_DUPLICATE_SECONDS = 1.0  # a second signal within this time may be the first one, passed on by a wrapper


class Shutdown:
    """Records whether and when the process was asked to stop. Signal handlers only set it; they interrupt nothing."""

    def __init__(self) -> None:
        self._requested_at: float | None = None

    def listen(self) -> None:
        """Install the signal handlers. Call it from the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def request(self) -> None:
        """Request an orderly end."""
        if self._requested_at is None:
            self._requested_at = time.monotonic()

    @property
    def requested(self) -> bool:
        """True if no further work is to be taken."""
        return self._requested_at is not None

    @property
    def overdue(self) -> bool:
        """True if the grace period is over, so that work in progress is dropped as well."""
        return self._requested_at is not None and time.monotonic() - self._requested_at > GRACE_SECONDS

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._requested_at is None:
            self.request()
            signal.alarm(int(GRACE_SECONDS) + _UNREGISTER_SECONDS)  # SIGALRM has no handler: it ends the process
        elif time.monotonic() - self._requested_at > _DUPLICATE_SECONDS:
            os._exit(128 + number)
