"""Answers to a request for one immutable file: whole, a part of it, or that nothing changed (RFC 9110, §13 and §14).

Its bytes come from whoever does it best: a bucket, by a link to follow; a proxy before us that sees the store's
directory (nginx, X-Accel-Redirect); the kernel (zero_copy); and only where there is none of these, from here.
"""

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from afmbatch.errors import Gone
from afmbatch.ledger.records import BatchRecord
from afmbatch.settings import Settings
from afmbatch.storage.batch_file import MEDIA_TYPE
from afmbatch.storage.object_store import ObjectStore, batch_key
from service.transport.formats import Encoding, Form, Kind
from service.transport.sendfile import EXTENSION, ZeroCopyResponse

_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
_FOR_EVER = "public, max-age=31536000, immutable"
_SUFFIXES = {Kind.NPZ: "npz", Kind.WEBDATASET: "tar"}
_TAG = re.compile(r'(W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A recorded batch, of which job, and what a browser is to call its file, without a suffix."""

    job_id: str
    record: BatchRecord
    stem: str

    @property
    def key(self) -> str:
        """In the store."""
        return batch_key(self.job_id, self.record.batch, self.record.sha256)


async def download(request: Request, store: ObjectStore, file: BatchFile, form: Form, settings: Settings) -> Response:
    """A batch file. Raises Gone where it is recorded but not in the store; HTTPException 412, 416."""
    if not form.stored:
        return await _transformed(request, store, file, form)
    record = file.record
    etag = f'"{record.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": _FOR_EVER,
        "Content-Disposition": f'attachment; filename="{file.stem}.npz"',
    }
    if not fresh(request.headers, etag):
        return Response(status_code=304, headers=headers)
    part = None if request.method == "HEAD" else selected(request.headers, etag, record.bytes)  # it has no ranges
    headers["Repr-Digest"] = digest(record)
    if part is None and request.method != "HEAD":
        headers["Content-Digest"] = digest(record)  # a part's is nowhere known
    try:  # before the headers leave: after them there is no way to say that the file is lost
        return await _sent(request, store, file, settings, part, headers)
    except FileNotFoundError:
        raise _gone(file) from None


async def _transformed(request: Request, store: ObjectStore, file: BatchFile, form: Form) -> Response:
    """A batch file in another form. Raises Gone, HTTPException 412."""
    etag = form.tag(file.record.sha256)
    headers = {
        "ETag": f"W/{etag}",
        "Accept-Ranges": "none",
        "Cache-Control": _FOR_EVER,
        "Content-Disposition": f'attachment; filename="{file.stem}.{_SUFFIXES[form.kind]}"',
    }
    if not fresh(request.headers, etag):
        return Response(status_code=304, headers=headers)
    if form.encoding is not Encoding.IDENTITY:
        headers["Content-Encoding"] = form.encoding
    try:
        opened = await run_in_threadpool(store.open, file.key)
    except FileNotFoundError:
        raise _gone(file) from None
    if request.method == "HEAD":
        opened.close()
        return Response(None, 200, headers, form.media_type)
    return StreamingResponse(form.chunks(opened), 200, headers, form.media_type)


async def _sent(
    request: Request,
    store: ObjectStore,
    file: BatchFile,
    settings: Settings,
    part: range | None,
    headers: dict[str, str],
) -> Response:
    """The answer with this part of the file, None: all of it. Raises FileNotFoundError."""
    record, key = file.record, file.key
    path = store.path(key)
    if request.method == "HEAD":
        await store.check(key)
        return Response(None, 200, headers | {"Content-Length": str(record.bytes)}, MEDIA_TYPE)
    if settings.link_seconds and (link := await store.link(key, settings.link_seconds)) is not None:
        return Response(None, 307, {"Location": link, "ETag": headers["ETag"], "Cache-Control": "no-store"})
    if settings.accel_prefix and path is not None and _understood(request.headers, part):
        await store.check(key)
        return Response(None, 200, headers | {"X-Accel-Redirect": settings.accel_prefix + quote(key)}, MEDIA_TYPE)
    status = 200 if part is None else 206
    if part is None:
        part = range(record.bytes)
    else:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{record.bytes}"
    headers["Content-Length"] = str(len(part))
    if path is not None and EXTENSION in request.scope.get("extensions", {}):
        opened = await run_in_threadpool(path.open, "rb")
        return ZeroCopyResponse(opened, part, status, headers, MEDIA_TYPE)
    chunks = store.stream(key, part.start, part.stop)
    return StreamingResponse(_joined(await anext(chunks), chunks), status, headers, MEDIA_TYPE)


def _gone(file: BatchFile) -> Gone:
    return Gone(f"{file.stem} was made, but is no longer in the store; delete job {file.job_id} and ask for it again")


def _understood(headers: Headers, part: range | None) -> bool:
    """Whether nginx sees in a request what we do: not where it has a range that we don't heed, nor If-Match."""
    return "if-match" not in headers and (part is None) == ("range" not in headers)


def digest(record: BatchRecord) -> str:
    """The file's hash as RFC 9530 writes it."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(record.sha256)).decode()}:"


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def fresh(headers: Headers, etag: str) -> bool:
    """Whether to send the file at all, by If-Match and If-None-Match. Raises HTTPException 412."""
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and match.strip() != "*" and ("", etag) not in _TAG.findall(match):
        raise HTTPException(412, f"the file is {etag}")
    if none_match is None:
        return True
    return none_match.strip() != "*" and etag not in (tag for _, tag in _TAG.findall(none_match))


def selected(headers: Headers, etag: str, size: int) -> range | None:
    """The bytes that Range and If-Range ask for; None, for all, where Range is malformed, multiple or of another unit.

    Raises HTTPException 416.
    """
    asked = _ONE_RANGE.fullmatch(headers.get("range", ""))
    if asked is None or headers.get("if-range", etag).strip() != etag:
        return None
    first, last = asked.groups()
    if (first and last and int(last) < int(first)) or not (first or last):
        return None
    part = range(int(first), min(int(last or size) + 1, size)) if first else range(max(size - int(last), 0), size)
    if not part:
        raise HTTPException(416, f"the file has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return part
