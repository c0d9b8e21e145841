"""Keeps idempotency keys in Redis: a request that is repeated under its key creates no second job."""

from typing import Any

from redis import Redis

from afmbatch.ledger import keys


class IdempotencyKeys:
    """Maps each idempotency key to the request and job that it was first used for. `redis` must decode responses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own

    def claim(self, key: str, digest: str, job_id: str, seconds: int) -> tuple[str, str]:
        """Claim a key for `seconds` and return the request digest and the job id that it stands for.

        They are the given ones, unless the key was claimed before.
        """
        taken = self._redis.set(keys.idempotency(key), f"{digest} {job_id}", nx=True, get=True, ex=seconds)
        first, _, second = (taken or f"{digest} {job_id}").partition(" ")
        return first, second

    def keep(self, key: str, digest: str, job_id: str, seconds: int) -> None:
        """Keep a key for `seconds` from now, for a request that created this job."""
        self._redis.set(keys.idempotency(key), f"{digest} {job_id}", ex=seconds)

    def release(self, key: str) -> None:
        """Free a key whose request was refused."""
        self._redis.delete(keys.idempotency(key))
