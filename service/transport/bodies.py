"""Request bodies have the documented media type, are limited in size and, as JSON, are validated strictly.

FastAPI's own `max_body_size` is not used: it answers in plain text that does not name the limit, replaces the answer of
any exception handler, and does not read on, so that a client that is still sending never sees the answer.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
from fastapi import Request, Response, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import PlainValidator, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message

from afmbatch.errors import MAX_FIELD_ERRORS, AfmbatchError, FieldError, TooLarge
from service.transport.http_errors import UnsupportedMediaType

MAX_JSON_BYTES = 1 << 20
MAX_PART_BYTES = 16 << 20  # of a file that is sent in parts; a part is in memory as a whole
OCTETS = "application/octet-stream"
MAX_TEXT_FIELDS = 100  # few text fields are known, but so many are read to name an unknown one
_DRAIN_SECONDS = 5.0


def strict_json(model: Any) -> PlainValidator:
    """Return a validator of JSON bodies that accepts no more than the documented schema.

    Pydantic's lax mode would accept "5" as a number.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(model)

    def validate(body: bytes) -> Any:
        try:
            return adapter.validate_json(body, strict=True)
        except ValidationError as error:
            if error.error_count() <= MAX_FIELD_ERRORS:
                raise
            # FastAPI would copy all of them twice, while every other request waits.
            listed = error.errors(include_url=False)[: MAX_FIELD_ERRORS + 1]
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in listed])

    return PlainValidator(validate, json_schema_input_type=model)


class BodyRoute(APIRoute):
    """Checks the media type and the size of a request's body before FastAPI reads it.

    Bodies are forms, parts of files (application/octet-stream) or JSON. Parameters with JSON bodies need the validator
    `strict_json`: they receive the bytes of the body.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler that FastAPI makes, behind the checks."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle
        is_form = isinstance(self.body_field.field_info, params.Form)
        is_part = getattr(self.body_field.field_info, "media_type", "") == OCTETS

        async def handle_checked(request: Request) -> Response:
            if is_form:
                body = _Body(request, "multipart/form-data", request.app.state.settings.max_upload_bytes)
            elif is_part:
                body = _Body(request, OCTETS, MAX_PART_BYTES)
            else:
                body = _Body(request, "application/json", MAX_JSON_BYTES)
            try:
                body.check_headers()
                return await handle(_BytesRequest(request.scope, body.receive))
            except AfmbatchError:
                await body.drain()
                raise
            except HTTPException as error:
                await body.drain()
                # FastAPI turns an error that is raised while it reads the body into an HTTPException.
                raise error.__cause__ if isinstance(error.__cause__, TooLarge) else error from None

        return handle_checked


class _BytesRequest(Request):
    """Leaves the parsing of a JSON body to its validator."""

    async def json(self) -> bytes:
        return await self.body()


class _Body:
    """Refuses the body of a request as soon as more than `max_bytes` have arrived or are announced."""

    def __init__(self, request: Request, media_type: str, max_bytes: int) -> None:
        self._request = request
        self._media_type = media_type
        self._max_bytes = max_bytes
        self._received_bytes = 0
        self._incomplete = True

    def check_headers(self) -> None:
        """Raise UnsupportedMediaType or TooLarge if the headers announce a body that is refused."""
        headers = self._request.headers
        given = headers.get("content-type", "")
        if given.partition(";")[0].strip().lower() != self._media_type:
            sent = f"has the media type {given}" if given else "has no media type"
            raise UnsupportedMediaType(f"The body {sent}; send it with Content-Type: {self._media_type}.")
        announced = headers.get("content-length", "")
        self._check_size(int(announced) if announced.isdecimal() else 0)

    async def receive(self) -> Message:
        """Return the next message of the request. Raises TooLarge."""
        message = await self._request.receive()
        self._incomplete = message.get("more_body", False)
        self._received_bytes += len(message.get("body", b""))
        self._check_size(self._received_bytes)
        return message

    async def drain(self) -> None:
        """Receive the rest of the body, for some seconds: a client that is cut off while it sends reads no answer."""
        if "expect" in self._request.headers:
            return  # such a client waits for the answer and sends nothing
        with anyio.move_on_after(_DRAIN_SECONDS):
            while self._incomplete:
                self._incomplete = (await self._request.receive()).get("more_body", False)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            accepted = f"at most {self._max_bytes} bytes"
            raise TooLarge(FieldError("body", f"{size} bytes or more", "the body is too large", accepted))
