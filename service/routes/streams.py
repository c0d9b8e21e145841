"""Readers of a stream acknowledge its batches or go back to earlier ones."""

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from afmbatch.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from afmbatch.ledger.records import JobStatus
from afmbatch.spec.delivery import Acknowledgement, Rewinding
from service.routes.dependencies import Streams
from service.routes.examples import ACKNOWLEDGEMENTS, REWINDINGS
from service.routes.parameters import JobId
from service.transport.bodies import BodyRoute, strict_json
from service.transport.http_errors import MalformedRequest, UnsupportedMediaType
from service.transport.problems import problem_responses

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"], route_class=BodyRoute)


class Acknowledged(BaseModel):
    """Describes the effect of an acknowledgement."""

    dropped: int = Field(description="Number of batch files that this request deleted.")


_RESPONSES = problem_responses(
    MalformedRequest, NotFound, Conflict, TooLarge, UnsupportedMediaType, InvalidInput, Unavailable
)


@router.post(
    "/acknowledge", operation_id="acknowledgeBatches", summary="Drop batches of a stream", responses=_RESPONSES
)
def acknowledge_batches(
    job_id: JobId,
    acknowledgement: Annotated[Acknowledgement, strict_json(Acknowledgement), Body(openapi_examples=ACKNOWLEDGEMENTS)],
    streams: Streams,
) -> Acknowledged:
    """Delete the files of batches that are no longer needed, so that as many further batches are made.

    Each batch is acknowledged by one reader; repeating it does no harm. The buffer begins at the first batch that is
    not acknowledged: no reader gets further ahead of the slowest one than the buffer is long.
    """
    return Acknowledged(dropped=streams.acknowledge(job_id, acknowledgement.batches))


@router.post("/rewind", operation_id="rewindJob", summary="Go back in a stream", responses=_RESPONSES)
def rewind_job(
    job_id: JobId,
    rewinding: Annotated[Rewinding, strict_json(Rewinding), Body(openapi_examples=REWINDINGS)],
    streams: Streams,
) -> JobStatus:
    """Make all batches from this one on available again. They have the same samples, acknowledged or not."""
    return streams.rewind(job_id, rewinding.batch)
