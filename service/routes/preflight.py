"""A preflight plans a job without running it."""

from typing import Annotated

from fastapi import APIRouter, Query

from afmbatch.errors import InvalidInput, TooLarge, Unavailable
from service.admission.preflight import Preflight
from service.routes.dependencies import Preflights
from service.routes.parameters import JobSpecBody
from service.transport.bodies import BodyRoute
from service.transport.http_errors import MalformedRequest, UnsupportedMediaType
from service.transport.problems import problem_responses

router = APIRouter(prefix="/v1/preflight", tags=["jobs"], route_class=BodyRoute)
MAX_PREVIEW = 10


@router.post(
    "",
    operation_id="preflight",
    summary="Plan a job without running it",
    responses=problem_responses(MalformedRequest, TooLarge, UnsupportedMediaType, InvalidInput, Unavailable),
)
def preflight(
    spec: JobSpecBody,
    preflights: Preflights,
    preview: Annotated[
        int,
        Query(
            ge=0,
            le=MAX_PREVIEW,
            description="Number of samples to make before all other work, by a job of their own; 0 for no preview.",
        ),
    ] = 0,
) -> Preflight:
    """Report what a spec would make.

    Structures that contradict the spec and exceeded limits are in the report; anything else that is wrong is an error.
    """
    return preflights.report(spec, preview)
