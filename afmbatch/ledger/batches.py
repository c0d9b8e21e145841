"""Keeps records in Redis of the batches that were made and of those that could not be made.

A batch is recorded once its file is in the store; recording it again is harmless.
"""

import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from pydantic import TypeAdapter
from redis import Redis
from redis.client import NEVER_DECODE

from afmbatch.errors import NotFound
from afmbatch.ledger import keys
from afmbatch.ledger.issued_shards import IssuedShards
from afmbatch.ledger.records import BatchFailure, BatchRecord
from afmbatch.ledger.scripts import script

_RECORDS = TypeAdapter(list[BatchRecord])


def decode_records(texts: Sequence[bytes]) -> list[BatchRecord]:
    """Return the batch records in the answer of a script, each given as JSON."""
    return _RECORDS.validate_json(b"[" + b",".join(texts) + b"]")


class BatchRepository:
    """Reads and writes the records of batches. `redis` must decode responses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own
        self._record = redis.register_script(script("record_batches"))
        self._record_failure = redis.register_script(script("record_failure"))

    def record(self, job_id: str, records: Sequence[BatchRecord]) -> list[bool]:
        """Record batches that are in the store and return, for each, whether its record refers to this file.

        False means that no record refers to the file, so that the caller has to delete it: the job was deleted, a
        stream has no use for the batch, or another file was recorded for the batch earlier.
        """
        words = [word for r in records for word in (r.batch, r.model_dump_json(), r.samples, r.sha256, r.flagged)]
        answer = self._record(
            keys=[
                keys.job(job_id), keys.done(job_id), keys.issued(job_id), keys.acknowledged(job_id),
                keys.batches(job_id), keys.failed(job_id), keys.order(job_id),
            ],
            args=[time.time(), *words],
        )  # fmt: skip
        return [kept == 1 for kept in cast(list[int], answer)] or [False] * len(records)

    def record_failure(self, job_id: str, failure: BatchFailure) -> None:
        """Record that a batch could not be made; a recorded batch stays recorded."""
        self._record_failure(
            keys=[
                keys.job(job_id), keys.batches(job_id), keys.failed(job_id), keys.issued(job_id),
                keys.acknowledged(job_id),
            ],
            args=[failure.batch, failure.model_dump_json(), time.time()],
        )  # fmt: skip

    def failure(self, job_id: str, batch: int) -> BatchFailure | None:
        """Return the failure of a batch; None if it has not failed."""
        texts = self._redis.zrangebyscore(keys.failed(job_id), batch, batch)
        return BatchFailure.model_validate_json(texts[0]) if texts else None

    def get(self, job_id: str, batch: int) -> BatchRecord:
        """Return the record of a batch. Raises NotFound, which names the job if the job does not exist."""
        text = self._redis.hget(keys.batches(job_id), str(batch))
        if text is None:
            if not self._redis.exists(keys.job(job_id)):
                raise NotFound("job", job_id)
            raise NotFound("batch", f"{job_id}/{batch}")
        return BatchRecord.model_validate_json(text)

    def page(self, job_id: str, numbers: range) -> tuple[int, list[BatchRecord]]:
        """Return the number of recorded batches of a job, and the records among these batch numbers, in order."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hlen(keys.batches(job_id))
            if numbers:
                pipe.hmget(keys.batches(job_id), [str(number) for number in numbers])
            recorded, *pages = pipe.execute()
        return recorded, _RECORDS.validate_json(f"[{','.join(text for page in pages for text in page if text)}]")

    def recorded_after(self, job_id: str, position: int, limit: int) -> list[tuple[int, BatchRecord]]:
        """Return at most `limit` batch records from behind a position, each with its own position.

        Positions number the recorded batches from 1, in the order of recording. Acknowledged batches are left out.
        """
        found = self._redis.zrangebyscore(
            keys.order(job_id), f"({position}", "+inf", start=0, num=limit, withscores=True
        )
        texts = self._redis.hmget(keys.batches(job_id), [batch for batch, _ in found]) if found else []
        return [
            (int(at), BatchRecord.model_validate_json(text))
            for (_, at), text in zip(found, texts, strict=True)
            if text is not None
        ]

    def missing(self, job_id: str, batches: range) -> list[int]:
        """Return the batches of a range that are neither recorded nor failed nor acknowledged.

        Batches outside a stream's buffer are not missing.
        """
        if self._redis.hexists(keys.issued(job_id), "floor"):
            return self._missing_of_stream(job_id, batches)
        first, last = batches.start // 8, (batches.stop - 1) // 8
        failed = self._redis.zrangebyscore(keys.failed(job_id), batches.start, batches.stop - 1, withscores=True)
        # The bitmap is read after the failures: a batch may move from failed to done, but never back.
        done = self._redis.execute_command("GETRANGE", keys.done(job_id), first, last, **{NEVER_DECODE: True})
        accounted = np.unpackbits(np.frombuffer(done.ljust(last - first + 1, b"\0"), dtype=np.uint8))
        accounted[[int(b) - 8 * first for _, b in failed]] = 1
        return [b for b in batches if not accounted[b - 8 * first]]

    def _missing_of_stream(self, job_id: str, batches: range) -> list[int]:
        bounds = batches.start, batches.stop - 1
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.issued(job_id))
            pipe.hmget(keys.batches(job_id), [str(b) for b in batches])
            pipe.zrangebyscore(keys.failed(job_id), *bounds, withscores=True)
            pipe.zrangebyscore(keys.acknowledged(job_id), *bounds)
            found, recorded, failed, acknowledged = pipe.execute()
        issued = IssuedShards.from_hash(found)
        accounted = {b for b, text in zip(batches, recorded, strict=True) if text is not None}
        accounted |= {int(b) for _, b in failed} | {int(b) for b in acknowledged}
        floor = issued.floor or 0
        wanted = range(max(batches.start, floor), min(batches.stop, floor + issued.buffer_batches))
        return [b for b in wanted if b not in accounted]
