"""Finds the tasks of dead workers and puts them back into the queue."""

import contextlib
import logging
import math
import time

from redis.exceptions import LockError
from rq import Queue, worker_registration

from afmbatch.ledger.keys import SWEEP_LOCK
from afmbatch.ledger.leases import Leases
from afmbatch.ledger.task_queue import requeue_popped_task
from worker.control.retry_policy import RetryPolicy

_log = logging.getLogger("worker")


class Sweeper:
    """Sweeps one queue for tasks whose workers died while they held them, or between popping and holding them."""

    def __init__(self, queue: Queue, lease_seconds: float, retry_policy: RetryPolicy) -> None:
        self._queue = queue
        self._lease_seconds = math.ceil(lease_seconds)
        self._leases = Leases(queue, self._lease_seconds)
        self._retry_policy = retry_policy
        self._popped: dict[str, float] = {}  # popped tasks without a lease → time.monotonic() when first seen

    def sweep(self) -> None:
        """Enqueue lost tasks again and remove dead workers from RQ's lists. Raises redis.RedisError."""
        lock = self._queue.connection.lock(SWEEP_LOCK, timeout=self._lease_seconds, blocking=False)
        # LockError: another worker is sweeping, or this sweep outlasted its lock. Two sweeps at once may enqueue a task
        # twice, which costs time but does no harm.
        with contextlib.suppress(LockError), lock:
            self._leases.sweep(self._retry_policy)
            self._requeue_popped_tasks()
            worker_registration.clean_worker_registry(self._queue)

    def _requeue_popped_tasks(self) -> None:
        now = time.monotonic()
        self._popped = {task: self._popped.get(task, now) for task in self._queue.intermediate_queue.get_job_ids()}
        for task, since in self._popped.items():
            if now - since > self._lease_seconds:
                _log.warning("Task %s: its worker died while taking it; put back into the queue", task)
                requeue_popped_task(self._queue, task)
