"""The second thread of a worker: one heartbeat after the other, whatever the first is waiting for."""

import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from redis.exceptions import RedisError

from worker.control.shutdown import Stop

_log = logging.getLogger("worker")


class Heartbeat:
    """Calls each of `beats` every so many seconds, as a context manager. A worker whose heart stops must stop too."""

    def __init__(self, beats: Sequence[Callable[[], None]], seconds: float, stop: Stop) -> None:
        self._beats = beats
        self._seconds = seconds
        self._stop = stop
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(self._seconds)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                try:
                    for beat in self._beats:
                        beat()
                except RedisError as error:
                    _log.warning("heartbeat: %s", error)
                self._ended.wait(self._seconds)
        finally:
            self._stop.request()
