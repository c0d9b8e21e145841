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

from service.contract.buffer import ACKNOWLEDGE, REWIND, RISE, Issued
from service.contract.derived import Look, derive
from service.contract.errors import NotFound
from service.contract.plan import Plan
from service.contract.status import (
    BatchFailure,
    BatchRecord,
    DatasetRecord,
    JobRecord,
    JobStatus,
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


def _issue(job_id: str) -> str:
    return f"afmbatch:job:{job_id}:issue"  # hash: contract.buffer.Issued


def _acknowledged(job_id: str) -> str:
    return f"afmbatch:job:{job_id}:acknowledged"  # zset: of a stream, batches from its floor on by themselves


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
local floor, room, closed = unpack(redis.call('HMGET', KEYS[3], 'floor', 'room', 'closed'))
local function unwanted(batch)
  local ahead = floor and tonumber(batch) - tonumber(floor)
  return floor and (closed or ahead < 0 or ahead >= tonumber(room) or redis.call('ZSCORE', KEYS[4], batch))
end
for i = 2, #ARGV, 5 do
  local batch, record, size, sha256, flagged = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local known = redis.call('HGET', KEYS[5], batch)
  if known then
    ours[#ours + 1] = cjson.decode(known).sha256 == sha256 and 1 or 0
  elseif unwanted(batch) then
    ours[#ours + 1] = 0
  else
    ours[#ours + 1] = 1
    samples = samples + size
    redis.call('HSET', KEYS[5], batch, record)
    if not floor then redis.call('SETBIT', KEYS[2], batch, 1) end
    redis.call('ZADD', KEYS[7], redis.call('HINCRBY', KEYS[1], 'recorded', 1), batch)
    event = event .. ' ' .. batch
    redis.call('ZREMRANGEBYSCORE', KEYS[6], batch, batch)
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
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
local floor = redis.call('HGET', KEYS[4], 'floor')
if floor and (tonumber(ARGV[1]) < tonumber(floor) or redis.call('ZSCORE', KEYS[5], ARGV[1])) then return 0 end
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
redis.call('HSET', KEYS[2], 'closed', 1, 'waiting', '')
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
        self._acknowledge = redis.register_script(ACKNOWLEDGE)
        self._rise = redis.register_script(RISE)

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
        together.hdel(_issue(record.id), "closed")
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
                p.hgetall(_issue(i))
                p.hlen(_batches(i))
                p.zcard(_acknowledged(i))
            rows = p.execute()
        now = time.time()
        looks = [rows[n : n + 7] for n in range(0, len(rows), 7)]
        return [derive(Look(*look), now) for look in looks if look[0]]

    def start(self, job_id: str) -> None:
        """Note that work on a job began."""
        self._start(keys=[_job(job_id)], args=[time.time()])

    def cancel(self, job_id: str) -> None:
        """Note that a job is to make no further batches."""
        self._cancel(keys=[_job(job_id), _issue(job_id)], args=[time.time()])

    def wanted(self, job_id: str) -> bool:
        """Whether further batches of a job are wanted: it exists and is not cancelled."""
        record, cancelled = self._redis.hmget(_job(job_id), "record", "cancelled")
        return record is not None and cancelled is None

    def remove_job(self, job_id: str) -> list[str]:
        """Forget a job; its children, which are not forgotten."""
        keys = [_job(job_id), _JOBS, _children(job_id), _done(job_id), *self._parts(job_id)]
        return cast(list[str], self._remove(keys=keys, args=[job_id]))

    # What of a job is issued, and a stream's buffer

    @staticmethod
    def _parts(job_id: str) -> list[str]:
        return [_issue(job_id), _acknowledged(job_id), _batches(job_id), _failed(job_id), _order(job_id)]

    def issued(self, job_id: str, together: Any) -> Issued | None:
        """What of a job is issued; the pipeline `together` will fail if that changes. None: there is no such job."""
        together.watch(_issue(job_id))
        found = self._redis.hgetall(_issue(job_id))
        return Issued.of(found) if found else None

    def issue(self, job_id: str, issued: Issued, together: Any) -> None:
        """Record what is issued, with whatever else is in the pipeline `together`."""
        together.hset(_issue(job_id), mapping=issued.mapping)

    def rise(self, job_id: str) -> None:
        """Let a stream's floor rise past batches that could not be made."""
        self._rise(keys=self._parts(job_id))

    def acknowledge(self, job_id: str, batches: Sequence[int]) -> list[BatchRecord]:
        """Drop batches of a stream; those that were recorded, whose files are to be deleted."""
        texts = cast(list[str], self._acknowledge(keys=self._parts(job_id), args=batches))
        return self.records([text.encode() for text in texts])

    def acknowledged(self, job_id: str, batch: int) -> bool:
        """Whether a batch of a stream was acknowledged, or passed over."""
        floor = self._redis.hget(_issue(job_id), "floor")
        if floor is None or batch < int(floor):
            return floor is not None
        return self._redis.zscore(_acknowledged(job_id), batch) is not None

    def rewind(self, job_id: str, batch: int, shard: int, start: int, together: Any) -> None:
        """Let everything of a stream from a batch on come again, with whatever else is in the pipeline `together`.

        shard: the batch's; start: where that begins. The answer, for `records`: what of it the buffer has no room for.
        """
        keys = self._parts(job_id)
        together.eval(REWIND, len(keys), *keys, batch, shard, start)

    def empty(self, job_id: str) -> None:
        """Forget all records of a stream that was cancelled: there will be no others."""
        self._redis.unlink(_batches(job_id), _order(job_id))

    @staticmethod
    def records(texts: Sequence[bytes]) -> list[BatchRecord]:
        """What a script answered."""
        return _RECORDS.validate_json(b"[" + b",".join(texts) + b"]")

    # Batches

    def record_batches(self, job_id: str, records: Sequence[BatchRecord]) -> list[bool]:
        """Record batches that are in the store; for each whether its file is the one on record, now or already.

        False leaves the file without an owner: the job is gone, or another file was recorded for the batch before.
        """
        words = [word for r in records for word in (r.batch, r.model_dump_json(), r.samples, r.sha256, r.flagged)]
        answer = self._record(
            keys=[_job(job_id), _done(job_id), *self._parts(job_id)],
            args=[time.time(), *words],
        )
        return [ours == 1 for ours in cast(list[int], answer)] or [False] * len(records)

    def record_failure(self, job_id: str, failure: BatchFailure) -> None:
        """Record that a batch could not be made; one that was made stays made."""
        self._fail(
            keys=[_job(job_id), _batches(job_id), _failed(job_id), _issue(job_id), _acknowledged(job_id)],
            args=[failure.batch, failure.model_dump_json(), time.time()],
        )

    def failure(self, job_id: str, batch: int) -> BatchFailure | None:
        """Why a batch could not be made; None if that is not so."""
        texts = self._redis.zrangebyscore(_failed(job_id), batch, batch)
        return BatchFailure.model_validate_json(texts[0]) if texts else None

    def missing(self, job_id: str, batches: range) -> list[int]:
        """Which of these successive batches are neither recorded nor known to have failed, nor acknowledged."""
        if self._redis.hexists(_issue(job_id), "floor"):
            return self._missing_of_stream(job_id, batches)
        first, last = batches.start // 8, (batches.stop - 1) // 8
        failed = self._redis.zrangebyscore(_failed(job_id), batches.start, batches.stop - 1, withscores=True)
        # Looked at after the failures: a batch may go from there to here, but never back.
        done = self._redis.execute_command("GETRANGE", _done(job_id), first, last, **{NEVER_DECODE: True})
        accounted = np.unpackbits(np.frombuffer(done.ljust(last - first + 1, b"\0"), dtype=np.uint8))
        accounted[[int(b) - 8 * first for _, b in failed]] = 1
        return [b for b in batches if not accounted[b - 8 * first]]

    def _missing_of_stream(self, job_id: str, batches: range) -> list[int]:
        bounds = batches.start, batches.stop - 1
        with self._redis.pipeline(transaction=True) as p:
            p.hgetall(_issue(job_id))
            p.hmget(_batches(job_id), [str(b) for b in batches])
            p.zrangebyscore(_failed(job_id), *bounds, withscores=True)
            p.zrangebyscore(_acknowledged(job_id), *bounds)
            found, recorded, failed, acknowledged = p.execute()
        issued = Issued.of(found)
        accounted = {b for b, text in zip(batches, recorded, strict=True) if text is not None}
        accounted |= {int(b) for _, b in failed} | {int(b) for b in acknowledged}
        floor = issued.floor or 0
        wanted = range(max(batches.start, floor), min(batches.stop, floor + issued.room))
        return [b for b in wanted if b not in accounted]

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
