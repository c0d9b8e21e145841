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
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import LockError, RedisError
from rq import Queue, SimpleWorker, worker_registration
from rq.exceptions import DequeueTimeout
from rq.executions import Execution
from rq.job import Job

from service.contract.queue import RUN_SHARD, SWEEPING
from service.contract.settings import Settings
from worker.losses import Losses
from worker.stop import Stop

_log = logging.getLogger("worker")
_WAIT_SECONDS = 1  # how long a wait for a task may keep us from stopping

Held: TypeAlias = Callable[[], bool]  # whether a task is still ours
RunShard: TypeAlias = Callable[[str, int, Held], bool]  # whether the shard is finished, rather than to be handed back

# A lease is a score in RQ's registry of started tasks; by the server's clock, for hosts may disagree about the time.
_RENEW = """
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], redis.call('TIME')[1] + ARGV[2], ARGV[1])
return 1
"""
# A worker that dies between taking a task and registering it leaves it on RQ's intermediate list.
_RESCUE = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 1 and redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('LPUSH', KEYS[2], ARGV[1])
end
"""


class Consumer(SimpleWorker):
    """An RQ worker on one queue; a context manager while RQ is to know of it.

    `beat` is to be called by a second thread every settings.heartbeat_seconds.
    """

    def __init__(self, settings: Settings, queue: Queue, run_shard: RunShard, losses: Losses) -> None:
        # Never the same: RQ refuses a name whose last owner was killed.
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        super().__init__([queue], name=name, connection=queue.connection, serializer="json")
        self._lease_seconds = math.ceil(settings.lease_seconds)  # RQ counts in whole seconds
        self._queue = queue
        self._run_shard = run_shard
        self._losses = losses
        self._renew = queue.connection.register_script(_RENEW)
        self._rescue = queue.connection.register_script(_RESCUE)
        self._popped: dict[str, float] = {}  # tasks on the intermediate list, and when we first saw them there
        self._lease: Execution | None = None

    @property
    def connection_timeout(self) -> int:
        """How long the server may be silent, s."""
        return 10

    @property
    def task(self) -> str | None:
        """Id of the task in progress."""
        lease = self._lease
        return lease.job_id if lease else None

    def __enter__(self) -> Self:
        cast(Any, self).register_birth()  # untyped, like the next
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cast(Any, self).register_death()

    def serve(self, stop: Stop) -> None:
        """Take tasks until told to stop. Raises EngineNotStartedError, and redis.RedisError once its patience ends."""
        while not stop.requested:
            if (task := self._take()) is not None:
                self._perform(task)

    def _take(self) -> Job | None:
        try:
            taken = Queue.dequeue_any([self._queue], _WAIT_SECONDS, self.connection, serializer=self.serializer)
        except DequeueTimeout:
            return None
        return taken[0] if taken else None

    def _perform(self, task: Job) -> None:
        if task.func_name != RUN_SHARD:
            _log.error("task %s asks for %s, which is not ours: dropped", task.id, task.func_name)
            task.delete()
            return
        lease = self._begin(task)

        def held() -> bool:
            return self.connection.zscore(self._queue.started_job_registry.key, lease.composite_key) is not None

        try:
            job_id, shard = task.args
            finished = self._run_shard(job_id, shard, held)
        except RedisError:
            raise  # nothing can be said about the task: its lease runs out
        except Exception as error:
            if held():
                self._losses(task, type(error), error, error.__traceback__)
                task.retries_left = cast(int, task.retries_left) - 1  # as RQ does where a lease ran out
                self._end(task, lease, put_back=True)
            raise
        finally:
            self._lease = None
        if held():
            self._end(task, lease, put_back=not finished)
        else:
            _log.warning("task %s was taken over by another worker", task.id)

    def _begin(self, task: Job) -> Execution:
        with self.connection.pipeline() as p:
            lease = Execution.create(task, self._lease_seconds, p, worker_name=self.name)
            self._renew_lease(lease, p)
            task.prepare_for_execution(self.name, p)
            p.lrem(self._queue.intermediate_queue_key, 1, task.id)
            p.execute()
        self._lease = lease
        return lease

    def _end(self, task: Job, lease: Execution, *, put_back: bool) -> None:
        with self.connection.pipeline() as p:
            if put_back:
                self._queue.enqueue_job(task, pipeline=p, at_front=True)  # first: it opens the transaction itself
            else:
                p.delete(task.key, task.execution_registry.key)
            lease.delete(task, p)
            p.execute()

    # The other thread

    def beat(self) -> None:
        """Renew our lease and our entry among RQ's workers, and look after the dead. Raises redis.RedisError."""
        if (lease := self._lease) is not None:
            self._renew_lease(lease, self.connection)
        self.heartbeat(self._lease_seconds)
        self._sweep()

    def _renew_lease(self, lease: Execution, connection: Redis | Pipeline) -> None:
        key = self._queue.started_job_registry.key
        self._renew(keys=[key], args=[lease.composite_key, self._lease_seconds], client=connection)

    def _sweep(self) -> None:
        lock = self.connection.lock(SWEEPING, timeout=self._lease_seconds, blocking=False)
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
