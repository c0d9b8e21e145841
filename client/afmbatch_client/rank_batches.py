"""The batches of one rank of a training run, without torch.

All ranks together read batches start, start + 1, …: step k of rank r of W is batch start + k·W + r. Worker w of the M
workers of a rank has the steps k ≡ w (mod M). A rank that takes from its workers in turn, as DataLoader does, sees the
same order whatever M is. After k steps start + k·W batches are consumed; that one integer is all that a later run needs
to continue, whatever its world size.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from afmbatch_client.batch import Batch
from afmbatch_client.errors import Gone
from afmbatch_client.job import Job
from afmbatch_client.prefetcher import Prefetcher


@dataclass(frozen=True, slots=True)
class RankBatches:
    """An iterable of the batches of one rank, or of one worker of a rank.

    A batch counts as consumed when the next one is asked for. Consumed batches of a stream are acknowledged. A batch
    that was dropped before this reader had it is made again.
    """

    job: Job
    rank: int = 0
    world_size: int = 1
    worker: int = 0
    workers: int = 1
    start: int = 0
    prefetch: int = 4

    def __post_init__(self) -> None:
        if not (0 <= self.rank < self.world_size and 0 <= self.worker < self.workers and self.start >= 0):
            raise ValueError(f"rank, worker and start count from 0, below world_size and workers: {self}")

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches from `start` on, each time."""
        delivery = self.job.status()["spec"].get("delivery") or {}
        numbers = self.job.numbers(
            self.start + self.worker * self.world_size + self.rank, self.workers * self.world_size
        )
        if delivery.get("kind") != "stream":
            with Prefetcher(self._fetch, numbers, self.prefetch) as batches:
                yield from batches
            return
        # Acknowledge everything before `start` that the buffer may still hold: rewinding brings back batches that other
        # ranks had consumed, and a rank that was killed may not have acknowledged all that it had consumed.
        buffer_batches = delivery["buffer_batches"]
        consumed = deque(range(max(0, self.start - buffer_batches), self.start), maxlen=buffer_batches)
        with Prefetcher(self._fetch_or_rewind, numbers, self.prefetch) as batches:
            while True:
                if consumed:
                    self.job.acknowledge(consumed)
                if (batch := next(batches, None)) is None:
                    return
                yield batch
                consumed.append(batch.number)

    def _fetch(self, number: int, stop: Event) -> Batch:
        return self.job.wait_for_batch(number, float("inf"), True, stop)

    def _fetch_or_rewind(self, number: int, stop: Event) -> Batch:
        try:
            return self._fetch(number, stop)
        except Gone:
            self.job.rewind(number)
            return self._fetch(number, stop)
