"""Routes that answer with a batch file share these parameters and responses."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias, cast

from fastapi import Depends, Header, Query, Request, Response

from afmbatch.storage.batch_file import MEDIA_TYPE
from service.routes.parameters import WaitSeconds
from service.services.batch_files import BatchFile
from service.services.waiting import UntilDisconnected
from service.transport.downloads import Downloads
from service.transport.formats import TAR_MEDIA_TYPE, BatchFormat, Container, Encoding, Precision
from service.transport.problems import Responses

_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_TEXT = {"type": "string"}
_HEADERS = {
    "ETag": {"description": "sha256 of the file in quotes; a weak ETag for other formats.", "schema": _TEXT},
    "Accept-Ranges": {"description": "`bytes`; `none` for other formats.", "schema": _TEXT},
}
_REPR_DIGEST = {
    "Repr-Digest": {"description": "sha-256 of the whole file (RFC 9530); absent for other formats.", "schema": _TEXT}
}
_CONTENT_DIGEST = {
    "Content-Digest": {"description": "sha-256 of the body (RFC 9530); absent for other formats.", "schema": _TEXT}
}
_CONTENT_RANGE = {"Content-Range": {"description": "First and last byte of the part, and file size.", "schema": _TEXT}}
_WHOLE_FILE: Responses = {
    200: {
        "description": "The npz file, or the file in the requested format.",
        "content": {MEDIA_TYPE: _FILE, TAR_MEDIA_TYPE: _FILE},
        "headers": _HEADERS | _REPR_DIGEST | _CONTENT_DIGEST,
    }
}
_FILE_RANGE: Responses = {
    206: {
        "description": "The requested bytes of the npz file.",
        "content": {MEDIA_TYPE: _FILE},
        "headers": _HEADERS | _REPR_DIGEST | _CONTENT_RANGE,
    }
}
_NOT_MODIFIED: Responses = {
    304: {"description": "If-None-Match names the current file, which is not sent again.", "headers": _HEADERS}
}
_REDIRECT: Responses = {
    307: {
        "description": "The npz file is sent by an S3 store, under another ETag than this one.",
        "headers": {
            "Location": {
                "description": "A link to the file that expires.",
                "schema": {"type": "string", "format": "uri"},
            },
            "ETag": _HEADERS["ETag"],
        },
    }
}
GET_RESPONSES = _WHOLE_FILE | _FILE_RANGE | _NOT_MODIFIED | _REDIRECT
HEAD_RESPONSES = {
    200: {"description": "The headers of the npz file.", "headers": _HEADERS | _REPR_DIGEST}
} | _NOT_MODIFIED


@dataclass(frozen=True, slots=True)
class Download:
    """Answers a request with a batch file in the requested format."""

    request: Request
    wait_seconds: int
    batch_format: BatchFormat

    @property
    def until_disconnected(self) -> UntilDisconnected:
        """Return a coroutine function that returns when the client disconnects."""
        return partial(_until_disconnected, self.request)

    async def answer(self, file: BatchFile) -> Response:
        """Return the answer with this file. Raises Gone, PreconditionFailed, RangeNotSatisfiable."""
        downloads = cast(Downloads, self.request.app.state.downloads)
        return await downloads.answer(self.request, file, self.batch_format)


# Literals, not enums: an enum's schema is a reference, which error texts for a parameter cannot follow.
async def _head(
    request: Request,
    wait_seconds: WaitSeconds = 0,
    container: Annotated[
        Literal["npz", "webdataset"],
        Query(
            alias="form",
            description="Container of the arrays. `webdataset`: a tar with one `.npy` per array of a sample, "
            "named by the sample's number.",
        ),
    ] = "npz",
    dtype: Annotated[
        Literal["f4", "f2"], Query(description="dtype of images and descriptors: 4 or 2 bytes per value.")
    ] = "f4",
    encoding: Annotated[
        Literal["identity", "zstd"],
        Query(description="Content-Encoding of the answer: `zstd` for compressed, `identity` for not."),
    ] = "identity",
) -> Download:
    batch_format = BatchFormat(Container(container), Precision(dtype), Encoding(encoding))
    return Download(request, wait_seconds, batch_format)


HeadDownload: TypeAlias = Annotated[Download, Depends(_head)]


async def _get(
    download: HeadDownload,
    # service.transport.downloads reads these headers; they are parameters to be documented.
    byte_range: Annotated[
        str | None, Header(alias="Range", description="One range of bytes, to resume a download.")
    ] = None,
    if_range: Annotated[
        str | None, Header(alias="If-Range", description="ETag of the download that is resumed.")
    ] = None,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="ETag of the file that the client already has.")
    ] = None,
) -> Download:
    return download


async def _until_disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


GetDownload: TypeAlias = Annotated[Download, Depends(_get)]
