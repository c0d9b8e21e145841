"""Keeps records of live workers in Redis."""

from typing import Any

from redis import Redis

from afmbatch.ledger import keys
from afmbatch.ledger.records import WorkerRecord


class WorkerRepository:
    """Reads and writes the records of live workers. `redis` must decode responses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own

    def announce(self, worker: WorkerRecord, seconds: float) -> None:
        """Record that a worker is alive; the record expires after `seconds` without another announcement."""
        with self._redis.pipeline() as pipe:
            pipe.set(keys.worker(worker.name), worker.model_dump_json(), px=int(seconds * 1000))
            pipe.sadd(keys.WORKERS, worker.name)
            pipe.execute()

    def retire(self, name: str) -> None:
        """Remove the record of a worker that has stopped."""
        self._redis.delete(keys.worker(name))
        self._redis.srem(keys.WORKERS, name)

    def announce_idle(self, name: str, engine: str, milliseconds: int) -> None:
        """Record for a time that a worker with this engine version has nothing to do."""
        self._redis.set(keys.idle(engine), name, px=milliseconds)

    def claim_idle(self, engine: str) -> str | None:
        """Return the name of a worker with this engine version that has nothing to do; None if there is none.

        One call alone gets an announcement, so that only one other worker hands work back for it.
        """
        name: str | None = self._redis.getdel(keys.idle(engine))
        return name

    def live(self) -> list[WorkerRecord]:
        """Return the records of the live workers, sorted by name."""
        names = sorted(self._redis.smembers(keys.WORKERS))
        texts = self._redis.mget([keys.worker(name) for name in names]) if names else []
        expired = [name for name, text in zip(names, texts, strict=True) if text is None]
        if expired:
            self._redis.srem(keys.WORKERS, *expired)
        return [WorkerRecord.model_validate_json(text) for text in texts if text]
