"""Measures a worker's throughput: image pixels per second of the time in which its engine had work."""

import time
from collections.abc import Callable

HALF_LIFE_SECONDS = 60.0  # of busy time


class Throughput:
    """A mean over busy time, in which the weight of the past is halved every 60 s. One thread writes, any may read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._busy_since: float | None = None
        self._seconds = 0.0
        self._pixels = 0.0
        #: Image pixels per second; None until the first batch is made.
        self.pixels_per_second: float | None = None

    def set_busy(self, busy: bool) -> None:
        """Record whether the engine has work from now on."""
        now = self._clock()
        if self._busy_since is not None:
            passed = now - self._busy_since
            weight = 0.5 ** (passed / HALF_LIFE_SECONDS)
            self._seconds, self._pixels = self._seconds * weight + passed, self._pixels * weight
        self._busy_since = now if busy else None

    def add(self, pixels: int) -> None:
        """Record that pixels were made. Call it after `set_busy` has counted the time that they took."""
        self._pixels += pixels
        if self._seconds > 0:
            self.pixels_per_second = self._pixels / self._seconds
