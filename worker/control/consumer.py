"""Runs the main loop of a worker: takes tasks off the queue, makes their shards, and ends the tasks."""

import logging
import math
import time
from dataclasses import dataclass, field

from redis.exceptions import RedisError
from rq.executions import Execution
from rq.job import Job

from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import RUN_SHARD
from worker.control.queue_worker import QueueWorker
from worker.control.retry_policy import RetryPolicy
from worker.control.shard import Shard
from worker.control.shards import Shards
from worker.control.shutdown import Shutdown

_log = logging.getLogger("worker")
_WAIT_SECONDS = 1  # longest wait for a task before a shutdown request is noticed
_IDLE_MILLISECONDS = 1500  # time for which an idle worker is known to be idle: it announces it before every wait
_SHARE_SECONDS = 0.5  # between two looks for an idle worker


@dataclass(frozen=True, slots=True, eq=False)
class _OpenTask:
    """A task in progress."""

    task: Job
    lease: Execution
    shard: Shard
    #: True if an earlier worker was lost while it held the task.
    was_lost: bool
    #: time.monotonic() when the task was taken.
    taken_at: float = field(default_factory=time.monotonic)


class Consumer:
    """Takes tasks as long as the engine has capacity, and makes their shards side by side."""

    def __init__(
        self,
        worker: QueueWorker,
        ledger: Ledger,
        scheduler: ShardScheduler,
        shards: Shards,
        retry_policy: RetryPolicy,
        stall_seconds: float,
    ) -> None:
        self._worker = worker
        self._scheduler = scheduler
        self._shards = shards
        self._retry_policy = retry_policy
        self._ledger = ledger
        self._stall_seconds = stall_seconds
        self._shared_at = -math.inf  # time.monotonic() when this worker last looked for an idle one
        self._open: list[_OpenTask] = []  # oldest first; replaced and never changed, because two threads read it

    @property
    def task_id(self) -> str | None:
        """The id of the task in progress; of several tasks, the one that was taken first."""
        return next((entry.task.id for entry in self._open), None)

    def serve(self, shutdown: Shutdown) -> None:
        """Work on tasks until a shutdown is requested.

        A task that was held by a lost worker is worked on alone, so that a second loss is clearly due to this task.
        Raises EngineNotStartedError, and redis.RedisError if Redis does not answer for longer than the connection
        retries.
        """
        try:
            while not (shutdown.requested and (self._shards.idle or shutdown.overdue)):
                self.step(None if shutdown.requested else _WAIT_SECONDS)
        except RedisError:
            raise  # nothing can be recorded about the tasks; other workers get them once their leases expire
        except Exception as error:
            self._hand_back_after(error)
            raise
        for entry in reversed(self._open):  # each is put at the front of the queue, so that their order is kept
            self._close(entry)

    def step(self, wait_seconds: int | None) -> None:
        """Take tasks as long as there is capacity, work on the open ones, and end those that are finished or stalled.

        wait_seconds: longest wait for a task while none is open; None: take no task.
        """
        while wait_seconds is not None and self._can_take and self._take(wait_seconds):
            pass
        self._shards.step()
        for entry in [entry for entry in self._open if not entry.shard.batches_left]:
            self._close(entry)
        for entry in [entry for entry in self._open if self._is_stalled(entry)]:
            self._hand_back_stalled(entry)
        if time.monotonic() - self._shared_at > _SHARE_SECONDS:
            self._shared_at = time.monotonic()
            self._share()

    @property
    def _can_take(self) -> bool:
        return self._shards.has_capacity and not any(entry.was_lost for entry in self._open)

    def _take(self, wait_seconds: int) -> bool:
        """Begin the next task and return whether another one may be taken."""
        task = self._worker.pop(0)
        if task is None and not self._open:
            self._ledger.workers.announce_idle(self._worker.name, self._worker.engine, _IDLE_MILLISECONDS)
            task = self._worker.pop(wait_seconds)
            if task is not None:
                self._ledger.workers.claim_idle(self._worker.engine)  # it is not idle any more
        return task is not None and self._begin(task)

    def _begin(self, task: Job) -> bool:
        if task.func_name != RUN_SHARD:
            _log.error("Task %s: removed, because workers run %s and not %s", task.id, RUN_SHARD, task.func_name)
            task.delete()
            return True
        for entry in [entry for entry in self._open if entry.task.id == task.id]:
            self._close(entry)  # while this process was paused, another worker took the task over and lost it
        lease = self._worker.hold(task)
        was_lost = RetryPolicy.was_lost(task)
        if was_lost and self._open:
            self._worker.hand_back(task, lease)  # it is worked on alone, once the open tasks are finished
            return False
        job_id, number = task.args
        shard = self._shards.open(
            job_id,
            number,
            lambda: self._worker.is_held(lease),
            one_by_one=was_lost,
            begun_elsewhere=task.meta.get("begun", ()),
        )
        if shard is None:
            self._worker.finish(task, lease)
        else:
            self._open = [*self._open, _OpenTask(task, lease, shard, was_lost)]
        return True

    def _close(self, entry: _OpenTask) -> None:
        """Finish a task, or hand it back if batches of it are left."""
        finished = not entry.shard.batches_left
        self._shards.close(entry.shard)
        if entry.shard.is_held():
            if finished:
                self._worker.finish(entry.task, entry.lease)
            else:
                self._worker.hand_back(entry.task, entry.lease)
            if entry.shard.plan.recipe.stream is not None:
                self._scheduler.resume(entry.shard.job_id)  # a failed batch may make room in the buffer
            seconds = time.monotonic() - entry.taken_at
            _log.info("Task %s: %s after %.2f s", entry.task.id, "finished" if finished else "handed back", seconds)
        else:
            self._worker.drop(entry.lease)
            _log.warning("Task %s: taken over by another worker, because its lease had expired", entry.task.id)
        self._open = [other for other in self._open if other is not entry]

    def _share(self) -> None:
        """Hand back a task of which batches wait here for long, if another worker has nothing to do.

        Its batches in the engine are finished and recorded here. The other worker makes them last, if at all.
        """
        found = self._shards.long_waiting()
        if found is None:
            return
        idle = self._ledger.workers.claim_idle(self._worker.engine)
        if idle in (None, self._worker.name):
            return
        shard, begun = found
        entry = next(entry for entry in self._open if entry.shard is shard)
        _log.info("Task %s: handed back with %d batches begun, because %s is idle", entry.task.id, len(begun), idle)
        entry.task.meta["begun"] = begun
        self._close(entry)

    def _is_stalled(self, entry: _OpenTask) -> bool:
        return time.monotonic() - entry.shard.active_at > self._stall_seconds

    def _hand_back_stalled(self, entry: _OpenTask) -> None:
        """Hand back a task that makes no progress, so that it keeps nothing else waiting, and say so in its job."""
        shard = entry.shard
        batches = ", ".join(map(str, sorted(shard.batches_left)))
        warning = (
            f"Worker {self._worker.name} made no progress with shard {shard.number} for {self._stall_seconds:g} s and "
            f"handed it back; batches left: {batches}."
        )
        _log.error("Job %s: %s", shard.job_id, warning)
        if shard.is_held():
            self._ledger.jobs.mark_stalled(shard.job_id, warning)
        self._close(entry)

    def _hand_back_after(self, error: Exception) -> None:
        """Hand every task back after an error that ends this worker; the loss counts against the oldest task."""
        for entry in reversed(self._open):
            if entry.shard.is_held():
                if entry is self._open[0]:
                    self._retry_policy(entry.task, type(error), error, error.__traceback__)
                self._worker.hand_back(entry.task, entry.lease)
        self._open = []
