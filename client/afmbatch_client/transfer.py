"""Transfer one file from the service to a sink, however often the connection breaks.

Bytes that arrived are kept: the next attempt asks for the rest (Range), of the same file only (If-Range). The service
may answer with a link to the file's bytes; when a link has expired, the service is asked for a new one. Either way the
sha256 that the service announced decides whether the file is correct.
"""

import re
import threading
import time

import httpx

from afmbatch_client.backoff import Backoff
from afmbatch_client.connection import Connection, raise_for_problem, transient_error
from afmbatch_client.errors import ConnectionLost, CorruptData, NotYet, ProblemError
from afmbatch_client.sinks import Sink

_LONG_POLL_SECONDS = 30.0
_SHA256_TAG = re.compile(r'"([0-9a-f]{64})"')
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_EXPIRED_STATUS = (400, 401, 403, 404, 410)  # what object stores answer to a link that is no longer valid
_MAX_CORRUPT_TRANSFERS = 2


def receive(
    connection: Connection, path: str, sink: Sink, wait: float, stop: threading.Event, existing_sha256: str = ""
) -> bool:
    """Fill the sink with the file at `path`, waiting up to `wait` seconds until it is made.

    Returns False, and transfers nothing, if the file has the sha256 `existing_sha256`. Raises NotYet if the file is not
    made in that time or `stop` is set; ProblemError, ConnectionLost, CorruptData.
    """
    return _Transfer(connection, path, sink, stop, existing_sha256).run(wait)


class _Transfer:
    def __init__(
        self, connection: Connection, path: str, sink: Sink, stop: threading.Event, existing_sha256: str
    ) -> None:
        self._connection = connection
        self._path = path
        self._sink = sink
        self._stop = stop
        self._existing_sha256 = existing_sha256

    def run(self, wait: float) -> bool:
        backoff, corrupt = Backoff(self._connection.retry_for, self._stop), 0
        deadline = time.monotonic() + wait
        while True:
            received, began = self._sink.received, time.monotonic()
            try:
                return self._attempt(min(_LONG_POLL_SECONDS, max(0.0, deadline - began)))
            except NotYet as e:
                # Retry-After counts from the request: after a long poll the service may be asked again at once.
                pause = max(0.0, e.retry_after - (time.monotonic() - began))
                if time.monotonic() + pause >= deadline or self._stop.wait(pause):
                    raise
                backoff.reset()
            except CorruptData as e:
                corrupt += 1
                if corrupt == _MAX_CORRUPT_TRANSFERS:
                    raise CorruptData(f"{self._path}: {e}") from e
            except _LinkExpired as e:
                backoff.wait(e)
            except (httpx.TransportError, ProblemError) as e:
                if self._sink.received > received:
                    backoff.reset()
                backoff.wait(*transient_error(e))

    def _attempt(self, wait: float) -> bool:
        headers = {}
        if self._sink.received:
            headers = {"Range": f"bytes={self._sink.received}-", "If-Range": f'"{self._sink.sha256}"'}
        elif self._existing_sha256:
            headers = {"If-None-Match": f'"{self._existing_sha256}"'}
        params = {"wait": f"{wait:.0f}"} if wait >= 1 else None
        with self._connection.stream(self._path, headers, params, idle_seconds=wait) as response:
            if response.status_code == 304:
                return False
            if response.status_code == 416:  # the sink has more bytes than the file
                self._restart("the service does not have the range that was asked for")
            raise_for_problem(response)
            tag = _SHA256_TAG.fullmatch(response.headers.get("etag", ""))
            if tag is None:
                raise CorruptData("the service did not send the sha256 of the file as its ETag")
            link = response.url.join(response.headers["location"]) if response.has_redirect_location else None
            if link is None:
                self._read(response, tag[1])
        if link is not None:
            self._follow(link, tag[1])
        self._sink.finish()
        return True

    def _follow(self, link: httpx.URL, sha256: str) -> None:
        # Without If-Range, because the object store has ETags of its own.
        resumed = self._sink.received and self._sink.sha256 == sha256
        headers = {"Range": f"bytes={self._sink.received}-"} if resumed else {}
        with self._connection.stream(link, headers) as response:
            if response.status_code in _EXPIRED_STATUS:
                # The query of a link is a signature, which must not appear in logs.
                status = f"{response.status_code} {response.reason_phrase}"
                raise _LinkExpired(f"{link.copy_with(query=None)}: {status}")
            if response.status_code == 416:
                self._restart("the object store does not have the range that was asked for")
            raise_for_problem(response)
            self._read(response, sha256)

    def _read(self, response: httpx.Response, sha256: str) -> None:
        if response.status_code == 206:
            content_range = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if content_range is None or int(content_range[1]) != self._sink.received or sha256 != self._sink.sha256:
                self._restart("received another range than the one that was asked for")
            else:
                self._sink.size = int(content_range[2])
        else:
            size = response.headers.get("content-length", "")
            if not size.isdecimal():
                raise CorruptData("the service did not send the size of the file (Content-Length)")
            self._sink.begin(int(size), sha256)
        for chunk in response.iter_raw():
            self._sink.write(chunk)
        if self._sink.received < self._sink.size:
            raise CorruptData(f"received {self._sink.received} of {self._sink.size} bytes")

    def _restart(self, reason: str) -> None:
        self._sink.received = 0
        raise CorruptData(reason)


class _LinkExpired(ConnectionLost):
    """A link to the bytes of a file is no longer valid."""
