"""Request bodies: received up to a limit, of the type they should be, read into what the house knows."""

from collections.abc import AsyncIterator
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar

import anyio
from fastapi import Depends, Request
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message

from afmbatch.errors import FieldError, InvalidInput, TooLarge
from afmbatch.sampling.recipe import Extension
from afmbatch.settings import Settings
from afmbatch.spec.delivery import Acknowledgement, Rewinding
from afmbatch.spec.job import JobSpec
from afmbatch.structures.ingest import Upload
from service.transport.field_errors import Schema, faults, shown

T = TypeVar("T")
MAX_JSON_BYTES = 1 << 20
_DRAIN_SECONDS = 5.0
_MAX_TEXT_FIELDS = 100  # none is known; so many are read to say which one is wrong


async def json_bytes(request: Request) -> bytes:
    """A JSON body as it came. Raises TooLarge; HTTPException 415."""
    body = _Body(request, MAX_JSON_BYTES, "application/json")
    try:
        return await body.checked().body()
    except (TooLarge, HTTPException):
        await body.drain()
        raise


class _Kind(Generic[T]):
    """A kind of JSON document."""

    def __init__(self, kind: Any) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    @cached_property
    def _schema(self) -> Schema:
        return self._adapter.json_schema()  # 20 ms for a spec

    def read(self, body: bytes) -> T:
        """A body of this kind. Raises InvalidInput; HTTPException 400 where it is no JSON."""
        try:
            # Strict: in lax mode "5" and true pass for numbers, which the documented schema denies.
            return self._adapter.validate_json(body, strict=True)
        except ValidationError as e:
            found = e.errors(include_url=False)
            if found[0]["type"] == "json_invalid":
                raise HTTPException(400, found[0]["msg"]) from None
            raise InvalidInput(*faults(found, self._schema)) from None


_SPEC = _Kind[JobSpec](JobSpec)
_EXTENSION = _Kind[Extension](Extension)
_ACKNOWLEDGEMENT = _Kind[Acknowledgement](Acknowledgement)
_REWINDING = _Kind[Rewinding](Rewinding)


def job_spec(body: Annotated[bytes, Depends(json_bytes)]) -> JobSpec:
    """The body as a job spec. Raises InvalidInput; HTTPException 400 where it is no JSON."""
    return _SPEC.read(body)


def extension(body: Annotated[bytes, Depends(json_bytes)]) -> Extension:
    """The body as what a job is to be extended by. Raises InvalidInput; HTTPException 400 where it is no JSON."""
    return _EXTENSION.read(body)


def acknowledgement(body: Annotated[bytes, Depends(json_bytes)]) -> Acknowledgement:
    """The body as acknowledged batches. Raises InvalidInput; HTTPException 400 where it is no JSON."""
    return _ACKNOWLEDGEMENT.read(body)


def rewinding(body: Annotated[bytes, Depends(json_bytes)]) -> Rewinding:
    """The body as where to go back to. Raises InvalidInput; HTTPException 400 where it is no JSON."""
    return _REWINDING.read(body)


async def uploads(request: Request) -> AsyncIterator[list[Upload]]:
    """The files of a multipart body, closed at the end. Raises InvalidInput, TooLarge; HTTPException 400, 415."""
    settings: Settings = request.app.state.settings
    body = _Body(request, settings.max_upload_bytes, "multipart/form-data")
    try:
        form = await body.checked().form(max_files=settings.max_members, max_fields=_MAX_TEXT_FIELDS)
    except (TooLarge, HTTPException):
        await body.drain()
        raise
    try:
        yield _files(form)
    finally:
        await form.close()


def _files(form: FormData) -> list[Upload]:
    files = []
    for name, item in form.multi_items():
        if name != "files":
            raise InvalidInput(FieldError(name, _given(item), "unknown form field", "parts named 'files'"))
        if not isinstance(item, UploadFile):
            raise InvalidInput(FieldError(name, _given(item), "it is text, not a file", "a part with a file name"))
        files.append(Upload(item.filename or "", item.file))
    if not files:
        raise InvalidInput(FieldError("files", "nothing", "no file was sent", "one or more parts named 'files'"))
    return files


def _given(item: UploadFile | str) -> str:
    return shown(item if isinstance(item, str) else item.filename)


class _Body:
    """A request's body, of one media type, refused as soon as more than `limit` bytes have come or are announced."""

    def __init__(self, request: Request, limit: int, media_type: str) -> None:
        self._request = request
        self._limit = limit
        self._media_type = media_type
        self._received = 0
        self._more = True

    def checked(self) -> Request:
        """The request, its headers checked, its body being watched. Raises TooLarge; HTTPException 415."""
        headers = self._request.headers
        given = headers.get("content-type", "")
        if given.partition(";")[0].strip().lower() != self._media_type:
            raise HTTPException(
                415, f"the body is {given or 'of no stated type'}; send Content-Type: {self._media_type}"
            )
        announced = headers.get("content-length", "")
        self._check(int(announced) if announced.isdecimal() else 0)
        return Request(self._request.scope, self._receive)

    async def drain(self) -> None:
        """Let the client finish for a while: one that is cut off while it sends never reads the answer."""
        if "expect" in self._request.headers:
            return  # it waits for the answer and sends nothing
        with anyio.move_on_after(_DRAIN_SECONDS):
            while self._more:
                self._more = (await self._request.receive()).get("more_body", False)

    async def _receive(self) -> Message:
        message = await self._request.receive()
        self._more = message.get("more_body", False)
        self._received += len(message.get("body", b""))
        self._check(self._received)
        return message

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(
                FieldError("body", f"{size} bytes or more", "the body is too large", f"at most {self._limit} bytes")
            )
