"""Pages of other web sites must not use the service through the browser of somebody who can reach it.

The service has no passwords: whoever can connect may use it. A browser connects for any page that it shows. It names
the page's origin, and the host that the page asked for, which may be a name that its owner points to this machine.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from afmbatch.errors import AfmbatchError
from service.transport.http_errors import ForeignOrigin, MisdirectedRequest
from service.transport.problems import answer_error

_OWN_SITES = ("same-origin", "none")  # none: the user entered the address


class BrowserGuard:
    """Refuses requests to other hosts and from pages of other origins.

    app: the application; public_names: names of this service, besides IP addresses and names without a dot, which
    nobody else can have registered.
    """

    def __init__(self, app: ASGIApp, public_names: str) -> None:
        self._app = app
        self._names = {name.strip().lower() for name in public_names.split(",") if name.strip()}
        self._names.add(socket.gethostname().lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with the error."""
        error = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        if error is None:
            await self._app(scope, receive, send)
            return
        answer = await answer_error(Request(scope), error)
        await answer(scope, receive, send)

    def _refusal(self, headers: Headers) -> AfmbatchError | None:
        host, origin = headers.get("host"), headers.get("origin")
        if host is not None and not self._is_own(_name_of(host)):
            return MisdirectedRequest(
                f"{host} is no name of this service. Add it to AFMBATCH_PUBLIC_NAMES if it should be one."
            )
        if origin is not None and not self._is_own_origin(origin, host):
            return ForeignOrigin(f"Pages of {origin} must not use this service.")
        # Browsers name no origin where a page only shows something, for example as an image.
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        if origin is None and site is not None and site not in _OWN_SITES and mode != "navigate":
            return ForeignOrigin("Pages of other sites must not use this service.")
        return None

    def _is_own(self, name: str) -> bool:
        return (bool(name) and "." not in name) or name in self._names or _is_address(name)

    def _is_own_origin(self, origin: str, host: str | None) -> bool:
        location = origin.lower().partition("://")[2]
        if host is not None and location == host.lower():
            return True
        return bool(location) and _name_of(location) in self._names


def _name_of(host: str) -> str:
    """Return a host without its port, in lower case; empty if it cannot be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
