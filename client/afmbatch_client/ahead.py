"""Work done ahead of who takes its results, which come in order."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeAlias, TypeVar

Item = TypeVar("Item")
Work: TypeAlias = Callable[[int, threading.Event], Item]


class Ahead(Generic[Item]):
    """`work(number, stop)` for each number, in `threads` threads, at most as many results ahead; a context manager.

    `stop` is set when nobody wants the results any more. The threads are daemons: none keeps a program that ends.
    """

    def __init__(self, work: Work[Item], numbers: Iterable[int], threads: int) -> None:
        if threads < 1:
            raise ValueError(f"{threads} threads would fetch nothing")
        self._work = work
        self._numbers = iter(numbers)
        self._process = os.getpid()
        self._stop = threading.Event()
        self._orders: SimpleQueue[tuple[int, Future[Item]]] = SimpleQueue()
        self._coming: deque[Future[Item]] = deque()
        self._threads = threads

    def __enter__(self) -> Iterator[Item]:
        for _ in range(self._threads):
            threading.Thread(target=self._run, daemon=True).start()
            self._order()
        return self._results()

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        for _ in range(self._threads):
            self._orders.put((0, Future()))  # to wake those that wait for an order

    def _results(self) -> Iterator[Item]:
        while self._coming:
            if os.getpid() != self._process:
                raise RuntimeError(
                    "batches can't be taken on in a forked process: its threads stayed behind; start anew"
                )
            result = self._coming.popleft().result()
            self._order()
            yield result

    def _order(self) -> None:
        for number in self._numbers:
            future: Future[Item] = Future()
            self._coming.append(future)
            self._orders.put((number, future))
            return

    def _run(self) -> None:
        while True:
            number, future = self._orders.get()
            if self._stop.is_set():
                return
            try:
                future.set_result(self._work(number, self._stop))
            except BaseException as e:  # noqa: BLE001 - raised where the result is taken
                future.set_exception(e)
