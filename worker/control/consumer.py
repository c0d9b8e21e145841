"""RQ's side of a worker: takes tasks off the queue, holds them by a lease, takes over those of dead workers.

RQ's own loop renews no lease while a task runs in its process, looks for abandoned tasks every ten minutes and is
stopped by exceptions out of signal handlers. This one does better, with RQ's keys and formats, so that RQ's tools show
what is going on.
"""

import contextlib
import logging
import math
import os
import secrets
import socket
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import LockError, RedisError, WatchError
from rq import Queue, SimpleWorker, worker_registration
from rq.exceptions import DequeueTimeout
from rq.executions import Execution
from rq.job import Job

from afmbatch.ledger.keys import SWEEP_LOCK
from afmbatch.ledger.scripts import script
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import RUN_SHARD
from afmbatch.settings import Settings
from worker.control.retry_policy import RetryPolicy
from worker.control.shards import Shard, Shards
from worker.control.shutdown import Stop

_log = logging.getLogger("worker")
_WAIT_SECONDS = 1  # how long a wait for a task may keep us from stopping


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A task in progress; `lost`: it was in progress before, and its worker did not live to end it."""

    job: Job
    lease: Execution
    shard: Shard
    lost: bool
    since: float = field(default_factory=time.monotonic)


class Consumer(SimpleWorker):
    """An RQ worker on one queue; a context manager while RQ is to know of it.

    `beat` is to be called by a second thread every settings.heartbeat_seconds.
    """

    def __init__(
        self, settings: Settings, queue: Queue, issuer: ShardScheduler, shards: Shards, losses: RetryPolicy
    ) -> None:
        # Never the same: RQ refuses a name whose last owner was killed.
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        super().__init__([queue], name=name, connection=queue.connection, serializer="json")
        self._lease_seconds = math.ceil(settings.lease_seconds)  # RQ counts in whole seconds
        self._queue = queue
        self._issuer = issuer
        self._shards = shards
        self._losses = losses
        self._renew = queue.connection.register_script(script("renew_lease"))
        self._rescue = queue.connection.register_script(script("rescue_task"))
        self._popped: dict[str, float] = {}  # tasks on the intermediate list, and when we first saw them there
        self._open: list[_Task] = []  # oldest first; replaced, never changed: two threads read it

    @property
    def connection_timeout(self) -> int:
        """How long the server may be silent, s."""
        return 10

    @property
    def task(self) -> str | None:
        """Id of the task in progress, of several the one that was taken first."""
        return next((task.job.id for task in self._open), None)

    def __enter__(self) -> Self:
        cast(Any, self).register_birth()  # untyped, like the next
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cast(Any, self).register_death()

    def serve(self, stop: Stop) -> None:
        """Work on tasks until told to stop. Raises EngineNotStartedError, and redis.RedisError once its patience ends.

        The next task is taken as soon as the engine has room for it. One that was lost before is worked on with no
        other, so that none but it is under suspicion if it is lost again.
        """
        try:
            while not (stop.requested and (self._shards.idle or stop.overdue)):
                while not stop.requested and self._shards.hungry and not any(task.lost for task in self._open):
                    if not self._take():
                        break
                self._shards.step()
                for task in [task for task in self._open if not task.shard.left]:
                    self._close(task)
        except RedisError:
            raise  # nothing can be said about the tasks: their leases run out
        except Exception as error:
            self._lose(error)
            raise
        for task in reversed(self._open):  # each comes to the front of the queue
            self._close(task)

    def _take(self) -> bool:
        """Begin the next task; whether there may be another."""
        try:
            wait = None if self._open else _WAIT_SECONDS
            taken = Queue.dequeue_any([self._queue], wait, self.connection, serializer=self.serializer)
        except DequeueTimeout:
            return False
        return taken is not None and self._begin(taken[0])

    def _begin(self, job: Job) -> bool:
        if job.func_name != RUN_SHARD:
            _log.error("task %s asks for %s, which is not ours: dropped", job.id, job.func_name)
            job.delete()
            return True
        for task in [task for task in self._open if task.job.id == job.id]:
            self._close(task)  # while we were paused somebody took it over, and lost it
        lease = self._hold(job)

        def held() -> bool:
            return self.connection.zscore(self._queue.started_job_registry.key, lease.composite_key) is not None

        lost = RetryPolicy.befell(job)
        if lost and self._open:
            self._end(job, lease, put_back=True)  # until they are finished
            return False
        job_id, number = job.args
        shard = self._shards.open(job_id, number, held, careful=lost)
        if shard is None:
            self._end(job, lease, put_back=False)
        else:
            self._open = [*self._open, _Task(job, lease, shard, lost)]
        return True

    def _close(self, task: _Task) -> None:
        """The end of a task that is finished, or that we have to leave."""
        finished = not task.shard.left
        self._shards.drop(task.shard)
        if task.shard.held():
            self._end(task.job, task.lease, put_back=not finished)
            if task.shard.plan.recipe.stream is not None:
                self._issuer.resume(task.shard.job_id)  # a batch that could not be made may have held it up
            seconds = time.monotonic() - task.since
            _log.info("task %s %s after %.2f s", task.job.id, "finished" if finished else "handed back", seconds)
        else:
            _log.warning("task %s was taken over by another worker", task.job.id)
        self._open = [other for other in self._open if other is not task]

    def _lose(self, error: Exception) -> None:
        """Hand everything back after what ends us; the task that came first is blamed for it."""
        for task in reversed(self._open):
            if task.shard.held():
                if task is self._open[0]:
                    self._losses(task.job, type(error), error, error.__traceback__)
                    task.job.retries_left = cast(int, task.job.retries_left) - 1  # as RQ does where a lease ran out
                self._end(task.job, task.lease, put_back=True)
        self._open = []

    def _hold(self, job: Job) -> Execution:
        while True:
            with contextlib.suppress(WatchError):
                return self._try_to_hold(job)

    def _try_to_hold(self, job: Job) -> Execution:
        job_id, _ = job.args
        with self.connection.pipeline() as p:
            self._issuer.take(job_id, job.id, p)
            lease = Execution.create(job, self._lease_seconds, p, worker_name=self.name)
            self._renew_lease(lease, p)
            job.prepare_for_execution(self.name, p)
            p.lrem(self._queue.intermediate_queue_key, 1, job.id)
            p.execute()
        return lease

    def _end(self, job: Job, lease: Execution, *, put_back: bool) -> None:
        with self.connection.pipeline() as p:
            if put_back:
                self._queue.enqueue_job(job, pipeline=p, at_front=True)  # first: it opens the transaction itself
            else:
                p.delete(job.key, job.execution_registry.key)
            lease.delete(job, p)
            p.execute()

    # The other thread

    def beat(self) -> None:
        """Renew our leases and our entry among RQ's workers, and look after the dead. Raises redis.RedisError."""
        for task in self._open:
            self._renew_lease(task.lease, self.connection)
        self.heartbeat(self._lease_seconds)
        self._sweep()

    def _renew_lease(self, lease: Execution, connection: Redis | Pipeline) -> None:
        key = self._queue.started_job_registry.key
        self._renew(keys=[key], args=[lease.composite_key, self._lease_seconds], client=connection)

    def _sweep(self) -> None:
        lock = self.connection.lock(SWEEP_LOCK, timeout=self._lease_seconds, blocking=False)
        # Another one is sweeping, or we were too slow: two at once duplicate tasks, which is only wasteful.
        with contextlib.suppress(LockError), lock:
            seconds, _ = self.connection.time()
            self._queue.started_job_registry.cleanup(seconds, exception_handlers=[self._losses])
            self._rescue_popped()
            worker_registration.clean_worker_registry(self._queue)

    def _rescue_popped(self) -> None:
        source, now = self._queue.intermediate_queue_key, time.monotonic()
        popped = self._queue.intermediate_queue.get_job_ids()
        self._popped = {i: self._popped.get(i, now) for i in popped}
        for i, since in self._popped.items():
            if now - since > self._lease_seconds:
                _log.warning("task %s: its worker died while taking it", i)
                self._rescue(keys=[source, self._queue.key, Job.key_for(i)], args=[i])
