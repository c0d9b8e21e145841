"""These errors exist in HTTP only; `afmbatch.errors` has all others."""

from collections.abc import Mapping

from afmbatch.errors import AfmbatchError


class MalformedRequest(AfmbatchError):
    """The body does not match its media type, or ended early."""

    status = 400
    slug = "malformed-request"
    title = "Malformed request"


class ForeignOrigin(AfmbatchError):
    """A page of another web site sent the request."""

    status = 403
    slug = "foreign-origin"
    title = "Foreign origin"


class MisdirectedRequest(AfmbatchError):
    """The Host header has a name that is not one of this service."""

    status = 421
    slug = "misdirected-request"
    title = "Misdirected request"


class MethodNotAllowed(AfmbatchError):
    """The address exists, but does not support the method of the request. allowed: methods that it supports."""

    status = 405
    slug = "method-not-allowed"
    title = "Method not allowed"

    def __init__(self, method: str, path: str, allowed: str) -> None:
        super().__init__(f"{path} does not support {method}; it supports {allowed}.")
        self._allowed = allowed

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Allow": self._allowed}


class PreconditionFailed(AfmbatchError):
    """The ETag in If-Match is not that of the file."""

    status = 412
    slug = "precondition-failed"
    title = "Precondition failed"


class UnsupportedMediaType(AfmbatchError):
    """The body has a media type that the address does not accept."""

    status = 415
    slug = "unsupported-media-type"
    title = "Unsupported media type"


class RangeNotSatisfiable(AfmbatchError):
    """The Range header asks for bytes behind the end of the file. size: length of the file in bytes."""

    status = 416
    slug = "range-not-satisfiable"
    title = "Range not satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"The requested range lies outside the file, which has {size} bytes.")
        self._size = size

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Content-Range": f"bytes */{self._size}"}
