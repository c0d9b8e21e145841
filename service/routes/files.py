"""How a batch file is answered: what its responses and headers are, for the OpenAPI document."""

from typing import Annotated, Any, TypeAlias

from fastapi import Header

from service.contract.batch import MEDIA_TYPE
from service.problems import Responses

_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_HEADERS = {
    "ETag": {"description": "The file's sha256 in quotes.", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "Always `bytes`.", "schema": {"type": "string"}},
}
_RANGE = {"Content-Range": {"description": "Which bytes of how many.", "schema": {"type": "string"}}}
_UNCHANGED: Responses = {
    304: {"description": "The file with the ETag in If-None-Match is the current one.", "headers": _HEADERS}
}
_WHOLE: Responses = {200: {"description": "The npz file.", "content": {MEDIA_TYPE: _FILE}, "headers": _HEADERS}}
_PART: Responses = {206: {"description": "A part of it.", "content": {MEDIA_TYPE: _FILE}, "headers": _HEADERS | _RANGE}}

GET = _WHOLE | _PART | _UNCHANGED
HEAD = {200: {"description": "The npz file's headers.", "headers": _HEADERS}} | _UNCHANGED

# Read from the request by service.downloads; declared so that they are documented.
ByteRange: TypeAlias = Annotated[
    str | None, Header(alias="Range", description="One range of bytes, to resume a download.")
]
IfRange: TypeAlias = Annotated[str | None, Header(alias="If-Range", description="The ETag of what was begun.")]
IfNoneMatch: TypeAlias = Annotated[
    str | None, Header(alias="If-None-Match", description="The ETag of what is there already.")
]
