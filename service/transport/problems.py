"""The one translation from errors to answers: RFC 9457 problem documents.

`type` tells a program what happened: `urn:afmbatch:problem:` and one of the slugs below.
"""

import http
import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Self, TypeAlias
from urllib.parse import quote

import obstore.exceptions
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from redis import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path

from afmbatch import errors
from afmbatch.errors import FieldError
from service.transport.field_errors import fault

MEDIA_TYPE = "application/problem+json"
_RETRY_SECONDS = "1"
_log = logging.getLogger(__name__)

_KINDS: Mapping[int, tuple[str, str]] = {
    400: ("malformed-request", "The request can't be read"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "The method is not supported here"),
    409: ("conflict", "The request contradicts what exists"),
    410: ("gone", "The file is no longer there"),
    412: ("precondition-failed", "The condition does not hold"),
    413: ("too-large", "The request is over a limit of this server"),
    415: ("unsupported-media-type", "The body is of another type than is read here"),
    416: ("range-not-satisfiable", "The range lies outside the file"),
    422: ("invalid-input", "The request can't be carried out as written"),
    500: ("internal-error", "The service failed"),
    503: ("unavailable", "A part of the service does not answer"),
}
_NOT_YET = ("not-yet", "It does not exist yet")


class Refused(BaseModel):
    """One thing wrong with an input."""

    field: str = Field(description="Where: a path into what was sent, such as `tips[0].stiffness`.")
    value: str = Field(description="What was given there, shortened.")
    reason: str = Field(description="Why it is refused.")
    accepted: str = Field(description="What would be accepted.")

    @classmethod
    def of(cls, fault: FieldError) -> Self:
        """The same for an answer."""
        return cls(field=fault.field, value=fault.value, reason=fault.reason, accepted=fault.accepted)


class Problem(BaseModel):
    """An error as of RFC 9457."""

    type: str = Field(description="What happened, for a program.", examples=["urn:afmbatch:problem:invalid-input"])
    title: str = Field(description="The same for a person.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened this time, and what to do about it.")
    instance: str = Field(description="Path of the request.")
    errors: list[Refused] = Field(description="Each thing wrong with the input.")


Responses: TypeAlias = dict[int | str, dict[str, Any]]  # of an operation, for OpenAPI


def declared(*statuses: int) -> Responses:
    """These problems as responses of an operation."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _KINDS[status][1], "content": content} for status in statuses}


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    kind: tuple[str, str] | None = None,
    faults: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer that says what went wrong; valid JSON whatever the client sent."""
    phrase = http.HTTPStatus(status).phrase
    slug, title = kind or _KINDS.get(status, (phrase.lower().replace(" ", "-"), phrase))
    document = Problem(
        type=f"urn:afmbatch:problem:{slug}",
        title=title,
        status=status,
        detail=detail,
        instance=quote(request.url.path, errors="replace"),
        errors=[Refused.of(fault) for fault in faults],
    )
    # Half a surrogate pair is no text in UTF-8 but has an escape in JSON.
    body = json.dumps(document.model_dump(), ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(body, status, headers, MEDIA_TYPE)


async def _ours(request: Request, exc: errors.AfmbatchError) -> Response:
    retry = {"Retry-After": _RETRY_SECONDS}
    match exc:
        case errors.InvalidInput():
            return problem(request, 422, str(exc), faults=exc.faults)
        case errors.TooLarge():
            return problem(request, 413, str(exc), faults=[exc.fault])
        case errors.NotYet():
            return problem(request, 404, str(exc), kind=_NOT_YET, headers=retry)
        case errors.NotFound():
            return problem(request, 404, str(exc))
        case errors.Gone():
            return problem(request, 410, str(exc))
        case errors.Conflict():
            return problem(request, 409, str(exc))
        case errors.Unavailable():
            return problem(request, 503, str(exc), headers=retry)
    raise exc


async def _http(request: Request, exc: HTTPException) -> Response:
    path, headers = request.url.path, exc.headers
    match exc.status_code:
        case 404:
            detail = f"{path} is no address of this service; /docs lists them"
        case 405:
            # Starlette names only the methods of the first route with this path.
            routes = [r for r in iter_route_contexts(request.app.routes) if compile_path(r.path or "")[0].match(path)]
            allowed = ", ".join(sorted({method for r in routes for method in r.methods or ()}))
            detail, headers = f"{request.method} is not supported at {path}; {allowed} are", {"Allow": allowed}
        case _:
            detail = exc.detail
    return problem(request, exc.status_code, detail, headers=headers)


async def _parameters(request: Request, exc: RequestValidationError) -> Response:
    """Path, query and header parameters: what they accept is in the OpenAPI document."""
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    schemas = {(p["in"], p["name"].lower()): p["schema"] for p in operation["parameters"]}
    faults = [
        fault(e, e["loc"][1:], {"properties": {e["loc"][1]: schemas[e["loc"][0], str(e["loc"][1]).lower()]}})
        for e in exc.errors()
    ]
    return await _ours(request, errors.InvalidInput(*faults))


async def _redis(request: Request, exc: RedisError) -> Response:
    _log.warning("%s %s: Redis: %s", request.method, request.url.path, exc)
    return await _ours(request, errors.Unavailable("Redis does not answer; try again"))


async def _store(request: Request, exc: obstore.exceptions.BaseError) -> Response:
    _log.warning("%s %s: store: %s", request.method, request.url.path, exc)
    return await _ours(request, errors.Unavailable("the store does not answer; try again"))


async def _disconnected(request: Request, _: ClientDisconnect) -> Response:
    return problem(request, 400, "the body ended early")  # nobody is there to read it


async def _unexpected(request: Request, _: Exception) -> Response:
    # Starlette raises the exception again once this is sent, and the server logs it.
    return problem(request, 500, "an error of the service itself; its log tells more")


Handler: TypeAlias = Callable[[Request, Any], Coroutine[Any, Any, Response]]


def handlers() -> dict[int | type[Exception], Handler]:
    """Exception handlers for the application, one for each family of errors."""
    return {
        errors.AfmbatchError: _ours,
        HTTPException: _http,
        RequestValidationError: _parameters,
        RedisError: _redis,
        obstore.exceptions.BaseError: _store,
        ClientDisconnect: _disconnected,
        Exception: _unexpected,
    }
