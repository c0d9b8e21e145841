"""A job's events, as they happen."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from starlette.concurrency import run_in_threadpool

from afmbatch.spec.model import MAX_INT
from service.routes.dependencies import Decisions, JobId, Ringing
from service.transport.event_stream import MEDIA_TYPE, EventStream
from service.transport.problems import Responses, declared

router = APIRouter(prefix="/v1/jobs/{job_id}/events", tags=["jobs"])


def _told(model: str, *kinds: str) -> dict[str, Any]:
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": f"#/components/schemas/{model}"},
    }
    return {
        "type": "object",
        "properties": {"event": {"type": "string", "enum": kinds}, "id": {"type": "string"}, "data": data},
        "required": ["event", "id", "data"],
    }


_EVENT = {"oneOf": [_told("JobStatus", "progress", "end"), _told("BatchRecord", "batch")]}
_STREAM: Responses = {200: {"description": "The events.", "content": {MEDIA_TYPE: {"itemSchema": _EVENT}}}}


@router.get(
    "",
    operation_id="followJob",
    summary="Follow a job",
    response_class=Response,
    responses=_STREAM | declared(404, 422, 503),
)
async def follow(
    job_id: JobId,
    decide: Decisions,
    bell: Ringing,
    last: Annotated[
        int, Header(alias="Last-Event-ID", ge=0, le=MAX_INT, description="Id of the last event that arrived.")
    ] = 0,
) -> Response:
    """Server-sent events until the job has ended, each with JSON as data.

    `progress`: the job as `GET /v1/jobs/{id}` tells it, at once and when it has changed, at most twice a second.
    `batch`: each recorded batch, in the order of recording. `end`: the job in its final state; then the stream ends.
    """
    await run_in_threadpool(decide.ledger.jobs.get, job_id)
    return EventStream(decide.ledger, bell, job_id, last)
