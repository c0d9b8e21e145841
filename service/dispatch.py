"""Decisions of the front end: what is accepted, and the order in which store, ledger and queue hear of it."""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import obstore.exceptions
from redis import RedisError, WatchError
from redis.client import Pipeline
from rq import Queue

from afmbatch.errors import Conflict, FieldError, Gone, InvalidInput, NotFound, NotYet, Unavailable
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord, DatasetRecord, JobRecord, JobStatus, State
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import remove_tasks
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Extension, MoreEpochs, MoreMolecules, Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore, batch_key, dataset_key, job_prefix
from afmbatch.structures.composition import kinds_of
from afmbatch.structures.elements import elements
from afmbatch.structures.ingest import Upload, dataset_id, read_structures
from afmbatch.structures.structures import Structures
from service.admission.extensions import extended_by_epochs, extended_by_molecules
from service.admission.preflight import Preflight, preflight, preview, refused
from service.transport.downloads import BatchFile

_KEY_CLAIM_SECONDS = 120  # a service that dies over a request frees its idempotency key after this
_KEY_KEPT_SECONDS = 24 * 3600


class Dispatch:
    """Datasets, jobs and their batches, on behalf of the routes. Everything here blocks: call it from a thread."""

    def __init__(self, settings: Settings, ledger: Ledger, store: ObjectStore, queue: Queue) -> None:
        self.settings = settings
        self.ledger = ledger
        self.store = store
        self.queue = queue
        self._issuer = ShardScheduler(queue, ledger)

    # Datasets

    def add_dataset(self, uploads: Sequence[Upload]) -> tuple[DatasetRecord, bool]:
        """Keep the structures in these files; whether they are new. Raises InvalidInput, TooLarge."""
        structures = read_structures(uploads, self.settings)
        name = dataset_id(structures)
        record = _described(name, structures)
        new = not self._has_dataset(name)
        # Stored even where it is known: an upload repairs a dataset whose file was lost.
        self.store.put(dataset_key(name), structures.to_bytes())
        return self.ledger.datasets.add(record), new

    def remove_dataset(self, name: str) -> None:
        """Remove a dataset. Raises NotFound; Conflict while unfinished jobs use it."""
        record = self.ledger.datasets.get(name)
        self._refuse_if_used(name)
        self.ledger.datasets.remove(name)
        try:
            self._refuse_if_used(name)  # a job may have come in between; later ones don't find the dataset
        except Conflict:
            self.ledger.datasets.add(record)
            raise
        self.store.delete(dataset_key(name))

    def _has_dataset(self, name: str) -> bool:
        try:
            self.ledger.datasets.get(name)
        except NotFound:
            return False
        return True

    def _refuse_if_used(self, name: str) -> None:
        page, start, users = 500, 0, []
        while jobs := self.ledger.jobs.page(start, page)[1]:
            users += [user for job in jobs if name in job.datasets for user in self._unfinished(job)]
            start += page
        if users:
            raise Conflict(
                f"dataset {name!r} is used by jobs that are not finished: {', '.join(users)}; cancel them first"
            )

    def _unfinished(self, job: JobStatus) -> list[str]:
        """This job and those of its single samples, as far as they are not finished."""
        statuses = [job]
        for child in self.ledger.jobs.children(job.id):
            with contextlib.suppress(NotFound):
                statuses.append(self.ledger.jobs.status(child))
        return [status.id for status in statuses if not status.state.final]

    # Jobs

    def add_job(self, spec: JobSpec, key: str | None) -> tuple[JobStatus, bool]:
        """The job of a spec, once for each recipe and idempotency key; whether it is new.

        Raises InvalidInput, Conflict.
        """
        job_id = _new_id()
        if key is None:
            return self._add_job(spec, job_id)
        digest, first = self.ledger.idempotency_keys.claim(key, spec.digest, job_id, _KEY_CLAIM_SECONDS)
        if digest != spec.digest:
            raise Conflict(f"Idempotency-Key {key!r} was used for another spec (job {first}); take a new key")
        if first != job_id:
            return self._known_job(first, key), False
        try:
            status, new = self._add_job(spec, job_id)
        except BaseException:
            self.ledger.idempotency_keys.release(key)
            raise
        self.ledger.idempotency_keys.keep(key, digest, status.id, _KEY_KEPT_SECONDS)
        return status, new

    def _known_job(self, job_id: str, key: str) -> JobStatus:
        try:
            return self.ledger.jobs.status(job_id)
        except NotFound:
            raise Conflict(
                f"Idempotency-Key {key!r} belongs to job {job_id}, which is just being made or was deleted; "
                "try again in a moment or take a new key"
            ) from None

    def _add_job(self, spec: JobSpec, job_id: str) -> tuple[JobStatus, bool]:
        def recipe(pipe: Pipeline) -> Recipe:
            dataset = self._dataset_of(spec.dataset, pipe)
            plan = Plan(Recipe.of(spec, dataset.structures))
            structures, exceeded = refused(plan, dataset, self.settings)
            if structures or exceeded:
                raise InvalidInput(*exceeded, *(found.fault(dataset) for found in structures))
            return plan.recipe

        return self._make(recipe, job_id)

    def _make(self, recipe_of: Callable[[Any], Recipe], job_id: str, *, first: bool = False) -> tuple[JobStatus, bool]:
        """The job of a recipe; whether it is new. One that is over and did not make all of it does not count.

        recipe_of looks up what it depends on so that the pipeline it is given fails if that changes meanwhile.
        """
        while True:
            with self.queue.connection.pipeline() as pipe:
                recipe = recipe_of(pipe)
                known = self._known(self.ledger.jobs.find_by_recipe(recipe.recipe_id, None, pipe))
                if known is not None and known.state not in (State.CANCELLED, State.FAILED):
                    return known, False
                if self._enqueued(recipe, job_id, None, pipe, first=first):
                    return self.ledger.jobs.status(job_id), True

    def _known(self, job_id: str | None) -> JobStatus | None:
        try:
            return None if job_id is None else self.ledger.jobs.status(job_id)
        except NotFound:
            return None

    def _enqueued(self, recipe: Recipe, job_id: str, parent: str | None, pipe: Pipeline, *, first: bool) -> bool:
        """Make a job, unless what the pipeline watches has changed: it is known with its first task, or not at all."""
        record = JobRecord(**dict(recipe), id=job_id, created_at=time.time(), parent=parent)
        pipe.multi()
        self.ledger.jobs.add(record, pipe)
        self._issuer.begin(record, pipe, at_front=first)
        return _executed(pipe)

    def _dataset_of(self, name: str, pipe: Pipeline | None) -> DatasetRecord:
        try:
            return self.ledger.datasets.get(name, pipe)
        except NotFound:
            accepted = "the id of a dataset: POST /v1/datasets makes one, GET /v1/datasets lists them"
            raise InvalidInput(FieldError("dataset", name, "there is no such dataset", accepted)) from None

    def extend_job(self, job_id: str, extension: Extension) -> JobStatus:
        """Let a job that is done make more. Raises NotFound, InvalidInput; Conflict in any other state."""
        while True:
            with self.queue.connection.pipeline() as pipe:
                job = self.ledger.jobs.status(job_id, pipe)
                recipe = self._extended(job, extension, pipe)
                record = JobRecord(**dict(recipe), id=job_id, created_at=job.created_at)
                pipe.multi()
                self.ledger.jobs.extend(record, pipe)
                self._issuer.extend(record, Plan(job), pipe)
                if _executed(pipe):
                    return self.ledger.jobs.status(job_id)

    def _extended(self, job: JobStatus, extension: Extension, pipe: Pipeline) -> Recipe:
        if job.only is not None:
            raise Conflict(f"job {job.id} makes some samples of a recipe: extend one that makes all of them")
        if job.stream is not None:
            raise Conflict(f"job {job.id} is a stream: post one with more epochs, or without end")
        if job.state is not State.DONE:
            raise Conflict(f"job {job.id} is {job.state.value}; only a job that is done can be extended")
        self._check_sources(job, pipe)
        match extension:
            case MoreEpochs():
                return extended_by_epochs(job.bare, extension.epochs, self.settings)
            case MoreMolecules():
                return extended_by_molecules(job.bare, self._dataset_of(extension.dataset, pipe), self.settings)

    def _check_sources(self, job: JobRecord, pipe: Pipeline) -> None:
        """Raises Conflict if a dataset of a job was removed; the pipeline `together` fails if one is meanwhile."""
        for name in job.datasets:
            try:
                self.ledger.datasets.get(name, pipe)
            except NotFound:
                raise Conflict(f"dataset {name!r} of job {job.id} was removed; upload it again") from None

    def preflight(self, spec: JobSpec, samples: int) -> Preflight:
        """What would be made of a spec; and, if it could be, the first samples at once. Raises InvalidInput."""
        dataset = self._dataset_of(spec.dataset, None)
        plan = Plan(Recipe.of(spec, dataset.structures))
        known = self._known(self.ledger.jobs.find_by_recipe(plan.recipe.recipe_id, None))
        job = known.id if known is not None and known.state not in (State.CANCELLED, State.FAILED) else None
        report = preflight(plan, dataset, self.settings, self.ledger.workers.live(), job)
        if not samples or not report.accepted:
            return report

        def recipe(pipe: Pipeline) -> Recipe:
            self._dataset_of(spec.dataset, pipe)
            batches = range(min(plan.batches, -(-samples // spec.batch_size)))
            return plan.recipe.of_samples(*plan.numbers(*batches)[:samples].tolist())

        made, _ = self._make(recipe, _new_id(), first=True)
        return report.model_copy(update={"preview": preview(made)})

    def cancel_job(self, job_id: str) -> JobStatus:
        """Let a job make no further batches; one that is finished stays as it is. Raises NotFound."""
        status = self.ledger.jobs.status(job_id)
        if status.state.final:
            return status
        self.ledger.jobs.cancel(job_id)
        remove_tasks(self.queue, job_id)
        if status.stream is not None:
            self.ledger.streams.clear(job_id)
            self.store.delete_prefix(job_prefix(job_id))
        return self.ledger.jobs.status(job_id)

    def remove_job(self, job_id: str) -> None:
        """Remove a job with its tasks and batches, and the jobs of its single samples. Raises NotFound."""
        self.ledger.jobs.get(job_id)
        self.ledger.jobs.cancel(job_id)
        self._remove_jobs(self.ledger.jobs.children(job_id))
        remove_tasks(self.queue, job_id)
        self.store.delete_prefix(job_prefix(job_id))  # before the ledger forgets: a delete that failed can be repeated
        self._remove_jobs(self.ledger.jobs.remove(job_id))
        self.store.delete_prefix(job_prefix(job_id))  # what a worker recorded in between

    def _remove_jobs(self, jobs: Iterable[str]) -> None:
        for job_id in jobs:
            with contextlib.suppress(NotFound):  # somebody else is removing it too
                self.remove_job(job_id)

    # Streams

    def acknowledge(self, job_id: str, batches: Sequence[int]) -> int:
        """Drop batches of a stream, and let it go on; how many were dropped by this. Raises NotFound.

        Any that was issued may be acknowledged, again and again: one that is to come anew, because somebody went back,
        is not kept then. Conflict for those that never were, and for a job that keeps its batches.
        """
        self._stream(job_id)
        with self.queue.connection.pipeline() as pipe:
            issued = self.ledger.issued_shards.get(job_id, pipe)
        most = 0 if issued is None else issued.highest_end
        if never := sorted({batch for batch in batches if batch >= most}):
            shown = ", ".join(map(str, never[:10])) + (", …" if len(never) > 10 else "")
            raise Conflict(f"job {job_id} was not asked to make these batches yet: {shown}; acknowledge what you had")
        dropped = self.ledger.streams.acknowledge(job_id, batches)
        self._delete_files(job_id, dropped)
        self._issuer.resume(job_id)
        return len(dropped)

    def rewind_job(self, job_id: str, batch: int) -> JobStatus:
        """Let a stream make everything from a batch on again. Raises NotFound; Conflict for any other job."""
        job = self._stream(job_id)
        if job.state is State.CANCELLED:
            raise Conflict(f"job {job_id} was cancelled; post it again")
        if batch >= Plan(job).batches:
            raise _no_batch(job, batch)
        self._delete_files(job_id, self._issuer.rewind(job, batch))
        self._issuer.resume(job_id)
        return self.ledger.jobs.status(job_id)

    def _stream(self, job_id: str) -> JobStatus:
        job = self.ledger.jobs.status(job_id)
        if job.stream is None:
            raise Conflict(f"job {job_id} keeps its batches: only those of a stream are acknowledged and come again")
        return job

    def _delete_files(self, job_id: str, records: Iterable[BatchRecord]) -> None:
        for record in records:
            self.store.delete(batch_key(job_id, record.batch, record.sha256))

    # Batches

    def batches(self, job_id: str, start: int, limit: int) -> tuple[int | None, int, list[BatchRecord]]:
        """How many batches a job has, how many are recorded, and those of a range. Raises NotFound."""
        plan = Plan(self.ledger.jobs.get(job_id))
        return None if plan.recipe.endless else plan.batches, *self.ledger.batches.page(
            job_id, range(start, min(start + limit, plan.batches))
        )

    def batch(self, job_id: str, number: int) -> BatchFile:
        """A batch that can be downloaded. Raises NotYet, or NotFound that says why it never will be."""
        try:
            record = self.ledger.batches.get(job_id, number)
        except NotFound:
            job = self.ledger.jobs.status(job_id)
            if job.counts.batches is not None and number >= job.counts.batches:
                raise _no_batch(job, number) from None
            record = self._recorded(job, number, "batch", f"{job_id}/{number}")
        return BatchFile(job_id, record, f"{job_id}-batch-{number:08d}")

    def sample(self, job_id: str, number: int) -> BatchFile:
        """One sample of a job, simulated alone when it is first asked for. Raises NotYet, NotFound, Conflict."""
        job = self.ledger.jobs.get(job_id)
        last = Plan(job).available - 1
        if number > last:
            raise NotFound("sample", f"{job_id}/{number}", f"the samples of this job are 0 to {last}")
        child = self._child(job, job.bare.of_samples(number))
        record = self._recorded(child, 0, "sample", f"{job_id}/{number}")
        return BatchFile(child.id, record, f"{job_id}-sample-{number:08d}")

    def _child(self, job: JobRecord, recipe: Recipe) -> JobStatus:
        child_id = _new_id()
        while True:
            with self.queue.connection.pipeline() as pipe:
                child = self._known(self.ledger.jobs.find_by_recipe(recipe.recipe_id, job.id, pipe))
                if child is not None and child.state is not State.CANCELLED:
                    return child
                self._check_sources(job, pipe)
                if self._enqueued(recipe, child_id, job.id, pipe, first=True):
                    break
        try:
            self.ledger.jobs.get(job.id)  # again: whoever removed it meanwhile may not have seen its child
        except NotFound:
            self._remove_jobs([child_id])
            raise
        return self.ledger.jobs.status(child_id)

    def _recorded(self, job: JobStatus, batch: int, what: str, name: str) -> BatchRecord:
        try:
            return self.ledger.batches.get(job.id, batch)
        except NotFound:
            if (failure := self.ledger.batches.failure(job.id, batch)) is not None:
                raise NotFound(what, name, f"it could not be made: {failure.error}") from None
            if job.stream is not None and self.ledger.streams.is_acknowledged(job.id, batch):
                raise Gone(
                    f"{what} {name!r} was acknowledged and dropped: POST /v1/jobs/{job.id}/rewind with "
                    f'{{"batch": {batch}}} to have it again'
                ) from None
            if job.state is State.CANCELLED:
                raise NotFound(what, name, "the job was cancelled before it was made") from None
            why = f"it is still to come; the job is {job.state.value}"
            raise NotYet(what, name, why, (job.id, batch)) from None

    # The service itself

    def ready(self) -> int:
        """How many workers live, once everything answers. Raises Unavailable."""
        missing = []
        workers = 0
        try:
            workers = len(self.ledger.workers.live())
        except RedisError:
            missing.append("redis")
        try:
            self.store.ping()
        except (OSError, obstore.exceptions.BaseError):
            missing.append("store")
        if missing:
            raise Unavailable(f"not reachable: {', '.join(missing)}")
        return workers


def _no_batch(job: JobStatus, number: int) -> NotFound:
    last = Plan(job).batches - 1
    return NotFound("batch", f"{job.id}/{number}", f"the batches of this job are 0 to {last}")


def _new_id() -> str:
    return f"job-{secrets.token_hex(8)}"


def _executed(pipe: Pipeline) -> bool:
    """Whether a pipeline was executed; False: what it watches has changed, and nothing was done."""
    try:
        pipe.execute()
    except WatchError:
        return False
    return True


def _described(name: str, structures: Structures) -> DatasetRecord:
    """The record of a dataset. Raises TooLarge."""
    symbols, kinds = elements().symbols, kinds_of(structures)
    return DatasetRecord(
        id=name,
        structures=len(structures),
        atoms=len(structures.z),
        kinds=kinds,
        elements=tuple(symbols[z] for z in sorted({z for kind in kinds for z in kind.elements})),
        created_at=time.time(),
    )
