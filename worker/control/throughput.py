"""How fast a worker makes images: pixels a second of the time in which its engine had work, the last counting most."""

import time
from collections.abc import Callable

HALF_LIFE_SECONDS = 60.0  # of busy time


class Rate:
    """A mean over busy time whose weights halve every so many seconds. Written by one thread, read by any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._busy_since: float | None = None
        self._seconds = 0.0
        self._pixels = 0.0
        self.per_second: float | None = None  # None until something was made

    def busy(self, yes: bool) -> None:
        """Whether the engine has work from now on."""
        now = self._clock()
        if self._busy_since is not None:
            passed = now - self._busy_since
            kept = 0.5 ** (passed / HALF_LIFE_SECONDS)
            self._seconds, self._pixels = self._seconds * kept + passed, self._pixels * kept
        self._busy_since = now if yes else None

    def made(self, pixels: int) -> None:
        """So many pixels are finished; after `busy` has counted the time they took."""
        self._pixels += pixels
        if self._seconds > 0:
            self.per_second = self._pixels / self._seconds
