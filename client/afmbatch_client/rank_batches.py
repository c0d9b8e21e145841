"""RankBatches divides the batches of a job among the ranks of a training run, without torch.

All ranks together read batches start, start + 1, …: step k of rank r of W is batch start + k·W + r. Worker w of the M
workers of a rank has the steps k ≡ w (mod M). A rank that takes from its workers in turn, as DataLoader does, sees the
same order whatever M is. After k steps start + k·W batches are consumed; that one integer is all that a later run needs
to continue, whatever its world size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from afmbatch_client.batch import Batch
from afmbatch_client.job import Job
from afmbatch_client.read_batches import read_batches


@dataclass(frozen=True, slots=True)
class RankBatches:
    """An iterable of the batches of one rank, or of one worker of a rank.

    A batch counts as consumed when the next one is requested. Consumed batches of a stream are acknowledged. If a batch
    was dropped before this reader received it, it is made again.
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
        """Yield the batches of this rank and worker from `start` on."""
        first = self.start + self.worker * self.world_size + self.rank
        step = self.workers * self.world_size
        yield from read_batches(self.job, self.start, first, step, self.prefetch, check=True)
