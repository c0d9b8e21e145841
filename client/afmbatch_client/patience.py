"""How long to go on after failures that pass: a restart, a full queue, a cable."""

import random
import threading
import time

from afmbatch_client.errors import ClientError

_FIRST_SECONDS, _MOST_SECONDS = 0.1, 5.0


class Patience:
    """Waits between attempts, twice as long each time, and gives up after `seconds` without progress."""

    def __init__(self, seconds: float, stop: threading.Event | None = None) -> None:
        self._seconds = seconds
        self._stop = stop or threading.Event()
        self.progressed()

    def progressed(self) -> None:
        """Start anew: something was achieved."""
        self._since = time.monotonic()
        self._delay = _FIRST_SECONDS

    def wait(self, error: ClientError, at_least: float = 0.0) -> None:
        """Before the next attempt. Raises the error where no time is left, or nobody wants the result any more."""
        delay = max(self._delay * random.uniform(0.5, 1.0), at_least)  # noqa: S311 - ranks should not come in step
        if time.monotonic() - self._since + delay > self._seconds or self._stop.wait(delay):
            raise error
        self._delay = min(2 * self._delay, _MOST_SECONDS)
