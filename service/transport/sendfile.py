"""ASGI's "zero copy send" for uvicorn, which does not have it: the kernel sends a file, its bytes never come to Python.

An application that finds EXTENSION among the extensions of a request's scope may send, after the start of a response,
`{"type": EXTENSION, "file": file, "offset": first byte, "count": bytes}` as the rest of it.
"""

from collections.abc import Mapping
from typing import Any, BinaryIO

import h11
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

EXTENSION = "http.response.zerocopysend"


class ZeroCopyResponse(Response):
    """A part of an open file, which it closes; only for requests whose scope has the extension."""

    def __init__(
        self, file: BinaryIO, part: range, status_code: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(None, status_code, headers, media_type)
        self._file = file
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            count = len(self._part)
            await send({"type": EXTENSION, "file": self._file, "offset": self._part.start, "count": count})


class ZeroCopyProtocol(H11Protocol):
    """For uvicorn.Config(http=…)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._without: Any = self.app
        self.app = self._with

    async def _with(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == EXTENSION:
                await self._send_file(message)
                message = {"type": "http.response.body"}
            await send(message)

        scope.setdefault("extensions", {})[EXTENSION] = {}
        await self._without(scope, receive, sending)

    async def _send_file(self, message: Message) -> None:
        if self.transport.is_closing():  # the client is gone: nothing that is sent matters
            return
        self.conn.send_with_data_passthrough(h11.Data(data=_Sent(message["count"])))  # type: ignore[arg-type]
        try:
            await self.loop.sendfile(self.transport, message["file"], message["offset"], message["count"])
        except (ConnectionError, RuntimeError):  # it went meanwhile; RuntimeError: before the first byte
            self.transport.abort()


class _Sent:
    """Stands for bytes where only their number counts."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count
