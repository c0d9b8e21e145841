"""Workers turn the spec of a job into batches."""

from typing import Annotated

from fastapi import APIRouter, Body, Header, Response
from pydantic import Field, RootModel

from afmbatch.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from afmbatch.ledger.records import JobStatus
from afmbatch.sampling.recipe import Extension
from service.routes.dependencies import Jobs
from service.routes.examples import EXTENSIONS
from service.routes.parameters import JobId, JobSpecBody, Limit, Page, Start
from service.transport.bodies import BodyRoute, strict_json
from service.transport.http_errors import MalformedRequest, UnsupportedMediaType
from service.transport.problems import Responses, problem_responses

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=BodyRoute)


class JobPage(Page):
    """Holds a part of the list of jobs."""

    jobs: list[JobStatus] = Field(description="Jobs, newest first.")


class JobExtension(RootModel[Extension]):
    """Says which samples a job is extended by: further epochs, or those of another dataset."""


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[!-~]+$",
        max_length=200,
        description="Text that is new for each new job. A request repeated with the same key makes no second job.",
    ),
]
_EXISTING: Responses = {200: {"model": JobStatus, "description": "A job that makes this recipe exists already."}}


@router.post(
    "",
    operation_id="createJob",
    summary="Post a job",
    status_code=201,
    responses=_EXISTING
    | problem_responses(MalformedRequest, Conflict, TooLarge, UnsupportedMediaType, InvalidInput, Unavailable),
)
def create_job(spec: JobSpecBody, jobs: Jobs, response: Response, idempotency_key: IdempotencyKey = None) -> JobStatus:
    """Check a spec, plan its samples and batches and queue them. The answer has the spec with its defaults filled in.

    If a job makes the same recipe already (spec, seed, dataset content and engine version), the answer is that job,
    with status 200, unless it was cancelled or failed.
    """
    status, new = jobs.create(spec, idempotency_key)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/jobs/{status.id}"
    return status


@router.get(
    "",
    operation_id="listJobs",
    summary="List jobs, newest first",
    responses=problem_responses(InvalidInput, Unavailable),
)
def list_jobs(jobs: Jobs, start: Start = 0, limit: Limit = 100) -> JobPage:
    """List all jobs with their state and counts, a page at a time."""
    total, statuses = jobs.page(start, limit)
    return JobPage(total=total, start=start, jobs=statuses)


@router.get(
    "/{job_id}",
    operation_id="getJob",
    summary="Get a job's status",
    responses=problem_responses(NotFound, InvalidInput, Unavailable),
)
def get_job(job_id: JobId, jobs: Jobs) -> JobStatus:
    """Get the job's recipe, spec, state, counts, rate and first errors."""
    return jobs.get(job_id)


@router.post(
    "/{job_id}/extend",
    operation_id="extendJob",
    summary="Extend a job that is done",
    responses=problem_responses(
        MalformedRequest, NotFound, Conflict, TooLarge, UnsupportedMediaType, InvalidInput, Unavailable
    ),
)
def extend_job(
    job_id: JobId,
    extension: Annotated[JobExtension, strict_json(JobExtension), Body(openapi_examples=EXTENSIONS)],
    jobs: Jobs,
) -> JobStatus:
    """Add samples to a job: further epochs, or another dataset. Its existing samples keep their numbers and files."""
    return jobs.extend(job_id, extension.root)


@router.post(
    "/{job_id}/cancel",
    operation_id="cancelJob",
    summary="Cancel a job",
    responses=problem_responses(NotFound, InvalidInput, Unavailable),
)
def cancel_job(job_id: JobId, jobs: Jobs) -> JobStatus:
    """Make no further batches. Existing batches stay. A finished or cancelled job stays as it is."""
    return jobs.cancel(job_id)


@router.delete(
    "/{job_id}",
    operation_id="deleteJob",
    summary="Delete a job and its batches",
    status_code=204,
    response_class=Response,
    responses=problem_responses(NotFound, InvalidInput, Unavailable),
)
def delete_job(job_id: JobId, jobs: Jobs) -> None:
    """Cancel the job and delete its tasks, its files, its records and its single samples."""
    jobs.remove(job_id)
