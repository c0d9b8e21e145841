"""Records of uploaded resources, datasets and tips, in Redis."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, Self, TypeVar

from redis import Redis
from redis.client import Pipeline

from afmbatch.errors import NotFound
from afmbatch.ledger import keys
from afmbatch.ledger.records import DatasetRecord, TipRecord


class ResourceRecord(Protocol):
    """A record with an id that follows from the content."""

    @property
    def id(self) -> str:
        """The id of the resource."""

    @property
    def created_at(self) -> float:
        """The time at which the resource was first uploaded, Unix time in seconds."""

    def model_dump_json(self) -> str:
        """Return the record as JSON."""

    @classmethod
    def model_validate_json(cls, text: str) -> Self:
        """Return the record in a JSON text."""


Record = TypeVar("Record", bound=ResourceRecord)


class ResourceRepository(Generic[Record]):
    """Reads and writes the records of one kind of resource. `redis` must decode responses."""

    def __init__(self, redis: Redis, kind: str, model: type[Record], index: str, key: Callable[[str], str]) -> None:
        """Make a repository.

        kind: what errors call a resource; index: the key of the zset of ids; key: returns the key of a record.
        """
        self._redis: Any = redis  # redis-py types its answers as sync-or-async unions; each method states its own
        self._kind = kind
        self._model = model
        self._index = index
        self._key = key

    def add(self, record: Record) -> Record:
        """Add a resource and return its record; a known resource stays as it is."""
        with self._redis.pipeline() as pipe:
            pipe.set(self._key(record.id), record.model_dump_json(), nx=True)
            pipe.zadd(self._index, {record.id: record.created_at}, nx=True)
            pipe.execute()
        return self.get(record.id)

    def get(self, resource_id: str, pipe: Pipeline | None = None) -> Record:
        """Return the record of a resource. The transaction `pipe` will fail if the resource is removed meanwhile.

        Raises NotFound.
        """
        if pipe is not None:
            pipe.watch(self._key(resource_id))
        text = self._redis.get(self._key(resource_id))
        if text is None:
            raise NotFound(self._kind, resource_id)
        return self._model.model_validate_json(text)

    def exists(self, resource_id: str) -> bool:
        """Return whether there is a resource of this id."""
        return bool(self._redis.exists(self._key(resource_id)))

    def page(self, start: int, limit: int) -> tuple[int, list[Record]]:
        """Return the number of resources and a page of their records, newest first."""
        ids = self._redis.zrevrange(self._index, start, start + limit - 1)
        texts = self._redis.mget([self._key(i) for i in ids]) if ids else []
        return self._redis.zcard(self._index), [self._model.model_validate_json(text) for text in texts if text]

    def remove(self, resource_id: str) -> None:
        """Remove the record of a resource."""
        self._redis.delete(self._key(resource_id))
        self._redis.zrem(self._index, resource_id)


def dataset_repository(redis: Redis) -> ResourceRepository[DatasetRecord]:
    """Return the repository of datasets."""
    return ResourceRepository(redis, "dataset", DatasetRecord, keys.DATASETS, keys.dataset)


def tip_repository(redis: Redis) -> ResourceRepository[TipRecord]:
    """Return the repository of tips."""
    return ResourceRepository(redis, "tip", TipRecord, keys.TIPS, keys.tip)
