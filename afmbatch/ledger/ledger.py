"""The ledger: the records of datasets, jobs, batches and workers in Redis, with one repository for each."""

from dataclasses import dataclass
from typing import Self

from redis import Redis

from afmbatch.ledger.batches import BatchRepository
from afmbatch.ledger.datasets import DatasetRepository
from afmbatch.ledger.idempotency import IdempotencyKeys
from afmbatch.ledger.issued_shards import IssuedShardsRepository
from afmbatch.ledger.jobs import JobRepository
from afmbatch.ledger.stream_buffer import StreamBuffer
from afmbatch.ledger.workers import WorkerRepository


@dataclass(frozen=True, slots=True)
class Ledger:
    """The repositories on one Redis connection."""

    redis: Redis
    datasets: DatasetRepository
    jobs: JobRepository
    batches: BatchRepository
    issued_shards: IssuedShardsRepository
    streams: StreamBuffer
    workers: WorkerRepository
    idempotency_keys: IdempotencyKeys

    @classmethod
    def on(cls, redis: Redis) -> Self:
        """Return the ledger on a connection, which must decode responses."""
        return cls(
            redis=redis,
            datasets=DatasetRepository(redis),
            jobs=JobRepository(redis),
            batches=BatchRepository(redis),
            issued_shards=IssuedShardsRepository(redis),
            streams=StreamBuffer(redis),
            workers=WorkerRepository(redis),
            idempotency_keys=IdempotencyKeys(redis),
        )

    def ping(self) -> None:
        """Check that the server answers. Raises redis.RedisError if it does not."""
        self.redis.ping()
