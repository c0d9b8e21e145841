"""Users create a job once for each recipe and idempotency key, extend it, cancel it and remove it."""

import contextlib
from collections.abc import Iterable

from redis.client import Pipeline
from rq import Queue

from afmbatch.errors import Conflict, InvalidInput, NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import JobRecord, JobStatus, State
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import remove_tasks
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Extension, MoreEpochs, MoreMolecules, Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore, job_prefix
from service.admission.admission import Admission
from service.admission.extensions import extended_by_epochs, extended_by_molecules
from service.services.input_lookup import check_tips_of_spec, dataset_of_spec, require_inputs
from service.services.job_factory import JobFactory, new_job_id, try_execute

_KEY_CLAIM_SECONDS = 120  # if the service dies during a request, the request's key is free again after this time
_KEY_SECONDS = 24 * 3600  # a key stands for its job for this time


class JobService:
    """Creates, finds, extends, cancels and removes jobs. All methods block."""

    def __init__(
        self,
        ledger: Ledger,
        store: ObjectStore,
        queue: Queue,
        scheduler: ShardScheduler,
        factory: JobFactory,
        settings: Settings,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._queue = queue
        self._scheduler = scheduler
        self._factory = factory
        self._settings = settings

    def create(self, spec: JobSpec, idempotency_key: str | None) -> tuple[JobStatus, bool]:
        """Return the job of a spec, and True if this call created it. Each recipe and idempotency key has one job.

        Raises InvalidInput, Conflict.
        """
        job_id = new_job_id()
        if idempotency_key is None:
            return self._create(spec, job_id)
        keys = self._ledger.idempotency_keys
        digest, first = keys.claim(idempotency_key, spec.digest, job_id, _KEY_CLAIM_SECONDS)
        if digest != spec.digest:
            raise Conflict(f"Idempotency-Key {idempotency_key} was used for another spec (job {first}); use a new key.")
        if first != job_id:
            return self._job_of_key(first, idempotency_key), False
        try:
            status, new = self._create(spec, job_id)
        except BaseException:
            keys.release(idempotency_key)
            raise
        keys.keep(idempotency_key, digest, status.id, _KEY_SECONDS)
        return status, new

    def get(self, job_id: str) -> JobStatus:
        """Return the status of a job. Raises NotFound."""
        return self._ledger.jobs.status(job_id)

    def page(self, start: int, limit: int) -> tuple[int, list[JobStatus]]:
        """Return the number of jobs and the status of a page of them, newest first."""
        return self._ledger.jobs.page(start, limit)

    def extend(self, job_id: str, extension: Extension) -> JobStatus:
        """Add samples to a job that is done. Raises NotFound, InvalidInput; Conflict in any other state."""
        while True:
            with self._queue.connection.pipeline() as pipe:
                job = self._ledger.jobs.status(job_id, pipe)
                recipe = self._extended_recipe(job, extension, pipe)
                record = JobRecord(**dict(recipe), id=job_id, created_at=job.created_at, engine=job.engine)
                pipe.multi()
                self._ledger.jobs.extend(record, pipe)
                self._scheduler.extend(record, Plan(job), pipe)
                if try_execute(pipe):
                    return self._ledger.jobs.status(job_id)

    def cancel(self, job_id: str) -> JobStatus:
        """Stop a job from making further batches; a finished job stays as it is. Raises NotFound."""
        status = self._ledger.jobs.status(job_id)
        if status.state.final:
            return status
        self._ledger.jobs.cancel(job_id)
        remove_tasks(self._queue, job_id)
        if status.stream is not None:
            self._ledger.streams.clear(job_id)
            self._store.delete_prefix(job_prefix(job_id))
        return self._ledger.jobs.status(job_id)

    def remove(self, job_id: str) -> None:
        """Remove a job with its tasks and batches, and the jobs of its single samples. Raises NotFound."""
        self._ledger.jobs.get(job_id)
        self._ledger.jobs.cancel(job_id)
        self._remove_all(self._ledger.jobs.children(job_id))
        remove_tasks(self._queue, job_id)
        # The files go before the records, so that a deletion that failed can be repeated.
        self._store.delete_prefix(job_prefix(job_id))
        self._remove_all(self._ledger.jobs.remove(job_id))
        self._store.delete_prefix(job_prefix(job_id))  # the files of batches that a worker recorded in between

    def _create(self, spec: JobSpec, job_id: str) -> tuple[JobStatus, bool]:
        def recipe_of(pipe: Pipeline) -> Recipe:
            dataset = dataset_of_spec(self._ledger, spec.dataset, pipe)
            check_tips_of_spec(self._ledger, spec, pipe)
            plan = Plan(Recipe.of(spec, dataset.structures, dataset.atoms))
            admission = Admission.check(plan, dataset, self._settings)
            if not admission.accepted:
                raise InvalidInput(*admission.field_errors)
            return plan.recipe

        return self._factory.find_or_create(recipe_of, job_id)

    def _job_of_key(self, job_id: str, key: str) -> JobStatus:
        try:
            return self._ledger.jobs.status(job_id)
        except NotFound:
            raise Conflict(
                f"Idempotency-Key {key} belongs to job {job_id}, which is being created or was deleted. "
                "Try again in a moment or use a new key."
            ) from None

    def _extended_recipe(self, job: JobStatus, extension: Extension, pipe: Pipeline) -> Recipe:
        if job.only is not None:
            raise Conflict(f"Job {job.id} makes some samples of a recipe; extend a job that makes all of them.")
        if job.stream is not None:
            raise Conflict(f"Job {job.id} is a stream; post a job with more epochs, or with epochs null.")
        if job.state is not State.DONE:
            raise Conflict(f"Job {job.id} is {job.state.value}; only a job that is done can be extended.")
        require_inputs(self._ledger, job, pipe)
        match extension:
            case MoreEpochs():
                return extended_by_epochs(job.bare, extension.epochs, self._settings)
            case MoreMolecules():
                dataset = dataset_of_spec(self._ledger, extension.dataset, pipe)
                return extended_by_molecules(job.bare, dataset, self._settings)

    def _remove_all(self, job_ids: Iterable[str]) -> None:
        for job_id in job_ids:
            with contextlib.suppress(NotFound):  # another request is removing it too
                self.remove(job_id)
