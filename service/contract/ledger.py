"""The ledger: what happened, in Redis. All keys are made here; a job's state is derived, never stored.

A batch is recorded after it is in the store, and at most once; recording again is harmless. Everything of a job is
under its own keys, so that a deleted job leaves nothing and a late worker can't bring it back.
"""

import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from pydantic import TypeAdapter
from redis import Redis
from redis.client import NEVER_DECODE

from service.contract.errors import NotFound
from service.contract.plan import Plan
from service.contract.status import (
    BatchFailure,
    BatchRecord,
    Counts,
    DatasetRecord,
    Flags,
    JobRecord,
    JobStatus,
    State,
    WorkerRecord,
)

_DATASETS = "afmbatch:datasets"  # zset: dataset id by creation time
_JOBS = "afmbatch:jobs"  # zset: job id by creation time
_WORKERS = "afmbatch:workers"  # set: worker names
EVENTS = "afmbatch:events"  # channel: a job of which something happened, and to which batches if to some of them only
_SHOWN_ERRORS = 100
_RECORDS = TypeAdapter(list[BatchRecord])


def _dataset(dataset_id: str) -> str:
    return f"afmbatch:dataset:{dataset_id}"


def _job(job_id: str) -> str:
    # hash: record, keys (where it is found by its recipes, oldest first), among (the children it is one of), started,
    # since (when work went on), before (samples done then), last, cancelled, samples, flagged, flag:… (images with it),
    # recorded (how often a batch was)
    return f"afmbatch:job:{job_id}"


def _done(job_id: str) -> str:
    return f"afmbatch:job:{job_id}:done"  # bitmap: batches recorded


def _batches(job_id: str) -> str:
    return f"afmbatch:job:{job_id}:batches"  # hash: batch → BatchRecord


def _order(job_id: str) -> str:
    return f"afmbatch:job:{job_id}:order"  # zset: batches in the order in which they were recorded, from 1


def _failed(job_id: str) -> str:
    return f"afmbatch:job:{job_id}:failed"  # zset: BatchFailure by batch


def _children(job_id: str) -> str:
    return f"afmbatch:job:{job_id}:children"  # set: jobs of single samples of it


def _made(recipe_id: str, parent: str | None) -> str:
    # string: the job that makes what a recipe says; a single sample's is for its parent only, and goes with it
    return f"afmbatch:recipe:{recipe_id}" if parent is None else f"afmbatch:job:{parent}:sample:{recipe_id}"


def _idempotency(key: str) -> str:
    return f"afmbatch:idempotency:{key}"  # string: "<request digest> <job id>"


def _worker(name: str) -> str:
    return f"afmbatch:worker:{name}"  # string with expiry: WorkerRecord


# A job that was deleted is not brought back by a worker that comes late, hence the scripts.
_RECORD = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local ours, samples, event = {}, 0, ''
for i = 2, #ARGV, 5 do
  local batch, record, size, sha256, flagged = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local known = redis.call('HGET', KEYS[3], batch)
  if known then
    ours[#ours + 1] = cjson.decode(known).sha256 == sha256 and 1 or 0
  else
    ours[#ours + 1] = 1
    samples = samples + size
    redis.call('HSET', KEYS[3], batch, record)
    redis.call('SETBIT', KEYS[2], batch, 1)
    redis.call('ZADD', KEYS[5], redis.call('HINCRBY', KEYS[1], 'recorded', 1), batch)
    event = event .. ' ' .. batch
    redis.call('ZREMRANGEBYSCORE', KEYS[4], batch, batch)
    redis.call('HSET', KEYS[1], 'last', ARGV[1])
    if flagged ~= '0' then
      redis.call('HINCRBY', KEYS[1], 'flagged', flagged)
      for flag, images in pairs(cjson.decode(record).flags) do
        redis.call('HINCRBY', KEYS[1], 'flag:' .. flag, images)
      end
    end
  end
end
redis.call('HINCRBY', KEYS[1], 'samples', samples)
if event ~= '' then redis.call('PUBLISH', 'afmbatch:events', string.match(KEYS[1], '[^:]+$') .. event) end
return ours
"""
_FAIL = """
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('GETBIT', KEYS[2], ARGV[1]) == 1 then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[3], ARGV[1], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[1], 'last', ARGV[3])
redis.call('PUBLISH', 'afmbatch:events', string.match(KEYS[1], '[^:]+$') .. ' ' .. ARGV[1])
return 1
"""
_START = """
if redis.call('EXISTS', KEYS[1]) == 0 then return end
redis.call('HSETNX', KEYS[1], 'started', ARGV[1])
if redis.call('HSETNX', KEYS[1], 'since', ARGV[1]) == 1 then
  redis.call('PUBLISH', 'afmbatch:events', string.match(KEYS[1], '[^:]+$'))
end
"""
_CANCEL = """
if redis.call('EXISTS', KEYS[1]) == 0 then return end
redis.call('HSETNX', KEYS[1], 'cancelled', ARGV[1])
redis.call('PUBLISH', 'afmbatch:events', string.match(KEYS[1], '[^:]+$'))
"""
# Unlinked: freeing 10⁵ records would keep everybody waiting.
_REMOVE = """
local known = redis.call('HMGET', KEYS[1], 'keys', 'among')
for key in string.gmatch(known[1] or '', '%S+') do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
if known[2] then redis.call('SREM', known[2], ARGV[1]) end
redis.call('ZREM', KEYS[2], ARGV[1])
local children = redis.call('SMEMBERS', KEYS[3])
redis.call('UNLINK', KEYS[1], unpack(KEYS, 3))
redis.call('PUBLISH', 'afmbatch:events', ARGV[1])
return children
"""


class Ledger:
    """The record of datasets, jobs, batches and workers. `redis` must decode responses."""

    def __init__(self, redis: "Redis") -> None:
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own
        self._record = redis.register_script(_RECORD)
        self._fail = redis.register_script(_FAIL)
        self._start = redis.register_script(_START)
        self._cancel = redis.register_script(_CANCEL)
        self._remove = redis.register_script(_REMOVE)

    def ping(self) -> None:
        """Raise redis.RedisError unless the server answers."""
        self._redis.ping()

    # Datasets

    def add_dataset(self, record: DatasetRecord) -> DatasetRecord:
        """Record a dataset; one that is known stays as it is."""
        with self._redis.pipeline() as p:
            p.set(_dataset(record.id), record.model_dump_json(), nx=True)
            p.zadd(_DATASETS, {record.id: record.created_at}, nx=True)
            p.execute()
        return self.dataset(record.id)

    def dataset(self, dataset_id: str, together: Any = None) -> DatasetRecord:
        """A dataset's record; the pipeline `together` will fail if it is removed meanwhile. Raises NotFound."""
        if together is not None:
            together.watch(_dataset(dataset_id))
        text = self._redis.get(_dataset(dataset_id))
        if text is None:
            raise NotFound("dataset", dataset_id)
        return DatasetRecord.model_validate_json(text)

    def datasets(self, start: int, limit: int) -> tuple[int, list[DatasetRecord]]:
        """How many datasets there are, and a page of them, newest first."""
        ids = self._redis.zrevrange(_DATASETS, start, start + limit - 1)
        texts = self._redis.mget([_dataset(i) for i in ids]) if ids else []
        return self._redis.zcard(_DATASETS), [DatasetRecord.model_validate_json(t) for t in texts if t]

    def remove_dataset(self, dataset_id: str) -> None:
        """Forget a dataset."""
        self._redis.delete(_dataset(dataset_id))
        self._redis.zrem(_DATASETS, dataset_id)

    # Jobs

    def claim_idempotency(self, key: str, digest: str, job_id: str, seconds: int) -> tuple[str, str]:
        """The (request digest, job id) under an idempotency key: these, unless the key is taken."""
        taken = self._redis.set(_idempotency(key), f"{digest} {job_id}", nx=True, get=True, ex=seconds)
        first, _, second = (taken or f"{digest} {job_id}").partition(" ")
        return first, second

    def keep_idempotency(self, key: str, digest: str, job_id: str, seconds: int) -> None:
        """Keep a key whose request led to this job for so many seconds from now."""
        self._redis.set(_idempotency(key), f"{digest} {job_id}", ex=seconds)

    def release_idempotency(self, key: str) -> None:
        """Free a key whose request came to nothing."""
        self._redis.delete(_idempotency(key))

    def job_of(self, recipe_id: str, parent: str | None, together: Any = None) -> str | None:
        """The job that was last made for a recipe; the pipeline `together` will fail if another comes meanwhile."""
        key = _made(recipe_id, parent)
        if together is not None:
            together.watch(key)
        found: str | None = self._redis.get(key)
        return found

    def add_job(self, record: JobRecord, together: Any) -> None:
        """Record a job, with whatever else is in the pipeline `together`; one with a parent is not listed."""
        key = _made(record.recipe_id, record.parent)
        together.hset(_job(record.id), mapping={"record": record.model_dump_json(), "samples": 0, "keys": key})
        together.set(key, record.id)
        if record.parent is None:
            together.zadd(_JOBS, {record.id: record.created_at})
        else:
            together.hset(_job(record.id), "among", _children(record.parent))
            together.sadd(_children(record.parent), record.id)

    def extend_job(self, record: JobRecord, together: Any) -> None:
        """Record that a job is to make more, with whatever else is in the pipeline `together`, which watches it."""
        keys, samples = self._redis.hmget(_job(record.id), "keys", "samples")
        key = _made(record.recipe_id, record.parent)
        together.hset(
            _job(record.id),
            mapping={"record": record.model_dump_json(), "keys": f"{keys} {key}", "before": samples},
        )
        together.hdel(_job(record.id), "since", "cancelled")  # it may have been cancelled over its last batch
        together.set(key, record.id)

    def job(self, job_id: str) -> JobRecord:
        """A job as posted. Raises NotFound."""
        text = self._redis.hget(_job(job_id), "record")
        if text is None:
            raise NotFound("job", job_id)
        return JobRecord.model_validate_json(text)

    def jobs(self, start: int, limit: int) -> tuple[int, list[JobStatus]]:
        """How many jobs there are, and a page of them, newest first."""
        ids = self._redis.zrevrange(_JOBS, start, start + limit - 1)
        return self._redis.zcard(_JOBS), self._statuses(ids)

    def children(self, job_id: str) -> set[str]:
        """The jobs of single samples of a job."""
        found: set[str] = self._redis.smembers(_children(job_id))
        return found

    def status(self, job_id: str, together: Any = None) -> JobStatus:
        """A job and how far it is, from one consistent look; `together` will fail if that changes. Raises NotFound."""
        if together is not None:
            together.watch(_job(job_id))
        found = self._statuses([job_id])
        if not found:
            raise NotFound("job", job_id)
        return found[0]

    def _statuses(self, ids: Sequence[str]) -> list[JobStatus]:
        with self._redis.pipeline(transaction=True) as p:
            for i in ids:
                p.hgetall(_job(i))
                p.bitcount(_done(i))
                p.zcard(_failed(i))
                p.zrange(_failed(i), 0, _SHOWN_ERRORS - 1)
            rows = p.execute()
        now = time.time()
        looks = [rows[n : n + 4] for n in range(0, len(rows), 4)]
        return [_derive(job, done, failed, errors, now) for job, done, failed, errors in looks if job]

    def start(self, job_id: str) -> None:
        """Note that work on a job began."""
        self._start(keys=[_job(job_id)], args=[time.time()])

    def cancel(self, job_id: str) -> None:
        """Note that a job is to make no further batches."""
        self._cancel(keys=[_job(job_id)], args=[time.time()])

    def wanted(self, job_id: str) -> bool:
        """Whether further batches of a job are wanted: it exists and is not cancelled."""
        record, cancelled = self._redis.hmget(_job(job_id), "record", "cancelled")
        return record is not None and cancelled is None

    def remove_job(self, job_id: str) -> list[str]:
        """Forget a job; its children, which are not forgotten."""
        keys = [_job(job_id), _JOBS, _children(job_id)]
        keys += [of(job_id) for of in (_done, _batches, _failed, _order)]
        return cast(list[str], self._remove(keys=keys, args=[job_id]))

    # Batches

    def record_batches(self, job_id: str, records: Sequence[BatchRecord]) -> list[bool]:
        """Record batches that are in the store; for each whether its file is the one on record, now or already.

        False leaves the file without an owner: the job is gone, or another file was recorded for the batch before.
        """
        words = [word for r in records for word in (r.batch, r.model_dump_json(), r.samples, r.sha256, r.flagged)]
        answer = self._record(
            keys=[_job(job_id), _done(job_id), _batches(job_id), _failed(job_id), _order(job_id)],
            args=[time.time(), *words],
        )
        return [ours == 1 for ours in cast(list[int], answer)] or [False] * len(records)

    def record_failure(self, job_id: str, failure: BatchFailure) -> None:
        """Record that a batch could not be made; one that was made stays made."""
        self._fail(
            keys=[_job(job_id), _done(job_id), _failed(job_id)],
            args=[failure.batch, failure.model_dump_json(), time.time()],
        )

    def failure(self, job_id: str, batch: int) -> BatchFailure | None:
        """Why a batch could not be made; None if that is not so."""
        texts = self._redis.zrangebyscore(_failed(job_id), batch, batch)
        return BatchFailure.model_validate_json(texts[0]) if texts else None

    def missing(self, job_id: str, batches: range) -> list[int]:
        """Which of these successive batches are neither recorded nor known to have failed."""
        first, last = batches.start // 8, (batches.stop - 1) // 8
        failed = self._redis.zrangebyscore(_failed(job_id), batches.start, batches.stop - 1, withscores=True)
        # Looked at after the failures: a batch may go from there to here, but never back.
        done = self._redis.execute_command("GETRANGE", _done(job_id), first, last, **{NEVER_DECODE: True})
        accounted = np.unpackbits(np.frombuffer(done.ljust(last - first + 1, b"\0"), dtype=np.uint8))
        accounted[[int(b) - 8 * first for _, b in failed]] = 1
        return [b for b in batches if not accounted[b - 8 * first]]

    def batch(self, job_id: str, batch: int) -> BatchRecord:
        """A recorded batch. Raises NotFound."""
        text = self._redis.hget(_batches(job_id), str(batch))
        if text is None:
            self.job(job_id)
            raise NotFound("batch", f"{job_id}/{batch}")
        return BatchRecord.model_validate_json(text)

    def batches(self, job_id: str, plan: Plan, start: int, limit: int) -> tuple[int, list[BatchRecord]]:
        """How many batches are recorded, and those among numbers start … start + limit − 1 in order."""
        numbers = range(start, min(start + limit, plan.batches))
        with self._redis.pipeline(transaction=False) as p:
            p.hlen(_batches(job_id))
            if numbers:
                p.hmget(_batches(job_id), [str(b) for b in numbers])
            recorded, *pages = p.execute()
        return recorded, _RECORDS.validate_json(f"[{','.join(t for page in pages for t in page if t)}]")

    def recorded_after(self, job_id: str, place: int, limit: int) -> list[tuple[int, BatchRecord]]:
        """Batches that were recorded after this place of the order, from 1, each with its own; those still known."""
        found = self._redis.zrangebyscore(_order(job_id), f"({place}", "+inf", start=0, num=limit, withscores=True)
        texts = self._redis.hmget(_batches(job_id), [batch for batch, _ in found]) if found else []
        return [
            (int(at), BatchRecord.model_validate_json(text))
            for (_, at), text in zip(found, texts, strict=True)
            if text is not None
        ]

    # Workers

    def announce(self, worker: WorkerRecord, seconds: float) -> None:
        """Say that a worker lives; it is forgotten after so many seconds of silence."""
        with self._redis.pipeline() as p:
            p.set(_worker(worker.name), worker.model_dump_json(), px=int(seconds * 1000))
            p.sadd(_WORKERS, worker.name)
            p.execute()

    def retire(self, name: str) -> None:
        """Say that a worker has gone."""
        self._redis.delete(_worker(name))
        self._redis.srem(_WORKERS, name)

    def workers(self) -> list[WorkerRecord]:
        """The live workers."""
        names = sorted(self._redis.smembers(_WORKERS))
        texts = self._redis.mget([_worker(n) for n in names]) if names else []
        silent = [n for n, t in zip(names, texts, strict=True) if t is None]
        if silent:
            self._redis.srem(_WORKERS, *silent)
        return [WorkerRecord.model_validate_json(t) for t in texts if t]


def happened(message: str) -> tuple[str, set[int]]:
    """What a message of the channel EVENTS tells: a job, and its batches to which it happened; none: to all of it."""
    job_id, *batches = message.split(" ")
    return job_id, set(map(int, batches))


def _derive(job: dict[str, str], done: int, failed: int, errors: list[str], now: float) -> JobStatus:
    record = JobRecord.model_validate_json(job["record"])
    plan = Plan(record)
    started, since, last, cancelled = (
        float(job[name]) if name in job else None for name in ("started", "since", "last", "cancelled")
    )
    samples_done, before = int(job["samples"]), int(job.get("before", 0))
    if done == plan.batches:
        state = State.DONE
    elif cancelled is not None:
        state = State.CANCELLED
    elif done + failed == plan.batches:
        state = State.FAILED
    else:
        state = State.QUEUED if started is None else State.RUNNING
    finished = None
    if state.final:
        finished = max(t for t in (last, cancelled, record.created_at) if t is not None)
    rate = None
    if since is not None and samples_done > before:
        rate = (samples_done - before) / max((last if state.final and last else now) - since, 1e-6)
    return JobStatus(
        **dict(record),
        recipe=job["keys"].rpartition(":")[2],  # with the engine version as of then
        state=state,
        counts=Counts(
            samples=plan.samples,
            samples_done=samples_done,
            batches=plan.batches,
            batches_done=done,
            batches_failed=failed,
            flagged=int(job.get("flagged", 0)),
            flags=Flags(**{name: int(job.get(f"flag:{name}", 0)) for name in Flags.model_fields}),
        ),
        started_at=started,
        finished_at=finished,
        samples_per_second=rate,
        eta_seconds=(plan.samples - samples_done) / rate if rate and not state.final else None,
        errors=tuple(BatchFailure.model_validate_json(e) for e in errors),
    )
