"""Preflight: a job's plan without the job."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from afmbatch.spec.job import JobSpec
from service.admission.preflight import Preflight
from service.routes.dependencies import Decisions
from service.routes.jobs import SPEC
from service.transport.bodies import job_spec
from service.transport.problems import declared

router = APIRouter(prefix="/v1/preflight", tags=["jobs"])
MAX_PREVIEW = 10


@router.post(
    "",
    operation_id="preflight",
    summary="What a job would be",
    responses=declared(400, 413, 415, 422, 503),
    openapi_extra=SPEC,
)
def check(
    spec: Annotated[JobSpec, Depends(job_spec)],
    decide: Decisions,
    preview: Annotated[
        int, Query(ge=0, le=MAX_PREVIEW, description="How many samples to make at once, by a job of their own.")
    ] = 0,
) -> Preflight:
    """Plan a spec without running it. Rejected structures and limits are in the report; any other fault is an error."""
    return decide.preflight(spec, preview)
