"""Decisions of the front end: what is accepted, and the order in which store, ledger and queue hear of it."""

import secrets
import time
from collections.abc import Sequence

import obstore.exceptions
from redis import RedisError
from rq import Queue

from service.contract.datasets import Upload, dataset_id, read_structures
from service.contract.elements import elements
from service.contract.errors import Conflict, Fault, InvalidInput, NotFound, NotYet, Unavailable
from service.contract.kinds import kinds_of
from service.contract.ledger import Ledger
from service.contract.plan import Plan
from service.contract.queue import enqueue_shards, remove_shards
from service.contract.recipe import Recipe
from service.contract.settings import Settings
from service.contract.spec import JobSpec
from service.contract.status import BatchRecord, DatasetRecord, JobRecord, JobStatus, State
from service.contract.store import Store, dataset_key, job_prefix
from service.contract.structures import Structures
from service.limits import over_limits

_KEY_CLAIM_SECONDS = 120  # a service that dies over a request frees its idempotency key after this
_KEY_KEPT_SECONDS = 24 * 3600
_NAMED = 3  # so many structures without charges are named


class Dispatch:
    """Datasets, jobs and their batches, on behalf of the routes. Everything here blocks: call it from a thread."""

    def __init__(self, settings: Settings, ledger: Ledger, store: Store, queue: Queue) -> None:
        self.settings = settings
        self.ledger = ledger
        self.store = store
        self.queue = queue

    # Datasets

    def add_dataset(self, uploads: Sequence[Upload]) -> tuple[DatasetRecord, bool]:
        """Keep the structures in these files; whether they are new. Raises InvalidInput, TooLarge."""
        structures = read_structures(uploads, self.settings)
        name = dataset_id(structures)
        record = _described(name, structures)
        new = not self._has_dataset(name)
        # Stored even where it is known: an upload repairs a dataset whose file was lost.
        self.store.put(dataset_key(name), structures.to_bytes())
        return self.ledger.add_dataset(record), new

    def remove_dataset(self, name: str) -> None:
        """Remove a dataset. Raises NotFound; Conflict while unfinished jobs use it."""
        record = self.ledger.dataset(name)
        self._refuse_if_used(name)
        self.ledger.remove_dataset(name)
        try:
            self._refuse_if_used(name)  # a job may have come in between; later ones don't find the dataset
        except Conflict:
            self.ledger.add_dataset(record)
            raise
        self.store.delete(dataset_key(name))

    def _has_dataset(self, name: str) -> bool:
        try:
            self.ledger.dataset(name)
        except NotFound:
            return False
        return True

    def _refuse_if_used(self, name: str) -> None:
        page, start, users = 500, 0, []
        while jobs := self.ledger.jobs(start, page)[1]:
            users += [job.id for job in jobs if job.spec.dataset == name and not job.state.final]
            start += page
        if users:
            raise Conflict(
                f"dataset {name!r} is used by jobs that are not finished: {', '.join(users)}; cancel them first"
            )

    # Jobs

    def add_job(self, spec: JobSpec, key: str | None) -> tuple[JobStatus, bool]:
        """Make a job of a spec, once for each idempotency key; whether it is new. Raises InvalidInput, Conflict."""
        job_id = f"job-{secrets.token_hex(8)}"
        if key is None:
            return self._add_job(job_id, spec), True
        digest, first = self.ledger.claim_idempotency(key, spec.digest, job_id, _KEY_CLAIM_SECONDS)
        if digest != spec.digest:
            raise Conflict(f"Idempotency-Key {key!r} was used for another spec (job {first}); take a new key")
        if first != job_id:
            return self._known_job(first, key), False
        try:
            status = self._add_job(job_id, spec)
        except BaseException:
            self.ledger.release_idempotency(key)
            raise
        self.ledger.keep_idempotency(key, _KEY_KEPT_SECONDS)
        return status, True

    def _known_job(self, job_id: str, key: str) -> JobStatus:
        try:
            return self.ledger.status(job_id)
        except NotFound:
            raise Conflict(
                f"Idempotency-Key {key!r} belongs to job {job_id}, which is just being made or was deleted; "
                "try again in a moment or take a new key"
            ) from None

    def _add_job(self, job_id: str, spec: JobSpec) -> JobStatus:
        plan = self._plan(spec)
        record = JobRecord(**dict(plan.recipe), id=job_id, created_at=time.time())
        with self.queue.connection.pipeline() as together:  # a job is known with all its tasks, or not at all
            self.ledger.add_job(record, together)
            enqueue_shards(self.queue, job_id, plan.shards, self.settings, together)
            together.execute()
        try:
            self._dataset_of(spec)  # again: it may have been removed while nothing showed that it is used
        except InvalidInput:
            self.remove_job(job_id)
            raise
        return self.ledger.status(job_id)

    def _plan(self, spec: JobSpec) -> Plan:
        dataset = self._dataset_of(spec)
        plan = Plan(Recipe.of(spec, dataset.structures))
        faults = over_limits(plan, self.settings)
        if spec.force_field.charges == "dataset" and dataset.charged < dataset.structures:
            faults.append(_charge_fault(dataset))
        if faults:
            raise InvalidInput(*faults)
        return plan

    def _dataset_of(self, spec: JobSpec) -> DatasetRecord:
        try:
            return self.ledger.dataset(spec.dataset)
        except NotFound:
            accepted = "the id of a dataset: POST /v1/datasets makes one, GET /v1/datasets lists them"
            raise InvalidInput(Fault("dataset", spec.dataset, "there is no such dataset", accepted)) from None

    def cancel_job(self, job_id: str) -> JobStatus:
        """Let a job make no further batches; one that is finished stays as it is. Raises NotFound."""
        status = self.ledger.status(job_id)
        if status.state.final:
            return status
        self.ledger.cancel(job_id)
        remove_shards(self.queue, job_id, Plan(status).shards)
        return self.ledger.status(job_id)

    def remove_job(self, job_id: str) -> None:
        """Remove a job with its tasks and batches. Raises NotFound."""
        job = self.ledger.job(job_id)
        self.ledger.cancel(job_id)
        remove_shards(self.queue, job_id, Plan(job).shards)
        self.store.delete_prefix(job_prefix(job_id))  # before the ledger forgets: a delete that failed can be repeated
        self.ledger.remove_job(job_id)
        self.store.delete_prefix(job_prefix(job_id))  # what a worker recorded in between

    # Batches

    def batches(self, job_id: str, start: int, limit: int) -> tuple[int, int, list[BatchRecord]]:
        """How many batches a job has, how many are recorded, and those of a range. Raises NotFound."""
        job = self.ledger.job(job_id)
        plan = Plan(job)
        return plan.batches, *self.ledger.batches(job_id, plan, start, limit)

    def batch(self, job_id: str, number: int) -> BatchRecord:
        """A batch that can be downloaded. Raises NotYet, or NotFound that says why it never will be."""
        job = self.ledger.status(job_id)
        name = f"{job_id}/{number}"
        if number >= job.counts.batches:
            raise NotFound("batch", name, f"the batches of this job are 0 to {job.counts.batches - 1}")
        try:
            return self.ledger.batch(job_id, number)
        except NotFound:
            if (failure := self.ledger.failure(job_id, number)) is not None:
                raise NotFound("batch", name, f"it could not be made: {failure.error}") from None
            if job.state is State.CANCELLED:
                raise NotFound("batch", name, "the job was cancelled before it was made") from None
            raise NotYet("batch", name, f"it is still to come; the job is {job.state.value}") from None

    # The service itself

    def ready(self) -> int:
        """How many workers live, once everything answers. Raises Unavailable."""
        missing = []
        workers = 0
        try:
            workers = len(self.ledger.workers())
        except RedisError:
            missing.append("redis")
        try:
            self.store.ping()
        except (OSError, obstore.exceptions.BaseError):
            missing.append("store")
        if missing:
            raise Unavailable(f"not reachable: {', '.join(missing)}")
        return workers


def _charge_fault(dataset: DatasetRecord) -> Fault:
    # From the record alone: reading a dataset of 10⁶ structures to name three takes 2 GB.
    without = dataset.structures - dataset.charged
    more = without - len(dataset.uncharged)
    return Fault(
        "force_field.charges",
        "dataset",
        f"{without} of {dataset.structures} structures have no charges: {', '.join(dataset.uncharged)}"
        + (f" and {more} more" if more else ""),
        "a dataset whose every structure has charges, or force_field.charges 'none'",
    )


def _described(name: str, structures: Structures) -> DatasetRecord:
    """The record of a dataset. Raises TooLarge."""
    symbols, kinds = elements().symbols, kinds_of(structures)
    return DatasetRecord(
        id=name,
        structures=len(structures),
        atoms=len(structures.z),
        charged=len(structures) - len(structures.uncharged),
        uncharged=tuple(str(structures.names[s]) for s in structures.uncharged[:_NAMED]),
        elements=tuple(symbols[z] for z in sorted({z for kind in kinds for z in kind.elements})),
        kinds=kinds,
        created_at=time.time(),
    )
