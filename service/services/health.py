"""The service depends on Redis, the store and the workers."""

import obstore.exceptions
from redis import RedisError

from afmbatch.errors import Unavailable
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import WorkerRecord
from afmbatch.storage.object_store import ObjectStore


class HealthService:
    """Reports live workers and whether requests can be served. All methods block."""

    def __init__(self, ledger: Ledger, store: ObjectStore) -> None:
        self._ledger = ledger
        self._store = store

    def workers(self) -> list[WorkerRecord]:
        """Return the live workers by name."""
        return self._ledger.workers.live()

    def ready(self) -> int:
        """Return the number of live workers if Redis and the store answer. Raises Unavailable."""
        silent = []
        workers = 0
        try:
            workers = len(self._ledger.workers.live())
        except RedisError:
            silent.append("Redis")
        try:
            self._store.ping()
        except (OSError, obstore.exceptions.BaseError):
            silent.append("the store")
        if silent:
            raise Unavailable(f"Not reachable: {', '.join(silent)}.")
        return workers
