"""A request for an immutable file is answered with the file, a range of it, or 304 (RFC 9110, §13 and §14).

The bytes come from the fastest source available: a bucket, by a link that the client follows; a proxy in front of the
service that reads the store's directory (nginx, X-Accel-Redirect); the kernel (`sendfile`); or this process.
"""

import base64
import os
import re
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import quote

from fastapi import Request, Response
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from afmbatch.errors import Gone
from afmbatch.settings import Settings
from afmbatch.storage.batch_file import MEDIA_TYPE
from afmbatch.storage.object_store import READ_BYTES, Content, ObjectStore
from service.services.batch_files import BatchFile
from service.transport.formats import BatchFormat, Container, Encoding
from service.transport.http_errors import PreconditionFailed, RangeNotSatisfiable
from service.transport.sendfile import EXTENSION, SendfileResponse

_SINGLE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
_CACHE_FOREVER = "public, max-age=31536000, immutable"
_SUFFIXES = {Container.NPZ: "npz", Container.WEBDATASET: "tar"}
_ENTITY_TAG = re.compile(r'(W/)?("[^"]*")')


class Downloads:
    """Answers requests for batch files with the files in a store."""

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        self._store = store
        self._link_seconds = settings.link_seconds
        self._accel_prefix = settings.accel_prefix

    async def answer(self, request: Request, file: BatchFile, batch_format: BatchFormat) -> Response:
        """Return the answer to a GET or HEAD request for a batch file.

        Raises Gone if the file is recorded but missing or damaged in the store, PreconditionFailed and
        RangeNotSatisfiable.
        """
        try:  # before the headers are sent, because afterwards no error can be reported
            if batch_format.is_stored:
                return await self._answer_stored(request, file)
            return await self._answer_converted(request, file, batch_format)
        except FileNotFoundError:
            raise file.lost() from None

    async def _answer_converted(self, request: Request, file: BatchFile, batch_format: BatchFormat) -> Response:
        """Return the file in another format than that of the store. Raises FileNotFoundError and Gone."""
        etag = batch_format.tag(file.record.sha256)
        headers = {
            "ETag": f"W/{etag}",
            "Accept-Ranges": "none",
            "Cache-Control": _CACHE_FOREVER,
            "Content-Disposition": f'attachment; filename="{file.name}.{_SUFFIXES[batch_format.container]}"',
        }
        if not is_wanted(request.headers, etag):
            return Response(status_code=304, headers=headers)
        if batch_format.encoding is not Encoding.IDENTITY:
            headers["Content-Encoding"] = batch_format.encoding
        if request.method == "HEAD":
            file.check_size(await self._store.size(file.key))
            return Response(None, 200, headers, batch_format.media_type)
        stored = await run_in_threadpool(self._open_verified, file)
        return ConvertedResponse(stored, batch_format, headers)

    def _open_verified(self, file: BatchFile) -> IO[bytes]:
        """Open a file after comparing its sha256, because a reader cannot verify a converted file. Blocks.

        The file is read twice, so that damage is reported instead of cutting off the answer. Raises FileNotFoundError
        and Gone.
        """
        stored, content = self._store.open(file.key), Content()
        try:
            for _ in content.measure(bytes(piece) for piece in iter(partial(stored.read, READ_BYTES), b"")):
                pass
            file.check_content(content)
            stored.seek(0)
        except BaseException:
            stored.close()
            raise
        return stored

    async def _answer_stored(self, request: Request, file: BatchFile) -> Response:
        """Return the file, or a range of it, as it is in the store. Raises FileNotFoundError and Gone.

        Its size is checked, its content is not: the reader has the sha256.
        """
        record = file.record
        etag = f'"{record.sha256}"'
        headers = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Cache-Control": _CACHE_FOREVER,
            "Content-Disposition": f'attachment; filename="{file.name}.npz"',
        }
        if not is_wanted(request.headers, etag):
            return Response(status_code=304, headers=headers)
        headers["Repr-Digest"] = _digest(record.sha256)
        if request.method == "HEAD":
            file.check_size(await self._store.size(file.key))
            return Response(None, 200, headers | {"Content-Length": str(record.bytes)}, MEDIA_TYPE)
        byte_range = requested_range(request.headers, etag, record.bytes)
        if byte_range is None:
            headers["Content-Digest"] = headers["Repr-Digest"]  # the digest of a range is unknown
        if (redirect := await self._redirect(request, file, byte_range, headers)) is not None:
            return redirect
        return await self._send(request, file, byte_range, headers)

    async def _redirect(
        self, request: Request, file: BatchFile, byte_range: range | None, headers: dict[str, str]
    ) -> Response | None:
        """Return an answer that lets the bucket or the proxy send the file; None if there is neither."""
        if self._link_seconds and (link := await self._store.link(file.key, self._link_seconds)) is not None:
            # Checked here, because a reader could not distinguish a lost object from an expired link.
            file.check_size(await self._store.size(file.key))
            return Response(None, 307, {"Location": link, "ETag": headers["ETag"], "Cache-Control": "no-store"})
        if not self._accel_prefix or self._store.path(file.key) is None:
            return None
        # nginx reads the request itself, and neither heeds If-Match nor ignores the ranges that this service ignores.
        if "if-match" in request.headers or (byte_range is None) != ("range" not in request.headers):
            return None
        file.check_size(await self._store.size(file.key))
        return Response(None, 200, headers | {"X-Accel-Redirect": self._accel_prefix + quote(file.key)}, MEDIA_TYPE)

    async def _send(
        self, request: Request, file: BatchFile, byte_range: range | None, headers: dict[str, str]
    ) -> Response:
        """Return an answer in which this process sends the file, or a range of it."""
        size, status = file.record.bytes, 200
        if byte_range is None:
            byte_range = range(size)
        else:
            status = 206
            headers["Content-Range"] = f"bytes {byte_range.start}-{byte_range.stop - 1}/{size}"
        headers["Content-Length"] = str(len(byte_range))
        path = self._store.path(file.key)
        if path is not None and EXTENSION in request.scope.get("extensions", {}):
            opened = await run_in_threadpool(_open_sized, path, file)
            return SendfileResponse(opened, byte_range, status, headers, MEDIA_TYPE)
        file.check_size(await self._store.size(file.key))
        chunks = self._store.stream(file.key, byte_range.start, byte_range.stop)
        return StreamingResponse(_prepend(await anext(chunks), chunks), status, headers, MEDIA_TYPE)


class ConvertedResponse(StreamingResponse):
    """Sends an open batch file in another format, and closes the file even if the client disconnects."""

    def __init__(self, file: IO[bytes], batch_format: BatchFormat, headers: Mapping[str, str]) -> None:
        self._file = file
        self._chunks = batch_format.chunks(file)
        super().__init__(iterate_in_threadpool(self._chunks), 200, headers, batch_format.media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers and the converted file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # The garbage collector would find the iterator of a cancelled answer much later: its frames form a cycle.
            self._chunks.close()
            self._file.close()


def _open_sized(path: Path, file: BatchFile) -> BinaryIO:
    """Open the file at a path after checking its size. Blocks. Raises FileNotFoundError and Gone."""
    opened = path.open("rb")
    try:
        file.check_size(os.fstat(opened.fileno()).st_size)
    except Gone:
        opened.close()
        raise
    return opened


def _digest(sha256: str) -> str:
    """Return a hexadecimal sha-256 in the notation of RFC 9530."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


async def _prepend(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def is_wanted(headers: Headers, etag: str) -> bool:
    """Return whether to send the file, by If-Match and If-None-Match. Raises PreconditionFailed."""
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and match.strip() != "*" and ("", etag) not in _ENTITY_TAG.findall(match):
        raise PreconditionFailed(f"If-Match does not hold: the ETag of the file is {etag}.")
    if none_match is None:
        return True
    return none_match.strip() != "*" and etag not in (tag for _, tag in _ENTITY_TAG.findall(none_match))


def requested_range(headers: Headers, etag: str, size: int) -> range | None:
    """Return the bytes that Range and If-Range request; None if the whole file is to be sent.

    A Range header that is not a single range of bytes is ignored. Raises RangeNotSatisfiable.
    """
    match = _SINGLE_RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", etag).strip() != etag:
        return None
    first, last = match.groups()
    if (first and last and int(last) < int(first)) or not (first or last):
        return None
    found = range(int(first), min(int(last or size) + 1, size)) if first else range(max(size - int(last), 0), size)
    if not found:
        raise RangeNotSatisfiable(size)
    return found
