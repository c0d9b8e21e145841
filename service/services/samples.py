"""A child job simulates a single sample of a job when the sample is first requested."""

import contextlib
from functools import partial

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import JobRecord, JobStatus
from afmbatch.sampling.plan import Plan
from service.services.batch_files import BatchFile, recorded_batch
from service.services.input_lookup import require_inputs
from service.services.job_factory import JobFactory
from service.services.job_notifier import JobNotifier
from service.services.jobs import JobService
from service.services.waiting import UntilDisconnected, wait_for


class SampleService:
    """Finds single samples of jobs, and has them made if they are missing."""

    def __init__(self, ledger: Ledger, factory: JobFactory, jobs: JobService, notifier: JobNotifier) -> None:
        self._ledger = ledger
        self._factory = factory
        self._jobs = jobs
        self._notifier = notifier

    async def wait_for(
        self, job_id: str, number: int, seconds: float, until_disconnected: UntilDisconnected
    ) -> BatchFile:
        """Return the file of a sample, after waiting for up to `seconds`. The first request has the sample made.

        Raises NotYet, NotFound, Conflict, Gone, Unavailable, ClientDisconnect.
        """
        return await wait_for(self._notifier, partial(self._find, job_id, number), seconds, until_disconnected)

    def _find(self, job_id: str, number: int) -> BatchFile:
        job = self._ledger.jobs.get(job_id)
        name, last = f"{job_id}/{number}", Plan(job).available - 1
        if number > last:
            raise NotFound("sample", name, f"the samples of this job are 0 to {last}")
        child = self._find_or_create_child(job, number)
        record = recorded_batch(self._ledger, child, 0, "sample", name)
        remedy = f"To have it made again, delete job {child.id}, which made it, and request the sample again."
        return BatchFile(child.id, record, f"{job_id}-sample-{number:08d}", remedy)

    def _find_or_create_child(self, job: JobRecord, number: int) -> JobStatus:
        recipe = job.bare.of_samples(number)
        child, child_id = self._factory.find_or_create_child(recipe, job, partial(require_inputs, self._ledger, job))
        if child is not None:
            return child
        try:
            # A request that removed the job meanwhile may not have seen the child.
            self._ledger.jobs.get(job.id)
        except NotFound:
            with contextlib.suppress(NotFound):  # another request is removing it too
                self._jobs.remove(child_id)
            raise
        return self._ledger.jobs.status(child_id)
