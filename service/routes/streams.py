"""Streams: what their readers say of the batches they had."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from afmbatch.ledger.records import JobStatus
from afmbatch.spec.delivery import Acknowledgement, Rewinding
from service.routes.dependencies import Decisions, JobId
from service.transport.bodies import acknowledgement, rewinding
from service.transport.problems import declared

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"])


class Acknowledged(BaseModel):
    """What acknowledging led to."""

    dropped: int = Field(description="Batches whose files were deleted by this; not those deleted before.")


def _body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


@router.post(
    "/acknowledge",
    operation_id="acknowledgeBatches",
    summary="Drop batches of a stream",
    responses=declared(400, 404, 409, 413, 415, 422, 503),
    openapi_extra=_body(Acknowledgement, {"batches": [0, 1]}),
)
def acknowledge(
    job_id: JobId, done: Annotated[Acknowledgement, Depends(acknowledgement)], decide: Decisions
) -> Acknowledged:
    """These batches are no longer needed: their files are deleted, and as many further ones are made.

    Each batch is for one reader to acknowledge; again does no harm. The buffer begins at the first batch that is not
    acknowledged: no reader gets further ahead of the slowest than it is long.
    """
    return Acknowledged(dropped=decide.acknowledge(job_id, done.batches))


@router.post(
    "/rewind",
    operation_id="rewindJob",
    summary="Go back in a stream",
    responses=declared(400, 404, 409, 413, 415, 422, 503),
    openapi_extra=_body(Rewinding, {"batch": 0}),
)
def rewind(job_id: JobId, to: Annotated[Rewinding, Depends(rewinding)], decide: Decisions) -> JobStatus:
    """Make everything from this batch on available again: the same samples, whatever was acknowledged of them."""
    return decide.rewind_job(job_id, to.batch)
