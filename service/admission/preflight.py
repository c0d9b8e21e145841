"""A job's plan without the job: what it would make, take and cost, and what would be refused about it."""

from collections.abc import Sequence

from pydantic import Field

from afmbatch.errors import FieldError
from afmbatch.ledger.records import DatasetRecord, JobStatus, WorkerRecord
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings
from afmbatch.spec.model import Model
from afmbatch.storage.batch_file import file_bytes
from service.admission.dataset_checks import Rejection, rejected, rejections
from service.admission.limits import host_bytes, over_limits
from service.transport.problems import Refused


class Rejected(Model):
    """Structures that the spec can't have."""

    field: str = Field(description="The field of the spec that they contradict.")
    reason: str = Field(description="What is wrong with them.")
    accepted: str = Field(description="What would be accepted.")
    structures: int = Field(description="How many there are.")
    examples: tuple[str, ...] = Field(description="Names of the first few.")


class Preview(Model):
    """The first samples, made at once by a job of their own."""

    job: str = Field(description="Id of the job.", examples=["job-1f0c6f5e9a2b3c4d"])
    samples: tuple[int, ...] = Field(description="Their numbers.")
    status: str = Field(description="Address of the job.")
    batches: tuple[str, ...] = Field(description="Addresses of its batches, downloadable as soon as they are made.")


class Preflight(Model):
    """What POST /v1/jobs would make of a spec."""

    recipe: str = Field(description="Id of the recipe.", examples=["rc-0"])
    job: str | None = Field(description="The job that makes it already, and would be the answer; null: there is none.")
    accepted: bool = Field(description="Whether it would be accepted: nothing is rejected, no limit exceeded.")
    structures: int = Field(description="Structures of the dataset.")
    samples: int | None = Field(description="null: a stream without end.")
    batches: int | None
    shards: int | None = Field(description="Pieces that workers share among them.")
    batch_bytes: int = Field(description="About the size of a batch file.")
    bytes: int = Field(description="About the size of all of them, or of a stream's buffer.")
    host_bytes: int = Field(description="About what a batch takes of a worker's memory.")
    host_bytes_allowed: int = Field(description="What it may take.")
    host_fits: bool = Field(description="Whether it does not take more.")
    seconds: float | None = Field(description="About how long the live workers take, if they do nothing else.")
    seconds_from: str = Field(description="What this is estimated from, or why it can't be.")
    rejected_structures: int = Field(description="Structures that are rejected for one reason or several.")
    rejected: tuple[Rejected, ...] = Field(description="For which reasons.")
    exceeded: tuple[Refused, ...] = Field(description="Limits of this server that the job is over.")
    preview: Preview | None = Field(description="The preview asked for; null where nothing would be accepted.")


def preflight(
    plan: Plan,
    dataset: DatasetRecord,
    settings: Settings,
    workers: Sequence[WorkerRecord],
    job: str | None,
) -> Preflight:
    """The report of a planned job, without a preview."""
    structures, exceeded = refused(plan, dataset, settings)
    samples = min(plan.spec.batch_size, plan.samples)
    needed = host_bytes(plan.spec, samples, dataset.atoms / dataset.structures)
    seconds, seconds_from = estimate(plan, workers)
    endless, stream = plan.recipe.endless, plan.recipe.stream
    stored = plan.samples if stream is None else min(plan.samples, stream.buffer_batches * plan.spec.batch_size)
    return Preflight(
        recipe=plan.recipe.recipe_id,
        job=job,
        accepted=not structures and not exceeded,
        structures=dataset.structures,
        samples=None if endless else plan.samples,
        batches=None if endless else plan.batches,
        shards=None if endless else plan.shards,
        batch_bytes=file_bytes(plan.spec, samples),
        bytes=file_bytes(plan.spec, stored),
        host_bytes=needed,
        host_bytes_allowed=settings.group_bytes,
        host_fits=needed <= settings.group_bytes,
        seconds=seconds,
        seconds_from=seconds_from,
        rejected_structures=rejected(structures),
        rejected=tuple(_told(found, dataset) for found in structures),
        exceeded=tuple(map(Refused.of, exceeded)),
        preview=None,
    )


def refused(plan: Plan, dataset: DatasetRecord, settings: Settings) -> tuple[list[Rejection], list[FieldError]]:
    """The structures that are rejected, and the limits that are exceeded: POST /v1/jobs refuses the same."""
    return rejections(plan.spec, dataset), over_limits(plan, dataset.atoms / dataset.structures, settings)


def _told(found: Rejection, dataset: DatasetRecord) -> Rejected:
    fault = found.fault(dataset)
    return Rejected(
        field=fault.field,
        reason=fault.reason,
        accepted=fault.accepted,
        structures=found.structures,
        examples=found.examples,
    )


def estimate(plan: Plan, workers: Sequence[WorkerRecord]) -> tuple[float | None, str]:
    """Seconds on these workers, and what they were estimated from or why they could not be.

    By image pixels: a worker that has made nothing yet counts as the mean of those that have. Atoms, heights and
    descriptors of the job may differ from what the rates were measured on.
    """
    rates = [worker.pixels_per_second for worker in workers if worker.pixels_per_second]
    if plan.recipe.endless:
        return None, "a stream without end"
    if not workers:
        return None, "no worker is running"
    if not rates:
        return None, "no worker has made anything yet; a preview lets one"
    nx, ny = plan.spec.image_dim
    pixels = plan.samples * len(plan.spec.tips) * nx * ny
    said = f"image pixels a second of {len(rates)} of {len(workers)} workers"
    return pixels / (sum(rates) / len(rates) * len(workers)), said


def preview(job: JobStatus) -> Preview:
    """How to get at a preview."""
    path = f"/v1/jobs/{job.id}"
    return Preview(
        job=job.id,
        samples=job.only or (),
        status=path,
        batches=tuple(f"{path}/batches/{n}" for n in range(Plan(job).batches)),
    )
