"""Addresses that answer with a batch file have these parameters and responses."""

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


class Download:
    """Answers a request with a batch file in the requested format."""

    # Literals, because an enum would be a reference where the schema of a refused parameter is looked up.
    def __init__(
        self,
        request: Request,
        wait_seconds: WaitSeconds = 0,
        form: Annotated[
            Literal["npz", "webdataset"],
            Query(
                description="Container of the arrays. `webdataset`: a tar with one `.npy` per array of a sample, "
                "named by the sample's number."
            ),
        ] = "npz",
        dtype: Annotated[
            Literal["f4", "f2"], Query(description="dtype of images and descriptors: 4 or 2 bytes per value.")
        ] = "f4",
        encoding: Annotated[
            Literal["identity", "zstd"], Query(description="Content-Encoding of the answer. `zstd`: compressed.")
        ] = "identity",
    ) -> None:
        self.wait_seconds = wait_seconds
        self._request = request
        self._format = BatchFormat(Container(form), Precision(dtype), Encoding(encoding))

    @property
    def until_disconnected(self) -> UntilDisconnected:
        """Return a coroutine function that returns when the client has gone."""
        return partial(_until_disconnected, self._request)

    async def answer(self, file: BatchFile) -> Response:
        """Return the answer with this file. Raises Gone, PreconditionFailed, RangeNotSatisfiable."""
        return await cast(Downloads, self._request.app.state.downloads).answer(self._request, file, self._format)


async def _head(download: Annotated[Download, Depends()]) -> Download:
    return download


async def _get(
    download: Annotated[Download, Depends()],
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
HeadDownload: TypeAlias = Annotated[Download, Depends(_head)]
