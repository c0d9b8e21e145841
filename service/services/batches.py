"""Users list the batches of a job and wait for those that they download."""

from functools import partial

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord, JobRecord
from afmbatch.sampling.plan import Plan
from service.services.batch_files import BatchFile, recorded_batch
from service.services.job_notifier import JobNotifier
from service.services.waiting import UntilDisconnected, wait_for


class BatchService:
    """Finds the batches of jobs."""

    def __init__(self, ledger: Ledger, notifier: JobNotifier) -> None:
        self._ledger = ledger
        self._notifier = notifier

    def page(self, job_id: str, start: int, limit: int) -> tuple[int | None, int, list[BatchRecord]]:
        """Return the number of batches that a job makes, the number of recorded batches, and a page of their records.

        The first number is None if the job is endless. The page holds the recorded batches with the numbers `start` to
        `start + limit - 1`. Blocks. Raises NotFound.
        """
        plan = Plan(self._ledger.jobs.get(job_id))
        numbers = range(start, min(start + limit, plan.batches))
        recorded, records = self._ledger.batches.page(job_id, numbers)
        return None if plan.recipe.endless else plan.batches, recorded, records

    async def wait_for(
        self, job_id: str, number: int, seconds: float, until_disconnected: UntilDisconnected
    ) -> BatchFile:
        """Return the file of a batch, after waiting for up to `seconds` until it is made.

        Raises NotYet, NotFound, Gone, Unavailable, ClientDisconnect.
        """
        return await wait_for(self._notifier, partial(self._find, job_id, number), seconds, until_disconnected)

    def _find(self, job_id: str, number: int) -> BatchFile:
        try:
            record = self._ledger.batches.get(job_id, number)
        except NotFound:
            job = self._ledger.jobs.status(job_id)
            if job.counts.batches is not None and number >= job.counts.batches:
                raise batch_out_of_range(job, number) from None
            record = recorded_batch(self._ledger, job, number, "batch", f"{job_id}/{number}")
        remedy = (
            f"To have it made again, delete job {job_id} and post its spec again; "
            f"or, in a stream, acknowledge batch {number} and rewind to it."
        )
        return BatchFile(job_id, record, f"{job_id}-batch-{number:08d}", remedy)


def batch_out_of_range(job: JobRecord, number: int) -> NotFound:
    """Return the error for a number that no batch of the job has."""
    last = Plan(job).batches - 1
    return NotFound("batch", f"{job.id}/{number}", f"the batches of this job are 0 to {last}")
