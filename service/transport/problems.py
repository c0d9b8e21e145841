"""Errors are answered with problem documents (RFC 9457).

`type` is `urn:afmbatch:problem:` followed by the slug of the error's class.
"""

import http
import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias
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

from afmbatch.errors import MAX_FIELD_ERRORS, AfmbatchError, FieldError, NotFound, Unavailable
from service.transport.http_errors import MalformedRequest, MethodNotAllowed
from service.transport.request_errors import error_of_request

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """Describes an error (RFC 9457)."""

    type: str = Field(
        description="Identifies the kind of error for programs.", examples=["urn:afmbatch:problem:invalid-input"]
    )
    title: str = Field(description="Names the kind of error for people.", examples=["Invalid input"])
    status: int = Field(description="HTTP status of the answer.", examples=[422])
    detail: str = Field(description="Explains what went wrong with this request and how to correct it.")
    instance: str = Field(description="Path of the request.", examples=["/v1/jobs"])
    errors: list[FieldError] = Field(
        description=f"What is wrong with the fields of the request: at most {MAX_FIELD_ERRORS} errors, often none."
    )


Responses: TypeAlias = dict[int | str, dict[str, Any]]  # responses of an operation, for OpenAPI


def problem_responses(*errors: type[AfmbatchError]) -> Responses:
    """Return the OpenAPI responses of an operation that raises these errors."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {error.status: {"description": error.title, "content": content} for error in errors}


def problem_schemas() -> dict[str, Any]:
    """Return the JSON schemas of a problem document by name, for the components of the OpenAPI document."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


async def answer_error(request: Request, error: AfmbatchError) -> Response:
    """Return the problem document of an error."""
    return _answer(request, error.status, error.slug, error.title, str(error), error.field_errors, error.headers)


def _answer(
    request: Request,
    status: int,
    slug: str,
    title: str,
    detail: str,
    field_errors: Sequence[FieldError],
    headers: Mapping[str, str] | None,
) -> Response:
    problem = Problem(
        type=f"urn:afmbatch:problem:{slug}",
        title=title,
        status=status,
        detail=detail,
        instance=quote(request.url.path, errors="replace"),
        errors=list(field_errors),
    )
    # A client may send half a surrogate pair, which UTF-8 cannot encode but JSON can escape.
    body = json.dumps(problem.model_dump(), ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(body, status, headers, MEDIA_TYPE)


async def _answer_framework_error(request: Request, error: HTTPException) -> Response:
    path = request.url.path
    match error.status_code:
        case 400:
            return await answer_error(request, MalformedRequest(error.detail))
        case 404:
            detail = f"The address {path} does not exist; /docs lists the addresses of this service."
            return _answer(request, 404, NotFound.slug, NotFound.title, detail, (), error.headers)
        case 405:
            # Starlette names only the methods of the first route with this path.
            routes = [r for r in iter_route_contexts(request.app.routes) if compile_path(r.path or "")[0].match(path)]
            allowed = ", ".join(sorted({method for route in routes for method in route.methods or ()}))
            return await answer_error(request, MethodNotAllowed(request.method, path, allowed))
        case status:
            phrase = http.HTTPStatus(status).phrase
            slug = phrase.lower().replace(" ", "-")
            return _answer(request, status, slug, phrase, error.detail, (), error.headers)


async def _answer_invalid_request(request: Request, error: RequestValidationError) -> Response:
    return await answer_error(request, error_of_request(request, error))


async def _answer_redis_error(request: Request, error: RedisError) -> Response:
    _log.warning("%s %s: Redis failed: %s", request.method, request.url.path, error)
    return await answer_error(request, Unavailable("Redis does not answer; try again."))


async def _answer_store_error(request: Request, error: obstore.exceptions.BaseError) -> Response:
    _log.warning("%s %s: the store failed: %s", request.method, request.url.path, error)
    return await answer_error(request, Unavailable("The store does not answer; try again."))


async def _answer_disconnected(request: Request, _: ClientDisconnect) -> Response:
    # Nobody reads this answer, but the server expects one.
    return await answer_error(request, MalformedRequest("The connection was closed before the body was complete."))


async def _answer_unexpected_error(request: Request, _: Exception) -> Response:
    # Starlette raises the exception again after this answer, and the server logs it.
    return await answer_error(request, AfmbatchError("The service failed; its log has the details."))


Handler: TypeAlias = Callable[[Request, Any], Coroutine[Any, Any, Response]]


def exception_handlers() -> dict[int | type[Exception], Handler]:
    """Return the exception handlers of the application, one for each family of errors."""
    return {
        AfmbatchError: answer_error,
        HTTPException: _answer_framework_error,
        RequestValidationError: _answer_invalid_request,
        RedisError: _answer_redis_error,
        obstore.exceptions.BaseError: _answer_store_error,
        ClientDisconnect: _answer_disconnected,
        Exception: _answer_unexpected_error,
    }
