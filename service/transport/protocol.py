"""The HTTP/1.1 protocol of the service disconnects clients that neither send nor receive, which uvicorn's does not."""

import asyncio
from typing import Any

from service.transport.sendfile import SendfileProtocol


class ServiceProtocol(SendfileProtocol):
    """Adds time limits to the protocol, for uvicorn.Config(http=…). Requests that wait for the service have none."""

    #: The line and the headers of a request must arrive within this time.
    HEADER_SECONDS = 30.0
    #: Something of a body must arrive, and something of an answer must be received, within this time.
    STALL_SECONDS = 60.0
    #: Time between two checks of a connection.
    CHECK_SECONDS = 5.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._received_bytes = 0
        self._waiting_for: tuple[Any, ...] | None = None
        self._waiting_since = 0.0
        self._next_check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to check the connection."""
        super().connection_made(transport)
        self._check()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the checks."""
        if self._next_check is not None:
            self._next_check.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes before they are handled."""
        self._received_bytes += len(data)
        super().data_received(data)

    def _check(self) -> None:
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            return
        found, now = self._awaited(), self.loop.time()
        if found != self._waiting_for:
            self._waiting_for, self._waiting_since = found, now
        elif found is not None:
            limit = self.HEADER_SECONDS if found[0] == "request" else self.STALL_SECONDS
            if now - self._waiting_since >= limit:
                self.transport.abort()
                return
        self._next_check = self.loop.call_later(self.CHECK_SECONDS, self._check)

    def _awaited(self) -> tuple[Any, ...] | None:
        """Return what the client has to do next, which changes with everything that it does; None: it waits."""
        if unsent := self.transport.get_write_buffer_size():
            return "receive", unsent
        if self.cycle is None or self.cycle.response_complete:
            return "request", self.cycle
        if self.cycle.more_body and not self.flow.read_paused:
            return "body", self._received_bytes
        return None
