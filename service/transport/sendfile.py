"""The ASGI extension "zero copy send" lets the kernel send a file. uvicorn lacks it; this module adds it.

An application that finds EXTENSION among the extensions of a request's scope may send, after the start of a response,
`{"type": EXTENSION, "file": file, "offset": first byte, "count": bytes}` as the rest of it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, BinaryIO

import h11
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_SLICE_BYTES = 1 << 20
EXTENSION = "http.response.zerocopysend"


class SendfileResponse(Response):
    """Sends a range of an open file and closes it. Only for requests whose scope has the extension."""

    def __init__(
        self, file: BinaryIO, byte_range: range, status_code: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(None, status_code, headers, media_type)
        self._file = file
        self._range = byte_range

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers and the range of the file."""
        with self._file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            count = len(self._range)
            await send({"type": EXTENSION, "file": self._file, "offset": self._range.start, "count": count})


class SendfileProtocol(H11Protocol):
    """Adds the extension to uvicorn's HTTP/1.1 protocol."""

    #: A client that does not receive a slice of a file within this time is disconnected.
    STALL_SECONDS = 60.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._application: Any = self.app
        self.app = self._run_with_extension

    async def _run_with_extension(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_message(message: Message) -> None:
            if message["type"] == EXTENSION:
                await self._send_file(message)
                message = {"type": "http.response.body"}
            await send(message)

        scope.setdefault("extensions", {})[EXTENSION] = {}
        await self._application(scope, receive, send_message)

    async def _send_file(self, message: Message) -> None:
        if self.transport.is_closing():  # the client has disconnected and receives nothing more
            return
        data = h11.Data(data=_ByteCount(message["count"]))  # type: ignore[arg-type]
        self.conn.send_with_data_passthrough(data)
        start, end = message["offset"], message["offset"] + message["count"]
        try:
            for offset in range(start, end, _SLICE_BYTES):
                count = min(_SLICE_BYTES, end - offset)
                async with asyncio.timeout(self.STALL_SECONDS):
                    sent = await self.loop.sendfile(self.transport, message["file"], offset, count)
                if sent < count:  # the file was truncated meanwhile; the client must not wait for the rest
                    self.transport.abort()
                    return
        except (ConnectionError, RuntimeError, TimeoutError):  # RuntimeError if the client disconnects between slices
            self.transport.abort()


class _ByteCount:
    """Stands for a number of bytes that h11 only counts."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count
