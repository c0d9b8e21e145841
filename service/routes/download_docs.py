"""How a batch file is answered: what its responses and headers are, for the OpenAPI document."""

from typing import Annotated, Any, TypeAlias

from fastapi import Header

from afmbatch.storage.batch_file import MEDIA_TYPE
from service.transport.formats import TAR
from service.transport.problems import Responses

_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_HEADERS = {
    "ETag": {"description": "The file's sha256 in quotes; of another form a weak one.", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "`bytes`; of another form `none`.", "schema": {"type": "string"}},
}
_TEXT = {"type": "string"}
_WHOLE_DIGEST = {
    "Repr-Digest": {"description": "The whole file's sha-256, as of RFC 9530; not of another form.", "schema": _TEXT}
}
_DIGEST = {"Content-Digest": {"description": "The same, of what is sent.", "schema": _TEXT}}
_RANGE = {"Content-Range": {"description": "Which bytes of how many.", "schema": {"type": "string"}}}
_UNCHANGED: Responses = {
    304: {"description": "The file with the ETag in If-None-Match is the current one.", "headers": _HEADERS}
}
_WHOLE: Responses = {
    200: {
        "description": "The npz file, or another form of it.",
        "content": {MEDIA_TYPE: _FILE, TAR: _FILE},
        "headers": _HEADERS | _WHOLE_DIGEST | _DIGEST,
    }
}
_PART: Responses = {
    206: {
        "description": "A part of it.",
        "content": {MEDIA_TYPE: _FILE},
        "headers": _HEADERS | _WHOLE_DIGEST | _RANGE,
    }
}
_LINKED: Responses = {
    307: {
        "description": "Where the npz file is, for a while: an S3 store sends it. Its own ETag is another.",
        "headers": {
            "Location": {"description": "A link that expires.", "schema": {"type": "string", "format": "uri"}},
            "ETag": _HEADERS["ETag"],
        },
    }
}

GET = _WHOLE | _PART | _UNCHANGED | _LINKED
HEAD = {200: {"description": "The npz file's headers.", "headers": _HEADERS | _WHOLE_DIGEST}} | _UNCHANGED

# Read from the request by service.transport.downloads; declared so that they are documented.
ByteRange: TypeAlias = Annotated[
    str | None, Header(alias="Range", description="One range of bytes, to resume a download.")
]
IfRange: TypeAlias = Annotated[str | None, Header(alias="If-Range", description="The ETag of what was begun.")]
IfNoneMatch: TypeAlias = Annotated[
    str | None, Header(alias="If-None-Match", description="The ETag of what is there already.")
]
