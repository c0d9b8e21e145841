"""Describes a shard in progress: a contiguous range of batches of one job, held by a lease on its task."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from afmbatch.sampling.plan import Plan


@dataclass(slots=True, eq=False)
class Shard:
    """A shard that this worker has opened."""

    job_id: str
    #: Number of the shard in the job.
    number: int
    plan: Plan
    #: JSON of the job's Recipe.
    recipe: str
    #: Returns whether this worker still holds the lease.
    is_held: Callable[[], bool]
    #: True if batches are made one at a time, because an earlier worker was lost while it held the shard.
    one_by_one: bool
    #: Batches that are neither recorded nor given up.
    batches_left: set[int]
    #: Batches that another worker had begun when it handed the shard back. They come last and are probably recorded by
    #: then.
    begun_elsewhere: frozenset[int] = frozenset()
    #: Number of engines that were lost while they had each batch.
    attempts: Counter[int] = field(default_factory=Counter)
    #: time.monotonic() when the shard was opened, or a batch of it was last sent to an engine, answered or retried.
    active_at: float = field(default_factory=time.monotonic)
    #: Number of successive batches that were given up after their last attempt.
    failures_in_a_row: int = 0

    def note_activity(self) -> None:
        """Record that a batch was sent to an engine, answered or retried."""
        self.active_at = time.monotonic()

    def pixels(self, batch: int) -> int:
        """Return the number of image pixels of a batch. All slices of a pixel count as one."""
        nx, ny = self.plan.spec.image_dim
        return self.plan.size(batch) * len(self.plan.spec.tips) * nx * ny

    def must_be_alone(self, batch: int) -> bool:
        """Return whether a batch has to be alone in the engine, so that the loss of the engine is due to this batch."""
        return self.one_by_one or self.attempts[batch] > 0
