"""Keeps the buffers of streams in Redis. Readers acknowledge batches, and may rewind to receive them again.

Batches below a stream's floor are acknowledged or could not be made; acknowledged batches above it are in a sorted set.
A stream has no bitmap of recorded batches: it may have no end, and only the batches in its buffer are kept.
"""

from collections.abc import Sequence
from typing import Any, cast

from redis import Redis
from redis.client import Pipeline

from afmbatch.ledger import keys
from afmbatch.ledger.batches import decode_records
from afmbatch.ledger.records import BatchRecord
from afmbatch.ledger.scripts import script


class StreamBuffer:
    """Acknowledges and rewinds batches of streams. `redis` must decode responses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own
        self._acknowledge = redis.register_script(script("acknowledge"))
        self._raise_floor = redis.register_script(script("raise_floor"))

    def raise_floor(self, job_id: str) -> None:
        """Raise a stream's floor past batches that could not be made. Other jobs are not changed."""
        self._raise_floor(keys=_keys(job_id))

    def acknowledge(self, job_id: str, batches: Sequence[int]) -> list[BatchRecord]:
        """Acknowledge batches of a stream and return the records whose files are to be deleted."""
        texts = cast(list[str], self._acknowledge(keys=_keys(job_id), args=batches))
        return decode_records([text.encode() for text in texts])

    def is_acknowledged(self, job_id: str, batch: int) -> bool:
        """Return whether a batch of a stream was acknowledged, or lies below its floor."""
        floor = self._redis.hget(keys.issued(job_id), "floor")
        if floor is None or batch < int(floor):
            return floor is not None
        return self._redis.zscore(keys.acknowledged(job_id), batch) is not None

    def rewind(self, job_id: str, batch: int, shard: int, start: int, pipe: Pipeline) -> None:
        """Make all batches of a stream from `batch` on available again, within the transaction `pipe`.

        shard: number of the batch's shard; start: first batch of that shard. The script returns the records whose
        files are to be deleted; `decode_records` reads them.
        """
        names = _keys(job_id)
        pipe.eval(script("rewind"), len(names), *names, str(batch), str(shard), str(start))

    def clear(self, job_id: str) -> None:
        """Remove all batch records of a cancelled stream."""
        self._redis.unlink(keys.batches(job_id), keys.order(job_id))


def _keys(job_id: str) -> list[str]:
    """Return the keys of the stream scripts, in the order in which they unpack them."""
    return [
        keys.issued(job_id),
        keys.acknowledged(job_id),
        keys.batches(job_id),
        keys.failed(job_id),
        keys.order(job_id),
    ]
