"""Puts the shards of jobs into the queue.

At most one shard of each job is queued. The worker that takes it queues the job's next shard behind the tasks of other
jobs, in the same transaction: jobs take turns, whatever their size, and any number of idle workers spread over one job.
A shard of a stream is issued only when the buffer has room for it: workers pause because the queue is empty.
"""

import contextlib
from dataclasses import replace

from redis import WatchError
from redis.client import Pipeline
from rq import Queue

from afmbatch.errors import NotFound
from afmbatch.ledger.batches import decode_records
from afmbatch.ledger.issued_shards import IssuedShards
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord, JobRecord
from afmbatch.ledger.task_queue import FRONT_PRIORITY, enqueue_shard, remove_task, task_id
from afmbatch.sampling.plan import Plan


class ShardScheduler:
    """Decides when a shard is issued and records it together with its task."""

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self._queue = queue
        self._ledger = ledger

    def begin(self, job: JobRecord, pipe: Pipeline, *, at_front: bool = False) -> None:
        """Issue the first shard of a new job within the transaction `pipe`.

        at_front: put its task before all other tasks, whatever the job's priority.
        """
        issued = IssuedShards()
        if job.stream is not None:
            issued = replace(issued, floor=0, buffer_batches=job.stream.buffer_batches)
        self._issue(job, issued, pipe, FRONT_PRIORITY if at_front else job.spec.priority)

    def extend(self, job: JobRecord, before: Plan, pipe: Pipeline) -> None:
        """Issue the first additional shard of an extended job within the transaction `pipe`.

        before: the job's plan before it was extended, all batches of which are accounted for.
        """
        self._issue(job, IssuedShards(before.shards, before.batches), pipe, job.spec.priority)

    def take(self, job_id: str, task: str, pipe: Pipeline) -> None:
        """Begin a transaction in which a worker takes a task: issue the job's next shard, unless one is queued.

        The transaction fails with WatchError if a shard of the job is issued meanwhile.
        """
        issued = self._ledger.issued_shards.get(job_id, pipe)
        if issued is None:
            pipe.multi()
            return
        if issued.queued_task != task:
            pipe.multi()  # the task was handed back or is tried again: the next shard has been issued already
            return
        self._issue_next(job_id, replace(issued, queued_task=""), pipe)

    def resume(self, job_id: str) -> None:
        """Issue the job's next shard if none is queued and, for a stream, the buffer has room again."""
        while True:
            with self._queue.connection.pipeline() as pipe:
                self._ledger.streams.raise_floor(job_id)
                issued = self._ledger.issued_shards.get(job_id, pipe)
                if issued is None or issued.queued_task or not self._issue_next(job_id, issued, pipe):
                    return
                try:
                    pipe.execute()
                except WatchError:
                    continue
                return

    def rewind(self, job: JobRecord, batch: int) -> list[BatchRecord]:
        """Make all batches of a stream from `batch` on available again.

        Returns the records of batches for which the buffer has no room any more; their files are to be deleted.
        """
        plan = Plan(job)
        shard = plan.shard_of(batch)
        while True:
            with self._queue.connection.pipeline() as pipe, contextlib.suppress(WatchError):
                issued = self._ledger.issued_shards.get(job.id, pipe)
                pipe.multi()
                self._ledger.streams.rewind(job.id, batch, shard, plan.shard(shard).start, pipe)
                if issued is not None and issued.queued_task and issued.shards > shard:
                    remove_task(self._queue, issued.queued_task, pipe)
                return decode_records(pipe.execute()[0])

    def _issue_next(self, job_id: str, issued: IssuedShards, pipe: Pipeline) -> bool:
        """Begin a transaction that issues the next shard of a job, if it may be issued; return whether it does."""
        try:
            job = self._ledger.jobs.get(job_id)
        except NotFound:
            job = None
        pipe.multi()
        plan = None if job is None or issued.cancelled else Plan(job)
        if job is None or plan is None or issued.shards == plan.shards or not _has_room(plan, issued):
            self._ledger.issued_shards.put(job_id, issued, pipe)
            return False
        self._issue(job, issued, pipe, job.spec.priority)
        return True

    def _issue(self, job: JobRecord, issued: IssuedShards, pipe: Pipeline, priority: int) -> None:
        shard = issued.shards
        task = task_id(job.id, shard, issued.rewinds)
        enqueue_shard(self._queue, job.id, shard, task, priority, job.engine, pipe)
        after = replace(issued, shards=shard + 1, end=Plan(job).shard(shard).stop, queued_task=task)
        self._ledger.issued_shards.put(job.id, after, pipe)


def _has_room(plan: Plan, issued: IssuedShards) -> bool:
    return issued.floor is None or plan.shard(issued.shards).stop <= issued.floor + issued.buffer_batches
