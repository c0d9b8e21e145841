"""Keeps the batches of the open shards that have not been sent to the engine yet."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TypeAlias

from afmbatch.storage.batch_file import planned_memory_bytes
from worker.control.shard import Shard

ShardBatch: TypeAlias = tuple[Shard, int]


class BatchQueue:
    """Keeps batches in the order in which they are sent to the engine, and forms groups that fit into its memory.

    max_group_bytes: largest estimated memory of a group of several batches, in bytes.
    """

    def __init__(self, max_group_bytes: int) -> None:
        self._max_group_bytes = max_group_bytes
        self._batches: deque[ShardBatch] = deque()

    @property
    def first(self) -> ShardBatch | None:
        """The next batch; None if the queue is empty."""
        return self._batches[0] if self._batches else None

    def append(self, shard: Shard, batches: Iterable[int]) -> None:
        """Put batches of a shard behind all others."""
        self._batches.extend((shard, batch) for batch in batches)

    def prepend(self, batches: Sequence[ShardBatch]) -> None:
        """Put batches in front of all others, in this order."""
        self._batches.extendleft(reversed(batches))

    def remove(self, shard: Shard) -> set[int]:
        """Remove all batches of a shard and return their numbers."""
        removed = {batch for other, batch in self._batches if other is shard}
        self._batches = deque(entry for entry in self._batches if entry[0] is not shard)
        return removed

    def discard(self, job_id: str, batches: Iterable[int]) -> None:
        """Remove these batches of a job, if they are queued."""
        removed = set(batches)
        self._batches = deque(
            (shard, batch) for shard, batch in self._batches if shard.job_id != job_id or batch not in removed
        )

    def batches(self, job_id: str) -> set[int]:
        """Return the batches of a job that are queued."""
        return {batch for shard, batch in self._batches if shard.job_id == job_id}

    def batches_of(self, shard: Shard) -> list[int]:
        """Return the queued batches of a shard, in order."""
        return [batch for other, batch in self._batches if other is shard]

    @property
    def pixels(self) -> int:
        """The number of image pixels of all queued batches."""
        return sum(shard.pixels(batch) for shard, batch in self._batches)

    def pop(self) -> ShardBatch:
        """Remove and return the next batch."""
        return self._batches.popleft()

    def has_samples(self, samples: int) -> bool:
        """Return whether the queued batches have at least this number of samples together."""
        sizes = accumulate(shard.plan.size(batch) for shard, batch in self._batches)
        return any(total >= samples for total in sizes)

    def pop_group(self, samples: int) -> list[ShardBatch]:
        """Remove and return the next batch, with successors of its job until the group has `samples` samples.

        A group of several batches takes at most `max_group_bytes`. A batch that must be alone is a group of its own.
        """
        shard, batch = self.pop()
        group, total = [(shard, batch)], shard.plan.size(batch)
        if shard.must_be_alone(batch):
            return group
        while self._batches and total < samples:
            next_shard, next_batch = self._batches[0]
            total += next_shard.plan.size(next_batch)
            if (
                next_shard.job_id != shard.job_id
                or next_shard.must_be_alone(next_batch)
                or next_batch in next_shard.begun_elsewhere  # it may be recorded before its turn comes
                or planned_memory_bytes(next_shard.plan, total) > self._max_group_bytes
            ):
                break
            group.append(self.pop())
        return group
