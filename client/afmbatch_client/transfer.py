"""One file from the service to a sink, however often the way there breaks.

What arrived stays: the next attempt asks for the rest (Range), of the same file only (If-Range). The service may
answer with a link to where the bytes are; one that has expired is not followed further, the service gives a new one.
Whatever the way, the sha256 that the service announced decides.
"""

import re
import threading
import time

import httpx

from afmbatch_client.connection import Connection, checked, passing
from afmbatch_client.errors import ConnectionLost, Damaged, NotYet, ProblemError
from afmbatch_client.patience import Patience
from afmbatch_client.sinks import Sink

_LONG_POLL_SECONDS = 30.0
_TAG = re.compile(r'"([0-9a-f]{64})"')
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def receive(connection: Connection, path: str, sink: Sink, wait: float, stop: threading.Event, known: str = "") -> bool:
    """Fill the sink, waiting `wait` s for the file to be made. False: it is the one with the sha256 `known`, not sent.

    Raises NotYet where it is still to come then, or when `stop` is set; ProblemError, ConnectionLost, Damaged.
    """
    return _Transfer(connection, path, sink, stop, known).run(wait)


class _Transfer:
    def __init__(self, connection: Connection, path: str, sink: Sink, stop: threading.Event, known: str) -> None:
        self._connection = connection
        self._path = path
        self._sink = sink
        self._stop = stop
        self._known = known

    def run(self, wait: float) -> bool:
        patience, damages = Patience(self._connection.patience, self._stop), 0
        deadline = time.monotonic() + wait
        while True:
            before, began = self._sink.at, time.monotonic()
            try:
                return self._attempt(min(_LONG_POLL_SECONDS, max(0.0, deadline - began)))
            except NotYet as e:
                # A service that waited has said so late; one that did not says when to ask again.
                pause = max(0.0, e.retry_after - (time.monotonic() - began))
                if time.monotonic() + pause >= deadline or self._stop.wait(pause):
                    raise
                patience.progressed()
            except Damaged as e:
                damages += 1
                if damages == 2:
                    raise Damaged(f"{self._path}: {e}") from e
            except _Expired as e:
                patience.wait(e)
            except (httpx.TransportError, ProblemError) as e:
                if self._sink.at > before:
                    patience.progressed()
                patience.wait(*passing(e))

    def _attempt(self, wait: float) -> bool:
        headers = {}
        if self._sink.at:
            headers = {"Range": f"bytes={self._sink.at}-", "If-Range": f'"{self._sink.sha256}"'}
        elif self._known:
            headers = {"If-None-Match": f'"{self._known}"'}
        params = {"wait": f"{wait:.0f}"} if wait >= 1 else None
        with self._connection.stream(self._path, headers, params, idle=wait) as answer:
            if answer.status_code == 304:
                return False
            if answer.status_code == 416:  # what is there is longer than the file
                self._restart("a range outside the file")
            checked(answer)
            tag = _TAG.fullmatch(answer.headers.get("etag", ""))
            if tag is None:
                raise Damaged("the service does not say the sha256 of what it sends")
            link = answer.url.join(answer.headers["location"]) if answer.has_redirect_location else None
            if link is None:
                self._take(answer, tag[1])
        if link is not None:
            self._follow(link, tag[1])
        self._sink.finish()
        return True

    def _follow(self, link: httpx.URL, sha256: str) -> None:
        # Without If-Range: the other server has tags of its own.
        resumed = self._sink.at and self._sink.sha256 == sha256
        with self._connection.stream(link, {"Range": f"bytes={self._sink.at}-"} if resumed else {}) as answer:
            if answer.status_code in (400, 401, 403, 404, 410):
                raise _Expired(f"{link.copy_with(query=None)}: {answer.status_code} {answer.reason_phrase}")
            if answer.status_code == 416:
                self._restart("a range outside the file")
            checked(answer)
            self._take(answer, sha256)

    def _take(self, answer: httpx.Response, sha256: str) -> None:
        if answer.status_code == 206:
            part = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
            if part is None or int(part[1]) != self._sink.at or sha256 != self._sink.sha256:
                self._restart("another range than was asked for")
            else:
                self._sink.size = int(part[2])
        else:
            size = answer.headers.get("content-length", "")
            if not size.isdecimal():
                raise Damaged("the service does not say the size of what it sends")
            self._sink.begin(int(size), sha256)
        for chunk in answer.iter_raw():
            self._sink.take(chunk)
        if self._sink.at < self._sink.size:
            raise Damaged(f"{self._sink.at} of {self._sink.size} bytes")

    def _restart(self, reason: str) -> None:
        self._sink.at = 0
        raise Damaged(reason)


class _Expired(ConnectionLost):
    """A link that is no longer good."""
