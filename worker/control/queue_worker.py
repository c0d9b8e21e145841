"""Extends RQ's worker: it takes tasks off the queue and holds them by leases.

RQ's own work loop renews no lease while a task runs in its process, looks for abandoned tasks only every ten minutes,
and is stopped by exceptions that signal handlers raise. QueueWorker keeps RQ's keys and formats, so that RQ's tools
show workers and tasks as they are, and leaves the loop to `worker.control.consumer`.
"""

import contextlib
import math
import os
import secrets
import socket
import time
from types import TracebackType
from typing import Any, Self, cast

from redis.client import Pipeline
from redis.exceptions import WatchError
from rq import Queue, SimpleWorker, worker_registration
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job
from rq.utils import now
from rq.worker import WorkerStatus

from afmbatch.ledger.leases import Leases
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import take_task

_PAUSE_SECONDS = 0.2  # between two looks at a queue in which all tasks need another engine version


class QueueWorker(SimpleWorker):
    """An RQ worker on one queue that may hold several tasks at a time. RQ lists it while the context is open.

    A second thread has to call `send_heartbeat`. lease_seconds: time after the last heartbeat at which a worker loses
    its tasks; engine: the version of this worker's engine.
    """

    def __init__(self, queue: Queue, scheduler: ShardScheduler, lease_seconds: float, engine: str) -> None:
        # Every worker has a new name, because RQ refuses a name whose last worker was killed.
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        super().__init__([queue], name=name, connection=queue.connection, serializer="json")
        self._queue = queue
        self._scheduler = scheduler
        self._lease_seconds = math.ceil(lease_seconds)
        #: Version of this worker's engine.
        self.engine = engine
        self._leases = Leases(queue, self._lease_seconds)

    @property
    def connection_timeout(self) -> int:
        """Time without an answer from the server after which a command is tried again, in seconds."""
        return 10

    def __enter__(self) -> Self:
        cast(Any, self).register_birth()  # it has no annotations, and neither has register_death
        self.set_state(WorkerStatus.IDLE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cast(Any, self).register_death()

    def pop(self, wait_seconds: int) -> Job | None:
        """Pop the next task that this worker's engine can make. Returns None if there is no such task in the queue.

        wait_seconds: longest wait for a task. The task stays on RQ's intermediate list until `hold`.
        """
        task = self._try_to_pop()
        if task is None and wait_seconds:
            if self._queue_is_empty():
                # From the front to the front: this waits until the queue has a task, and leaves it there.
                self.connection.blmove(self._queue.key, self._queue.key, wait_seconds, "LEFT", "LEFT")
            else:  # all tasks are for other workers
                time.sleep(_PAUSE_SECONDS)
            task = self._try_to_pop()
        return task

    def _try_to_pop(self) -> Job | None:
        while task_id := take_task(self._queue, self.engine):
            with contextlib.suppress(NoSuchJobError):
                return Job.fetch(task_id, connection=self.connection, serializer=self.serializer)
            self.connection.lrem(self._queue.intermediate_queue_key, 1, task_id)  # the task was removed
        return None

    def _queue_is_empty(self) -> bool:
        return self.connection.llen(self._queue.key) == 0

    def hold(self, task: Job) -> Execution:
        """Take a lease on a popped task; the same transaction enqueues the next shard of its job."""
        while True:
            with contextlib.suppress(WatchError):
                return self._try_to_hold(task)

    def _try_to_hold(self, task: Job) -> Execution:
        job_id, _ = task.args
        with self.connection.pipeline() as pipe:
            self._scheduler.take(job_id, task.id, pipe)
            lease = self._leases.create(task, self.name, pipe)
            task.prepare_for_execution(self.name, pipe)
            self.set_state(WorkerStatus.BUSY, pipeline=pipe)
            pipe.lrem(self._queue.intermediate_queue_key, 1, task.id)
            pipe.execute()
        self.executions[lease.id] = lease
        return lease

    def is_held(self, lease: Execution) -> bool:
        """Return whether a lease is still held. Raises redis.RedisError."""
        return self._leases.is_held(lease)

    def finish(self, task: Job, lease: Execution) -> None:
        """Remove a finished task and its lease."""
        with self.connection.pipeline() as pipe:
            # Not Job.delete: it reads the executions of dead workers, which may have expired, and fails.
            pipe.delete(task.key, task.execution_registry.key)
            self.increment_successful_job_count(pipe)
            if task.started_at is not None:
                self.increment_total_working_time(now() - task.started_at, pipe)
            self.cleanup_execution(task, pipe, lease)
            self._set_state_by_executions(pipe)
            pipe.execute()

    def hand_back(self, task: Job, lease: Execution) -> None:
        """Put an unfinished task back at the front of the queue."""
        with self.connection.pipeline() as pipe:
            self._queue.enqueue_job(task, pipeline=pipe, at_front=True)  # first: it opens the transaction itself
            self.cleanup_execution(task, pipe, lease)
            self._set_state_by_executions(pipe)
            pipe.execute()

    def drop(self, lease: Execution) -> None:
        """Stop renewing a lease that was lost."""
        self.executions.pop(lease.id, None)
        self._set_state_by_executions(None)

    def send_heartbeat(self) -> None:
        """Renew all leases and this worker's entry among RQ's workers. Raises redis.RedisError."""
        for lease in tuple(self.executions.values()):  # a copy: the main thread changes the dictionary
            self._leases.renew(lease)
        with self.connection.pipeline() as pipe:
            self.heartbeat(self._lease_seconds, pipeline=pipe)
            is_new = pipe.execute()[0] == 1
        if is_new:  # the entry had expired, because this process was paused for longer than a lease
            self._register_again()

    def _register_again(self) -> None:
        with self.connection.pipeline() as pipe:
            pipe.hset(self.key, mapping=self.serialize())
            pipe.expire(self.key, self._lease_seconds)
            worker_registration.register(self, pipe)
            self.set_state(self.get_state(), pipeline=pipe)
            pipe.execute()

    def _set_state_by_executions(self, pipe: Pipeline | None) -> None:
        self.set_state(WorkerStatus.BUSY if self.executions else WorkerStatus.IDLE, pipeline=pipe)
