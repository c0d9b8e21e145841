"""Keeps records of datasets in Redis."""

from typing import Any

from redis import Redis
from redis.client import Pipeline

from afmbatch.errors import NotFound
from afmbatch.ledger import keys
from afmbatch.ledger.records import DatasetRecord


class DatasetRepository:
    """Reads and writes the records of datasets. `redis` must decode responses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own

    def add(self, record: DatasetRecord) -> DatasetRecord:
        """Add a dataset and return its record; the record of a known dataset is not changed."""
        with self._redis.pipeline() as pipe:
            pipe.set(keys.dataset(record.id), record.model_dump_json(), nx=True)
            pipe.zadd(keys.DATASETS, {record.id: record.created_at}, nx=True)
            pipe.execute()
        return self.get(record.id)

    def get(self, dataset_id: str, pipe: Pipeline | None = None) -> DatasetRecord:
        """Return a dataset's record. The transaction `pipe` will fail if the dataset is removed meanwhile.

        Raises NotFound.
        """
        if pipe is not None:
            pipe.watch(keys.dataset(dataset_id))
        text = self._redis.get(keys.dataset(dataset_id))
        if text is None:
            raise NotFound("dataset", dataset_id)
        return DatasetRecord.model_validate_json(text)

    def page(self, start: int, limit: int) -> tuple[int, list[DatasetRecord]]:
        """Return the number of datasets and a page of them, newest first."""
        ids = self._redis.zrevrange(keys.DATASETS, start, start + limit - 1)
        texts = self._redis.mget([keys.dataset(i) for i in ids]) if ids else []
        return self._redis.zcard(keys.DATASETS), [DatasetRecord.model_validate_json(text) for text in texts if text]

    def remove(self, dataset_id: str) -> None:
        """Remove a dataset's record."""
        self._redis.delete(keys.dataset(dataset_id))
        self._redis.zrem(keys.DATASETS, dataset_id)
