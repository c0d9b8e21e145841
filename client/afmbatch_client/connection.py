"""HTTP to one service: problem documents become errors, and transient failures are retried."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from afmbatch_client.backoff import Backoff
from afmbatch_client.errors import ClientError, ConnectionLost, ProblemError, problem_error

_TRANSIENT_STATUS = (429, 502, 503, 504)
_MAX_QUOTED_CHARACTERS = 300


class Connection:
    """The connections to one service.

    It can be sent to another process, by fork or by pickle: each process opens connections of its own at its first
    request.
    """

    def __init__(
        self, url: str, transport: httpx.BaseTransport | None, timeout: httpx.Timeout, retry_for: float
    ) -> None:
        if httpx.URL(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is not the address of a service; expected http://… or https://…")
        self.url = url
        self.timeout = timeout
        self.retry_for = retry_for
        self._transport = transport
        self._clients: dict[int, httpx.Client] = {}  # by process id

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        if self._transport is not None:
            raise TypeError("a client with a transport of its own can't be sent to another process")
        return type(self), (self.url, None, self.timeout, self.retry_for)

    def close(self) -> None:
        """Close the connections that this process has opened."""
        if (http := self._clients.get(os.getpid())) is not None:
            http.close()

    def request(self, method: str, path: str, *, idempotent: bool = True, **parts: Any) -> httpx.Response:
        """Send a request and return the response, retrying transient failures.

        A request that is not `idempotent` is sent again only if the service has certainly not processed it. Raises
        ProblemError, ConnectionLost.
        """
        backoff = Backoff(self.retry_for)
        while True:
            try:
                response = self._http().request(method, path, follow_redirects=True, **parts)
                raise_for_problem(response)
                return response
            except (httpx.TransportError, ProblemError) as e:
                backoff.wait(*transient_error(e, retry=idempotent or _was_not_processed(e)))

    def json(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        """Send a request and return the document in the response.

        Raises ProblemError, ConnectionLost; ClientError if the response is not JSON.
        """
        response = self.request(method, path, **parts)
        try:
            document: dict[str, Any] = response.json()
        except ValueError:
            text = response.text[:_MAX_QUOTED_CHARACTERS]
            raise ClientError(f"{response.request.url} is not an afmbatch service; it answered: {text}") from None
        return document

    @contextmanager
    def stream(
        self,
        address: str | httpx.URL,
        headers: Mapping[str, str],
        params: Mapping[str, Any] | None = None,
        idle_seconds: float = 0.0,
    ) -> Iterator[httpx.Response]:
        """Send one GET, without retries, and yield its response, whose body is read as it arrives.

        `idle_seconds` are added to the time that may pass until the next bytes.
        """
        timeouts = self.timeout.as_dict()
        if self.timeout.read is not None:
            timeouts["read"] = self.timeout.read + idle_seconds
        headers = {"Accept-Encoding": "identity", **headers}
        with self._http().stream(
            "GET", address, headers=headers, params=params, timeout=httpx.Timeout(**timeouts)
        ) as response:
            yield response

    def _http(self) -> httpx.Client:
        process = os.getpid()
        if process not in self._clients:  # connections inherited by a fork belong to the parent
            self._clients.setdefault(process, self._open())
        return self._clients[process]

    def _open(self) -> httpx.Client:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
        return httpx.Client(base_url=self.url, transport=self._transport, timeout=self.timeout, limits=limits)


def raise_for_problem(response: httpx.Response) -> None:
    """Raise ProblemError unless the response is a success or a redirect."""
    if response.is_success or response.is_redirect:
        return
    response.read()
    try:
        problem = response.json()
        problem = {"type": problem["type"], "title": "", "detail": "", **problem, "status": response.status_code}
    except (ValueError, KeyError, TypeError):  # not from the service: from a proxy, for example
        title = f"{response.status_code} {response.reason_phrase}"
        text = response.text[:_MAX_QUOTED_CHARACTERS]
        detail = f"{response.request.method} {response.request.url}: {title} {text}".strip()
        problem = {"type": "about:blank", "title": title, "status": response.status_code, "detail": detail}
    retry_after = response.headers.get("retry-after", "")
    raise problem_error(problem, float(retry_after) if retry_after.isdecimal() else 0.0)


def transient_error(error: httpx.TransportError | ProblemError, retry: bool = True) -> tuple[ClientError, float]:
    """Return the arguments of Backoff.wait: the error as a ClientError, and how many seconds to wait at least.

    Raises the error if it is not transient, or if `retry` is false.
    """
    if isinstance(error, httpx.TransportError):
        lost = ConnectionLost(f"{error.request.method} {error.request.url}: {error or type(error).__name__}")
        lost.__cause__ = error
        if not retry:
            raise lost
        return lost, 0.0
    if error.status not in _TRANSIENT_STATUS or not retry:
        raise error
    return error, error.retry_after


def _was_not_processed(error: httpx.TransportError | ProblemError) -> bool:
    """Return whether the request did not reach the service, or the service says that it did nothing."""
    if isinstance(error, ProblemError):
        return error.status in (429, 503)
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
