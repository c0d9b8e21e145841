"""The preflight report says what a job would make and cost, and why it would be refused."""

from collections.abc import Sequence

from pydantic import Field

from afmbatch.errors import FieldError
from afmbatch.ledger.records import DatasetRecord, JobStatus, WorkerRecord
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings
from afmbatch.spec.model import Model
from afmbatch.storage.batch_file import file_bytes, planned_memory_bytes
from service.admission.admission import Admission
from service.admission.dataset_checks import StructureConflict
from service.admission.grid_limits import device_grid_bytes


class StructureProblem(Model):
    """Describes structures of the dataset that contradict a field of the spec."""

    field: str = Field(description="Path of the field in the spec.", examples=["force_field.charges"])
    reason: str = Field(description="Number and first names of the structures, and what is wrong with them.")
    accepted: str = Field(description="Datasets or values of the field that would be accepted.")
    structures: int = Field(description="Number of structures that contradict the field.")
    examples: tuple[str, ...] = Field(description="Names of the first of these structures, at most 3.")


class Preview(Model):
    """Describes a job that makes the first samples before all other work."""

    job: str = Field(description="Id of the preview's job.", examples=["job-1f0c6f5e9a2b3c4d"])
    samples: tuple[int, ...] = Field(description="Numbers of the samples in the whole job, from 0.")
    status: str = Field(description="Path of the preview's job.", examples=["/v1/jobs/job-1f0c6f5e9a2b3c4d"])
    batches: tuple[str, ...] = Field(description="Paths of its batches, each downloadable as soon as it is made.")


class Preflight(Model):
    """Describes the job that POST /v1/jobs would make of a spec."""

    recipe: str = Field(
        description="Id of the recipe: spec, seed, dataset content and engine version.", examples=["rc-0"]
    )
    job: str | None = Field(
        description="Id of the existing job of this recipe, which POST /v1/jobs would return; null if there is none."
    )
    accepted: bool = Field(
        description="True if the job would be accepted: no structure contradicts the spec and no limit is exceeded."
    )
    structures: int = Field(description="Number of structures in the dataset.")
    samples: int | None = Field(description="Number of samples the job makes; null for a stream without end.")
    batches: int | None = Field(description="Number of batches the job makes; null for a stream without end.")
    shards: int | None = Field(
        description="Number of tasks that the job is divided into for the workers; null for a stream without end."
    )
    batch_bytes: int = Field(description="Estimated size of a batch file, in bytes.")
    bytes: int = Field(description="Estimated size of all batch files, or of a stream's full buffer, in bytes.")
    host_bytes: int = Field(description="Estimated memory a batch uses in a worker, in bytes.")
    host_bytes_allowed: int = Field(description="Memory a batch may use in a worker, in bytes.")
    host_fits: bool = Field(description="True if a batch uses at most `host_bytes_allowed` in a worker.")
    device_grid_bytes: int = Field(
        description="Memory that the largest grids of a structure take on a device, in bytes; 0 if the force field "
        "needs none."
    )
    seconds: float | None = Field(
        description="Estimated duration on the live workers, if they do nothing else, in seconds; "
        "null if none has reported a rate yet or the job is a stream without end."
    )
    seconds_from: str = Field(
        description="Measurement from which the duration is estimated, or the reason why there is no estimate."
    )
    rejected_structures: int = Field(description="Number of structures that contradict the spec in any field.")
    rejected: tuple[StructureProblem, ...] = Field(description="Structures that contradict the spec, by field.")
    exceeded: tuple[FieldError, ...] = Field(description="Server limits that the job would exceed.")
    preview: Preview | None = Field(
        description="The preview, if samples of it were requested and the job would be accepted; null otherwise."
    )


def make_report(
    plan: Plan,
    dataset: DatasetRecord,
    admission: Admission,
    settings: Settings,
    workers: Sequence[WorkerRecord],
    existing: JobStatus | None,
) -> Preflight:
    """Return the report of a planned job, without a preview. existing: the job that makes this recipe already."""
    samples = min(plan.spec.batch_size, plan.samples)
    memory = planned_memory_bytes(plan, samples)
    seconds, seconds_from = _estimate_seconds(plan, workers)
    endless, stream = plan.recipe.endless, plan.recipe.stream
    stored = plan.samples if stream is None else min(plan.samples, stream.buffer_batches * plan.spec.batch_size)
    return Preflight(
        recipe=plan.recipe.recipe_id,
        job=None if existing is None else existing.id,
        accepted=admission.accepted,
        structures=dataset.structures,
        samples=None if endless else plan.samples,
        batches=None if endless else plan.batches,
        shards=None if endless else plan.shards,
        batch_bytes=file_bytes(plan.spec, samples),
        bytes=file_bytes(plan.spec, stored),
        host_bytes=memory,
        host_bytes_allowed=settings.group_bytes,
        device_grid_bytes=device_grid_bytes(plan.spec, dataset),
        host_fits=memory <= settings.group_bytes,
        seconds=seconds,
        seconds_from=seconds_from,
        rejected_structures=admission.refused_structures,
        rejected=tuple(_structure_problem(conflict, dataset) for conflict in admission.conflicts),
        exceeded=admission.exceeded,
        preview=None,
    )


def _structure_problem(conflict: StructureConflict, dataset: DatasetRecord) -> StructureProblem:
    error = conflict.field_error(dataset)
    return StructureProblem(
        field=error.field,
        reason=error.reason,
        accepted=error.accepted,
        structures=conflict.structures,
        examples=conflict.examples,
    )


def _estimate_seconds(plan: Plan, workers: Sequence[WorkerRecord]) -> tuple[float | None, str]:
    """Return the estimated duration of a job on these workers in seconds, and the measurement that it is based on.

    If there is no estimate, return None and the reason. The estimate counts image pixels: a worker that has made
    nothing yet counts with the mean rate of the others. The rates may have been measured on jobs with other numbers of
    atoms, heights and descriptors.
    """
    rates = [worker.pixels_per_second for worker in workers if worker.pixels_per_second]
    if plan.recipe.endless:
        return None, "the job is a stream without end"
    if not workers:
        return None, "no worker is running"
    if not rates:
        return None, "no worker has made a batch yet; request a preview to have one made"
    nx, ny = plan.spec.image_dim
    pixels = plan.samples * len(plan.spec.tips) * nx * ny
    source = f"image pixels per second of {len(rates)} of {len(workers)} workers"
    return pixels / (sum(rates) / len(rates) * len(workers)), source


def describe_preview(job: JobStatus) -> Preview:
    """Return the description of a preview's job, with the paths of its batches."""
    path = f"/v1/jobs/{job.id}"
    return Preview(
        job=job.id,
        samples=job.only or (),
        status=path,
        batches=tuple(f"{path}/batches/{n}" for n in range(Plan(job).batches)),
    )
