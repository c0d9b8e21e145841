"""Sends heartbeats from a second thread of a worker, whatever the main thread is waiting for."""

import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from redis.exceptions import RedisError

from worker.control.shutdown import Shutdown

_log = logging.getLogger("worker")


class Heartbeat:
    """Calls each of `actions` every `seconds` while the context is open.

    The thread requests a shutdown when it ends, so that a worker without heartbeats stops too.
    """

    def __init__(self, actions: Sequence[Callable[[], None]], seconds: float, shutdown: Shutdown) -> None:
        self._actions = actions
        self._seconds = seconds
        self._shutdown = shutdown
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join(self._seconds)

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                try:
                    for action in self._actions:
                        action()
                except RedisError as error:
                    _log.warning("Heartbeat failed, the next one follows in %g s: %s", self._seconds, error)
                self._closed.wait(self._seconds)
        finally:
            self._shutdown.request()
