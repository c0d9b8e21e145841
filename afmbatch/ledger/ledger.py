"""The ledger: the records of datasets, tips, jobs, batches and workers in Redis, with one repository for each."""

from dataclasses import dataclass
from typing import Self

from redis import Redis

from afmbatch.ledger.batches import BatchRepository
from afmbatch.ledger.idempotency import IdempotencyKeys
from afmbatch.ledger.issued_shards import IssuedShardsRepository
from afmbatch.ledger.jobs import JobRepository
from afmbatch.ledger.records import DatasetRecord, TipRecord
from afmbatch.ledger.resources import ResourceRepository, dataset_repository, tip_repository
from afmbatch.ledger.stream_buffer import StreamBuffer
from afmbatch.ledger.uploads import UploadRepository
from afmbatch.ledger.workers import WorkerRepository


@dataclass(frozen=True, slots=True)
class Ledger:
    """The repositories on one Redis connection."""

    redis: Redis
    datasets: ResourceRepository[DatasetRecord]
    tips: ResourceRepository[TipRecord]
    jobs: JobRepository
    batches: BatchRepository
    issued_shards: IssuedShardsRepository
    streams: StreamBuffer
    uploads: UploadRepository
    workers: WorkerRepository
    idempotency_keys: IdempotencyKeys

    @classmethod
    def on(cls, redis: Redis) -> Self:
        """Return the ledger on a connection, which must decode responses."""
        return cls(
            redis=redis,
            datasets=dataset_repository(redis),
            tips=tip_repository(redis),
            jobs=JobRepository(redis),
            batches=BatchRepository(redis),
            issued_shards=IssuedShardsRepository(redis),
            streams=StreamBuffer(redis),
            uploads=UploadRepository(redis),
            workers=WorkerRepository(redis),
            idempotency_keys=IdempotencyKeys(redis),
        )

    def ping(self) -> None:
        """Check that the server answers. Raises redis.RedisError if it does not."""
        self.redis.ping()
