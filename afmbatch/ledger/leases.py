"""Keeps leases on tasks in progress. A lease is an execution of RQ, renewed by heartbeats.

Each lease is a member of RQ's registry of started tasks. Its score is the time after which RQ may drop it, which is
LEAD_SECONDS after the end of the lease. Within these seconds a worker sweeps the expired lease and applies the retry
policy. RQ's own tools (`rq info`, rq-dashboard, a stock worker) know no retry policy: they drop every lease whose score
has passed, whenever they read the registry. The lead lets a worker come first.
"""

from collections.abc import Callable
from typing import Any

from redis.client import Pipeline
from rq import Queue
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job
from rq.utils import now, utcformat

from afmbatch.ledger.scripts import script

#: Seconds between the end of a lease and the time after which RQ may drop it. It must be less than 60 s: a stock RQ
#: worker keeps the scores of its tasks at least that far ahead, and they must not be swept while it lives.
LEAD_SECONDS = 30


class Leases:
    """Creates, renews and sweeps leases on tasks of one queue.

    seconds: duration of a lease without renewal; an integer, because RQ counts in whole seconds.
    """

    def __init__(self, queue: Queue, seconds: int) -> None:
        self._queue = queue
        self._redis: Any = queue.connection  # redis-py types its answers as sync-or-async unions
        self._registry = queue.started_job_registry
        self._seconds = seconds + LEAD_SECONDS
        self._renew = queue.connection.register_script(script("renew_lease"))

    def create(self, task: Job, worker_name: str, pipe: Pipeline) -> Execution:
        """Create a lease on a task for a worker, within the transaction `pipe`."""
        lease = Execution.create(task, self._seconds, pipe, worker_name=worker_name)
        self.renew(lease, pipe)  # RQ has set the deadline by the clock of this host
        return lease

    def renew(self, lease: Execution, pipe: Pipeline | None = None) -> None:
        """Renew a lease if it is still held, within the transaction `pipe` if given. Raises redis.RedisError."""
        # Not Execution.heartbeat: it would restore parts of a lease that was lost, and uses the clock of this host.
        lease.last_heartbeat = now()
        fields = [word for pair in lease.serialize().items() for word in pair]
        self._renew(
            keys=[
                self._registry.key,
                lease.key,
                ExecutionRegistry(lease.job_id, self._queue.connection).key,
                Job.key_for(lease.job_id),
                lease.worker_executions_key,
            ],
            args=[lease.composite_key, lease.id, self._seconds, utcformat(lease.last_heartbeat), *fields],
            client=pipe,
        )

    def is_held(self, lease: Execution) -> bool:
        """Return whether a lease is still held. Raises redis.RedisError."""
        return self._redis.zscore(self._registry.key, lease.composite_key) is not None

    def sweep(self, on_loss: Callable[..., None]) -> None:
        """Put the tasks of expired leases back into the queue. Raises redis.RedisError.

        on_loss: an exception handler as RQ defines it, called for each such task before it is enqueued.
        """
        seconds, _ = self._redis.time()
        self._registry.cleanup(seconds + LEAD_SECONDS, exception_handlers=[on_loss])
