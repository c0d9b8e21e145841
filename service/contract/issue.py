"""Issuing: when a job's shards come into the queue.

Of each job at most one shard waits there. Whoever takes it puts the next one behind the tasks of other jobs, in the
same transaction: so jobs take turns, whatever their size, and any number of idle workers spread over one job. Of a
stream a shard comes only when the buffer has room for it: workers pause by finding nothing to do.
"""

import contextlib
from dataclasses import replace
from typing import Any

from redis import WatchError
from rq import Queue

from service.contract.buffer import Issued
from service.contract.errors import NotFound
from service.contract.ledger import Ledger
from service.contract.plan import Plan
from service.contract.queue import FIRST, enqueue_shard, remove_task, task_id
from service.contract.settings import Settings
from service.contract.status import BatchRecord, JobRecord


class Issuer:
    """Puts shards into the queue."""

    def __init__(self, queue: Queue, ledger: Ledger, settings: Settings) -> None:
        self._queue = queue
        self._ledger = ledger
        self._settings = settings

    def begin(self, job: JobRecord, together: Any, *, first: bool = False) -> None:
        """The first shard of a new job, in a transaction; `first`: before all other tasks."""
        issued = Issued() if job.stream is None else Issued(floor=0, room=job.stream.buffer_batches)
        self._issue(job, issued, together, FIRST if first else job.spec.priority)

    def extend(self, job: JobRecord, before: Plan, together: Any) -> None:
        """The first shard that a job has more, now that it was extended; `before`: when all of it was done."""
        self._issue(job, Issued(before.shards, before.batches), together, job.spec.priority)

    def take(self, job_id: str, task: str, together: Any) -> None:
        """Begin a transaction in which a worker takes a task: the job's next shard, unless one waits.

        It fails with WatchError if anything is issued meanwhile.
        """
        issued = self._ledger.issued(job_id, together)
        if issued is None:
            together.multi()
            return
        if issued.waiting != task:
            together.multi()  # it was handed back or tried again: what follows it was issued before
            return
        self._next(job_id, replace(issued, waiting=""), together)

    def go_on(self, job_id: str) -> None:
        """The job's next shard, if nothing waits and, of a stream, its buffer has room again."""
        while True:
            with self._queue.connection.pipeline() as together:
                self._ledger.rise(job_id)
                issued = self._ledger.issued(job_id, together)
                if issued is None or issued.waiting or not self._next(job_id, issued, together):
                    return
                try:
                    together.execute()
                except WatchError:
                    continue
                return

    def rewind(self, job: JobRecord, batch: int) -> list[BatchRecord]:
        """Let everything of a stream from a batch on come again.

        What was recorded and the buffer has no room for any more: their files are to be deleted.
        """
        plan = Plan(job)
        shard = plan.shard_of(batch)
        while True:
            with self._queue.connection.pipeline() as together, contextlib.suppress(WatchError):
                issued = self._ledger.issued(job.id, together)
                together.multi()
                self._ledger.rewind(job.id, batch, shard, plan.shard(shard).start, together)
                if issued is not None and issued.waiting and issued.shards > shard:
                    remove_task(self._queue, issued.waiting, together)
                return self._ledger.records(together.execute()[0])

    def _next(self, job_id: str, issued: Issued, together: Any) -> bool:
        """Begin a transaction with the next shard, if there is one to issue; whether there is."""
        try:
            job = self._ledger.job(job_id)
        except NotFound:
            job = None
        together.multi()
        plan = None if job is None or issued.closed else Plan(job)
        if job is None or plan is None or issued.shards == plan.shards or not _fits(plan, issued):
            self._ledger.issue(job_id, issued, together)
            return False
        self._issue(job, issued, together, job.spec.priority)
        return True

    def _issue(self, job: JobRecord, issued: Issued, together: Any, priority: int) -> None:
        shard = issued.shards
        task = task_id(job.id, shard, issued.rewound)
        enqueue_shard(self._queue, job.id, shard, task, priority, self._settings, together)
        after = replace(issued, shards=shard + 1, end=Plan(job).shard(shard).stop, waiting=task)
        self._ledger.issue(job.id, after, together)


def _fits(plan: Plan, issued: Issued) -> bool:
    return issued.floor is None or plan.shard(issued.shards).stop <= issued.floor + issued.room
