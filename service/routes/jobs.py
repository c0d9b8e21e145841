"""Jobs: a spec, turned into batches by the workers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from afmbatch.ledger.records import JobStatus
from afmbatch.sampling.recipe import Extension
from afmbatch.spec.job import JobSpec
from service.routes.dependencies import Decisions, JobId, Limit, Page, Start
from service.routes.examples import EXTENSIONS, JOBS
from service.transport.bodies import extension, job_spec
from service.transport.problems import Responses, declared

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class JobPage(Page):
    """A part of the list of jobs."""

    jobs: list[JobStatus]


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[!-~]+$",
        max_length=200,
        description="Any text that is new for each new job: a request sent again under it makes no second job.",
    ),
]
_SAME: Responses = {200: {"model": JobStatus, "description": "The job that makes this recipe already."}}
SPEC = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobSpec"}, "examples": JOBS}},
    }
}
_EXTENSION = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/MoreEpochs"},
                        {"$ref": "#/components/schemas/MoreMolecules"},
                    ],
                    "discriminator": {
                        "propertyName": "kind",
                        "mapping": {
                            "epochs": "#/components/schemas/MoreEpochs",
                            "molecules": "#/components/schemas/MoreMolecules",
                        },
                    },
                },
                "examples": EXTENSIONS,
            }
        },
    }
}


@router.post(
    "",
    operation_id="createJob",
    summary="Post a job",
    status_code=201,
    responses=_SAME | declared(400, 409, 413, 415, 422, 503),
    openapi_extra=SPEC,
)
def create(
    spec: Annotated[JobSpec, Depends(job_spec)],
    decide: Decisions,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> JobStatus:
    """Check a spec, plan its samples and batches, queue them. The answer has the spec with its defaults filled in.

    Where a job makes the same recipe already (spec, seed, dataset content and engine version), that is the answer, with
    status 200; unless it was cancelled or failed.
    """
    status, new = decide.add_job(spec, idempotency_key)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/jobs/{status.id}"
    return status


@router.get("", operation_id="listJobs", summary="List jobs, newest first", responses=declared(422, 503))
def page(decide: Decisions, start: Start = 0, limit: Limit = 100) -> JobPage:
    """All jobs and how far they are, a page at a time."""
    total, items = decide.ledger.jobs.page(start, limit)
    return JobPage(total=total, start=start, jobs=items)


@router.get("/{job_id}", operation_id="getJob", summary="How far a job is", responses=declared(404, 422, 503))
def read(job_id: JobId, decide: Decisions) -> JobStatus:
    """The job's recipe, spec, state, counts, rate and first errors."""
    return decide.ledger.jobs.status(job_id)


@router.post(
    "/{job_id}/extend",
    operation_id="extendJob",
    summary="Extend a job that is done",
    responses=declared(400, 404, 409, 413, 415, 422, 503),
    openapi_extra=_EXTENSION,
)
def extend(job_id: JobId, more: Annotated[Extension, Depends(extension)], decide: Decisions) -> JobStatus:
    """Let it make more: further epochs, or another dataset. What it made keeps its numbers and files."""
    return decide.extend_job(job_id, more)


@router.post("/{job_id}/cancel", operation_id="cancelJob", summary="Cancel a job", responses=declared(404, 422, 503))
def cancel(job_id: JobId, decide: Decisions) -> JobStatus:
    """Make no further batches. Those that were made stay; a finished or cancelled job stays as it is."""
    return decide.cancel_job(job_id)


@router.delete(
    "/{job_id}",
    operation_id="deleteJob",
    summary="Delete a job and its batches",
    status_code=204,
    response_class=Response,
    responses=declared(404, 422, 503),
)
def delete(job_id: JobId, decide: Decisions) -> None:
    """Cancel it, and remove its tasks, its files and all that is known about it; single samples of it as well."""
    decide.remove_job(job_id)
