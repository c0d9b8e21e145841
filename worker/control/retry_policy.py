"""Decides whether a shard whose worker was lost is tried again.

A worker may be lost for reasons that have nothing to do with its task (a spot instance, an operator) or because of a
batch (memory, a driver). Therefore a loss counts against a shard only if no batch was finished since the last loss.
After settings.shard_tries such losses the next batch is recorded as failed. If the shard makes no progress after that
either, all its missing batches are recorded as failed.
"""

import logging
from types import TracebackType

from rq.exceptions import AbandonedJobError
from rq.job import Job

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchFailure
from afmbatch.ledger.task_queue import RETRIES
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings

_log = logging.getLogger("worker")


class RetryPolicy:
    """An exception handler for RQ. It is called for each task whose worker was lost, before the task is enqueued again.

    The task's `meta` keeps
    missing: the number of missing batches at the last loss,
    losses: the number of losses without progress, at most shard_tries − 1,
    gave_up: True if a batch was given up since the last progress.
    """

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._tries = settings.shard_tries
        self._ledger = ledger

    @staticmethod
    def was_lost(task: Job) -> bool:
        """Return whether an earlier worker was lost while it held the task."""
        return "missing" in task.meta

    def __call__(self, task: Job, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Count the loss of a task's worker. After too many, give up the next batch or all missing batches."""
        job_id, shard = task.args
        reason = "its lease ran out" if isinstance(error, AbandonedJobError) else str(error) or kind.__name__
        missing = self._missing(job_id, shard, task)
        _log.warning("Job %s: shard %d was lost with %d batches to make: %s", job_id, shard, len(missing), reason)
        losses = task.meta.get("losses", 0) + 1
        if missing and losses >= self._tries:
            missing = self._give_up(job_id, missing, reason, everything=task.meta.get("gave_up", False))
            task.meta["gave_up"] = True
        task.meta["losses"] = min(losses, self._tries - 1)  # the next loss without progress reaches the limit again
        task.meta["missing"] = len(missing)
        task.retries_left = RETRIES

    def _missing(self, job_id: str, shard: int, task: Job) -> list[int]:
        """Return the missing batches of a shard; reset the count of losses if there are fewer than at the last loss."""
        try:
            batches = Plan(self._ledger.jobs.get(job_id)).shard(shard)
        except NotFound:  # the task is tried once more, to remove the files that the lost worker has stored
            return []
        missing = self._ledger.batches.missing(job_id, batches)
        if len(missing) < task.meta.get("missing", len(batches)):
            task.meta |= {"losses": 0, "gave_up": False}
        return missing

    def _give_up(self, job_id: str, missing: list[int], reason: str, *, everything: bool) -> list[int]:
        """Record the first missing batch, or every one, as failed and return the others."""
        given_up = missing if everything else missing[:1]
        error = f"the worker was lost {self._tries} times while making it; last reason: {reason}"
        for batch in given_up:
            self._ledger.batches.record_failure(job_id, BatchFailure(batch=batch, error=error))
            _log.error("Job %s: batch %d failed: %s", job_id, batch, error)
        return missing[len(given_up) :]
