"""Shards whose worker was lost: tried again as long as that leads anywhere, then freed of what nobody gets past.

A worker may be lost for reasons of its own (a spot instance, an operator) or because of a batch (memory, a driver). So
a loss counts against a shard only if no batch was finished since the last one; after settings.shard_tries such losses
the batch that comes next is recorded as failed, and if there is no progress then either, the rest of the shard is.
"""

import logging
from types import TracebackType

from rq.exceptions import AbandonedJobError
from rq.job import Job

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchFailure
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings

_log = logging.getLogger("worker")


class RetryPolicy:
    """RQ's exception handler: called for each task that ended without an answer, before RQ tries it again.

    RQ keeps its notes with the task: retries_left, and in meta how many batches were missing at the last loss.
    """

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._retries = settings.shard_tries - 1
        self._ledger = ledger

    @staticmethod
    def befell(task: Job) -> bool:
        """Whether a task was lost before."""
        return "missing" in task.meta

    def __call__(self, task: Job, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """See to it that the task is tried again, with or without the batch that comes next."""
        job_id, shard = task.args
        left = task.retries_left or 0
        try:
            job = self._ledger.jobs.get(job_id)
        except NotFound:
            missing = []  # one more try removes what the lost worker has stored
        else:
            batches = Plan(job).shard(shard)
            missing = self._ledger.batches.missing(job_id, batches)
            if len(missing) < task.meta.get("missing", len(batches)):
                left = self._retries
                task.meta["gave_up"] = False
        what = "its lease ran out" if isinstance(error, AbandonedJobError) else str(error) or kind.__name__
        _log.warning("%s shard %d: lost with %d batches to make: %s", job_id, shard, len(missing), what)
        if missing and left == 0:
            doomed = missing if task.meta.get("gave_up") else missing[:1]
            for batch in doomed:
                why = f"the worker was lost over it {self._retries + 1} times, the last time so: {what}"
                self._ledger.batches.record_failure(job_id, BatchFailure(batch=batch, error=why))
                _log.error("%s batch %d failed: %s", job_id, batch, why)
            missing = missing[len(doomed) :]
            task.meta["gave_up"] = True
        task.meta["missing"] = len(missing)
        task.retries_left = max(left, 1)  # RQ, or the consumer, takes one off
