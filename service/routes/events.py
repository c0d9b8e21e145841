"""Clients follow a job by server-sent events."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Header, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from afmbatch.errors import InvalidInput, NotFound, Unavailable
from afmbatch.spec.model import MAX_INT
from service.routes.dependencies import Events
from service.routes.parameters import JobId
from service.services.events import JobEvent
from service.transport.problems import Responses, problem_responses

router = APIRouter(prefix="/v1/jobs/{job_id}/events", tags=["jobs"])


def _event_schema(model: str, *kinds: str) -> dict[str, Any]:
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


_EVENT = {"oneOf": [_event_schema("JobStatus", "progress", "end"), _event_schema("BatchRecord", "batch")]}
_STREAM: Responses = {
    200: {"description": "The events.", "content": {EventSourceResponse.media_type: {"itemSchema": _EVENT}}}
}


async def _follow(
    job_id: JobId,
    events: Events,
    response: Response,
    last_event_id: Annotated[
        int,
        Header(alias="Last-Event-ID", ge=0, le=MAX_INT, description="Id of the last event that the client received."),
    ] = 0,
) -> AsyncIterator[AsyncIterator[JobEvent]]:
    response.headers["Cache-Control"] = "no-store"  # besides FastAPI's own no-cache
    await run_in_threadpool(events.require_job, job_id)
    async with aclosing(events.follow(job_id, last_event_id)) as job_events:
        yield job_events


JobEvents: TypeAlias = Annotated[AsyncIterator[JobEvent], Depends(_follow)]


@router.get(
    "",
    operation_id="followJob",
    summary="Follow a job",
    response_class=EventSourceResponse,
    responses=_STREAM | problem_responses(NotFound, InvalidInput, Unavailable),
)
async def follow_job(job_events: JobEvents) -> AsyncIterator[ServerSentEvent]:
    """Send server-sent events until the job has ended, each with JSON as data.

    `progress`: the job as `GET /v1/jobs/{id}` returns it, at once and when it has changed, at most twice a second.
    `batch`: each recorded batch, in the order of recording. `end`: the job in its final state; then the stream ends.
    """
    async for event in job_events:
        yield ServerSentEvent(event=event.kind, id=str(event.position), data=event.data)
