"""Fetch results ahead of the consumer, in threads, and hand them out in order."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeAlias, TypeVar

Result = TypeVar("Result")
Fetch: TypeAlias = Callable[[int, threading.Event], Result]


class Prefetcher(Generic[Result]):
    """Call `fetch(number, stop)` for each number, in `threads` threads, and yield the results in order.

    Used in a with statement, which gives the iterator of results. At most `threads` results are fetched ahead. `stop`
    is set when the statement ends, so that a fetch that still waits can give up. The threads are daemons: they do not
    keep a program alive that has ended.
    """

    def __init__(self, fetch: Fetch[Result], numbers: Iterable[int], threads: int) -> None:
        if threads < 1:
            raise ValueError(f"at least one thread is needed to fetch batches, not {threads}")
        self._fetch = fetch
        self._numbers = iter(numbers)
        self._threads = threads
        self._process = os.getpid()
        self._stop = threading.Event()
        self._requests: SimpleQueue[tuple[int, Future[Result]]] = SimpleQueue()
        self._pending: deque[Future[Result]] = deque()

    def __enter__(self) -> Iterator[Result]:
        for _ in range(self._threads):
            threading.Thread(target=self._run, daemon=True).start()
            self._request_next()
        return self._results()

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for _ in range(self._threads):
            self._requests.put((0, Future()))  # wakes a thread that waits for a request

    def _results(self) -> Iterator[Result]:
        while self._pending:
            if os.getpid() != self._process:
                raise RuntimeError(
                    "a forked process can't continue the iteration of its parent, whose threads it does not have; "
                    "start a new iteration"
                )
            result = self._pending.popleft().result()
            self._request_next()
            yield result

    def _request_next(self) -> None:
        for number in self._numbers:
            future: Future[Result] = Future()
            self._pending.append(future)
            self._requests.put((number, future))
            return

    def _run(self) -> None:
        while True:
            number, future = self._requests.get()
            if self._stop.is_set():
                return
            try:
                future.set_result(self._fetch(number, self._stop))
            except BaseException as e:  # noqa: BLE001 - raised where the result is taken
                future.set_exception(e)
