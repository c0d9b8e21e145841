"""A job's batches shared out among the ranks of a training run and the workers of each rank, without torch.

All ranks together go through batches start, start + 1, …: step k of rank r of W has batch start + k·W + r. Worker w of
a rank's M has the steps k ≡ w (mod M); whoever takes from the workers in turn, as DataLoader does, sees the same order
whatever M is. After k steps start + k·W batches are consumed: that integer is all that a later run needs, of any size.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from afmbatch_client.ahead import Ahead
from afmbatch_client.batch import Batch
from afmbatch_client.errors import Gone
from afmbatch_client.job import Job


@dataclass(frozen=True, slots=True)
class Shares:
    """An iterable of one worker's batches. What it has given counts as consumed when the next is asked for.

    Of a stream, consumed batches are acknowledged; one that was dropped before this reader had it is made again.
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
            raise ValueError(f"rank, worker and start are counted from 0: {self}")

    def __iter__(self) -> Iterator[Batch]:
        """From `start` on, each time."""
        delivery = self.job.status()["spec"].get("delivery") or {}
        numbers = self.job.numbers(
            self.start + self.worker * self.world_size + self.rank, self.workers * self.world_size
        )
        if delivery.get("kind") != "stream":
            with Ahead(self._awaited, numbers, self.prefetch) as batches:
                yield from batches
            return
        # All that may be in the buffer still: who goes back brings back what others had consumed, and who was killed
        # may not have said all that it had.
        room = delivery["buffer_batches"]
        consumed = deque(range(max(0, self.start - room), self.start), maxlen=room)
        with Ahead(self._again, numbers, self.prefetch) as batches:
            while True:
                if consumed:
                    self.job.acknowledge(consumed)
                if (batch := next(batches, None)) is None:
                    return
                yield batch
                consumed.append(batch.number)

    def _awaited(self, number: int, stop: Event) -> Batch:
        return self.job.awaited(number, float("inf"), True, stop)

    def _again(self, number: int, stop: Event) -> Batch:
        try:
            return self._awaited(number, stop)
        except Gone:
            self.job.rewind(number)
            return self._awaited(number, stop)
