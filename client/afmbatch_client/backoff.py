"""Pauses between attempts after transient failures: a restart, a full queue, a broken connection."""

import random
import threading
import time

from afmbatch_client.errors import ClientError

_FIRST_SECONDS, _MAX_SECONDS = 0.1, 5.0


class Backoff:
    """Wait between attempts, twice as long each time, and give up after `retry_for` seconds without progress.

    Setting `stop` ends a wait at once.
    """

    def __init__(self, retry_for: float, stop: threading.Event | None = None) -> None:
        self._retry_for = retry_for
        self._stop = stop or threading.Event()
        self.reset()

    def reset(self) -> None:
        """Start the time and the delays anew, because progress was made."""
        self._since = time.monotonic()
        self._delay = _FIRST_SECONDS

    def wait(self, error: ClientError, min_seconds: float = 0.0) -> None:
        """Wait before the next attempt. Raise `error` if no time is left or `stop` is set."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - keeps the ranks from retrying at the same moment
        delay = max(self._delay * jitter, min_seconds)
        if time.monotonic() - self._since + delay > self._retry_for or self._stop.wait(delay):
            raise error
        self._delay = min(2 * self._delay, _MAX_SECONDS)
