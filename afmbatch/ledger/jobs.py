"""Keeps records of jobs in Redis. The state of a job is derived from its records and never stored.

Each job has its own keys, so that a deleted job leaves nothing behind and a late worker cannot bring it back.
"""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from redis import Redis
from redis.client import Pipeline

from afmbatch.errors import NotFound
from afmbatch.ledger import keys
from afmbatch.ledger.job_status import RecordedState, derive_status
from afmbatch.ledger.records import JobRecord, JobStatus
from afmbatch.ledger.scripts import script
from afmbatch.ledger.workers import WorkerRepository

_MAX_SHOWN_ERRORS = 100


class JobRepository:
    """Reads and writes the records of jobs. `redis` must decode responses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own
        self._workers = WorkerRepository(redis)
        self._mark_started = redis.register_script(script("mark_started"))
        self._mark_stalled = redis.register_script(script("mark_stalled"))
        self._cancel = redis.register_script(script("cancel_job"))
        self._remove = redis.register_script(script("remove_job"))

    def find_by_recipe(self, recipe_id: str, parent: str | None, pipe: Pipeline | None = None) -> str | None:
        """Return the id of the last job that was posted for a recipe; None if no job was.

        The transaction `pipe` fails if another job is posted for the recipe meanwhile.
        """
        key = keys.recipe(recipe_id, parent)
        if pipe is not None:
            pipe.watch(key)
        found: str | None = self._redis.get(key)
        return found

    def add(self, record: JobRecord, pipe: Pipeline) -> None:
        """Record a new job within the transaction `pipe`. Lists of jobs leave out jobs that have a parent."""
        key = keys.recipe(record.recipe_id, record.parent)
        pipe.hset(keys.job(record.id), mapping={"record": record.model_dump_json(), "samples": 0, "recipe_keys": key})
        pipe.set(key, record.id)
        if record.parent is None:
            pipe.zadd(keys.JOBS, {record.id: record.created_at})
        else:
            pipe.hset(keys.job(record.id), "siblings", keys.children(record.parent))
            pipe.sadd(keys.children(record.parent), record.id)

    def extend(self, record: JobRecord, pipe: Pipeline) -> None:
        """Replace the record of a job by a longer one, within the transaction `pipe`, which watches the job."""
        recipe_keys, samples = self._redis.hmget(keys.job(record.id), "recipe_keys", "samples")
        key = keys.recipe(record.recipe_id, record.parent)
        pipe.hset(
            keys.job(record.id),
            mapping={
                "record": record.model_dump_json(),
                "recipe_keys": f"{recipe_keys} {key}",
                "samples_before": samples,
            },
        )
        pipe.hdel(keys.job(record.id), "resumed", "cancelled")  # the job may have been cancelled during its last batch
        pipe.hdel(keys.issued(record.id), "cancelled")
        pipe.set(key, record.id)

    def get(self, job_id: str) -> JobRecord:
        """Return a job as it was posted or extended. Raises NotFound."""
        text = self._redis.hget(keys.job(job_id), "record")
        if text is None:
            raise NotFound("job", job_id)
        return JobRecord.model_validate_json(text)

    def page(self, start: int, limit: int) -> tuple[int, list[JobStatus]]:
        """Return the number of jobs and the status of a page of them, newest first."""
        ids = self._redis.zrevrange(keys.JOBS, start, start + limit - 1)
        return self._redis.zcard(keys.JOBS), self._statuses(ids)

    def children(self, job_id: str) -> set[str]:
        """Return the ids of the jobs that make single samples of a job."""
        found: set[str] = self._redis.smembers(keys.children(job_id))
        return found

    def status(self, job_id: str, pipe: Pipeline | None = None) -> JobStatus:
        """Return a job's status from one consistent read. The transaction `pipe` fails if the job changes meanwhile.

        Raises NotFound.
        """
        if pipe is not None:
            pipe.watch(keys.job(job_id))
        found = self._statuses([job_id])
        if not found:
            raise NotFound("job", job_id)
        return found[0]

    def _statuses(self, ids: Sequence[str]) -> list[JobStatus]:
        with self._redis.pipeline(transaction=True) as pipe:
            for i in ids:
                pipe.hgetall(keys.job(i))
                pipe.bitcount(keys.done(i))
                pipe.zcard(keys.failed(i))
                pipe.zrange(keys.failed(i), 0, _MAX_SHOWN_ERRORS - 1)
                pipe.hgetall(keys.issued(i))
                pipe.hlen(keys.batches(i))
                pipe.zcard(keys.acknowledged(i))
            rows = pipe.execute()
        now = time.time()

        @cache  # read at most once for a page of jobs
        def live_engines() -> frozenset[str]:
            return frozenset(worker.engine for worker in self._workers.live())

        states = [RecordedState(*rows[n : n + 7]) for n in range(0, len(rows), 7)]
        return [derive_status(state, now, live_engines) for state in states if state.job]

    def mark_started(self, job_id: str) -> None:
        """Record that a worker has begun with a job. Only the first call after a post or an extension counts."""
        self._mark_started(keys=[keys.job(job_id)], args=[time.time()])

    def mark_stalled(self, job_id: str, warning: str) -> None:
        """Record a warning that a worker made no progress with a shard; it replaces an earlier one."""
        self._mark_stalled(keys=[keys.job(job_id)], args=[warning])

    def cancel(self, job_id: str) -> None:
        """Cancel a job: no further batches of it are issued or made."""
        self._cancel(keys=[keys.job(job_id), keys.issued(job_id)], args=[time.time()])

    def is_wanted(self, job_id: str) -> bool:
        """Return whether further batches of a job are wanted: it exists and is not cancelled."""
        record, cancelled = self._redis.hmget(keys.job(job_id), "record", "cancelled")
        return record is not None and cancelled is None

    def remove(self, job_id: str) -> list[str]:
        """Remove everything recorded of a job and return the ids of its children, which are kept."""
        names = [
            keys.job(job_id), keys.JOBS, keys.children(job_id), keys.done(job_id), keys.issued(job_id),
            keys.acknowledged(job_id), keys.batches(job_id), keys.failed(job_id), keys.order(job_id),
        ]  # fmt: skip
        return cast(list[str], self._remove(keys=names, args=[job_id]))
