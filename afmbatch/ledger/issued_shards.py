"""Keeps a record in Redis of the shards of each job that have been put into the queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from redis import Redis
from redis.client import Pipeline

from afmbatch.ledger import keys

_NUMBERS = ("shards", "end", "rewinds", "floor", "buffer_batches", "highest_end", "skipped")


@dataclass(frozen=True, slots=True)
class IssuedShards:
    """The shards of a job that were put into the queue: shards 0 to `shards` − 1, with batches 0 to `end` − 1."""

    #: Number of shards issued so far.
    shards: int = 0
    #: One past the last batch of these shards.
    end: int = 0
    #: Id of the task issued last, while it is queued; otherwise empty.
    queued_task: str = ""
    #: True if the job was cancelled.
    cancelled: bool = False
    #: Number of times a stream was rewound to a shard that had been issued.
    rewinds: int = 0
    #: First batch of a stream that is still wanted; None if the job keeps its batches.
    floor: int | None = None
    #: Size of a stream's buffer: number of batches, from the floor on, that may be recorded.
    buffer_batches: int = 0
    #: Highest `end` that a stream ever had.
    highest_end: int = 0
    #: Number of batches below a stream's floor that could not be made.
    skipped: int = 0

    @classmethod
    def from_hash(cls, found: Mapping[str, str]) -> Self:
        """Return the state kept in a Redis hash."""
        numbers = {name: int(found[name]) for name in _NUMBERS if name in found}
        return cls(queued_task=found.get("queued_task", ""), cancelled="cancelled" in found, **numbers)

    @property
    def mapping(self) -> dict[Any, Any]:
        """The fields of the Redis hash that are written whenever a shard is issued."""
        issued: dict[Any, Any] = {"shards": self.shards, "end": self.end, "queued_task": self.queued_task}
        if self.floor is not None:
            highest_end = max(self.highest_end, self.end)
            issued |= {"floor": self.floor, "buffer_batches": self.buffer_batches, "highest_end": highest_end}
        return issued


class IssuedShardsRepository:
    """Reads and writes the IssuedShards of jobs. `redis` must decode responses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own

    def get(self, job_id: str, pipe: Pipeline) -> IssuedShards | None:
        """Return the issued shards of a job; None if the job does not exist.

        The transaction `pipe` fails if they change meanwhile.
        """
        pipe.watch(keys.issued(job_id))
        found = self._redis.hgetall(keys.issued(job_id))
        return IssuedShards.from_hash(found) if found else None

    def put(self, job_id: str, issued: IssuedShards, pipe: Pipeline) -> None:
        """Record the issued shards of a job, within the transaction `pipe`."""
        pipe.hset(keys.issued(job_id), mapping=issued.mapping)
