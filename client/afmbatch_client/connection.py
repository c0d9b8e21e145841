"""HTTP to one service: problem documents become errors, and failures that pass are tried again."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from afmbatch_client.errors import ClientError, ConnectionLost, ProblemError, problem_error
from afmbatch_client.patience import Patience

_PASSING = (429, 502, 503, 504)
_SHOWN_CHARACTERS = 300


class Connection:
    """May go to other processes, by fork or by pickle: each opens connections of its own, at its first request."""

    def __init__(
        self, url: str, transport: httpx.BaseTransport | None, timeout: httpx.Timeout, patience: float
    ) -> None:
        if httpx.URL(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no address of a service: http://… or https://…")
        self.url = url
        self.timeout = timeout
        self.patience = patience
        self._transport = transport
        self._by_process: dict[int, httpx.Client] = {}

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        if self._transport is not None:
            raise TypeError("a client with a transport of its own can't be sent to another process")
        return type(self), (self.url, None, self.timeout, self.patience)

    def close(self) -> None:
        """Close what this process has opened."""
        if (http := self._by_process.get(os.getpid())) is not None:
            http.close()

    def request(self, method: str, path: str, *, repeatable: bool = True, **parts: Any) -> httpx.Response:
        """The answer to a request; one that is not `repeatable` is sent again only if it did not arrive.

        Raises ProblemError, ConnectionLost.
        """
        patience = Patience(self.patience)
        while True:
            try:
                answer = self._http().request(method, path, follow_redirects=True, **parts)
                checked(answer)
                return answer
            except (httpx.TransportError, ProblemError) as e:
                unheard = isinstance(e, httpx.ConnectError | httpx.ConnectTimeout) or refused(e)
                patience.wait(*passing(e, repeatable or unheard))

    def json(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        """The document that answers a request. Raises ProblemError, ConnectionLost; ClientError where it is none."""
        answer = self.request(method, path, **parts)
        try:
            document: dict[str, Any] = answer.json()
        except ValueError:
            raise ClientError(f"{answer.request.url}: this is no afmbatch: {answer.text[:_SHOWN_CHARACTERS]}") from None
        return document

    @contextmanager
    def stream(
        self,
        address: str | httpx.URL,
        headers: Mapping[str, str],
        params: Mapping[str, Any] | None = None,
        idle: float = 0.0,
    ) -> Iterator[httpx.Response]:
        """One attempt at a GET whose body comes in pieces, as it is sent. `idle` s more than usual may pass between."""
        times = {**self.timeout.as_dict(), "read": None if self.timeout.read is None else self.timeout.read + idle}
        headers = {"Accept-Encoding": "identity", **headers}
        with self._http().stream(
            "GET", address, headers=headers, params=params, timeout=httpx.Timeout(**times)
        ) as answer:
            yield answer

    def _http(self) -> httpx.Client:
        process = os.getpid()
        if process not in self._by_process:  # what a fork brought along is its parent's: not used, not closed
            self._by_process.setdefault(process, self._open())
        return self._by_process[process]

    def _open(self) -> httpx.Client:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
        return httpx.Client(base_url=self.url, transport=self._transport, timeout=self.timeout, limits=limits)


def checked(answer: httpx.Response) -> None:
    """Raise ProblemError unless the answer is a good one."""
    if answer.is_success or answer.is_redirect:
        return
    answer.read()
    try:
        problem = answer.json()
        problem = {"type": problem["type"], "title": "", "detail": "", **problem, "status": answer.status_code}
    except (ValueError, KeyError, TypeError):  # it is not the service that speaks
        told = f"{answer.status_code} {answer.reason_phrase}"
        detail = f"{answer.request.method} {answer.request.url}: {told} {answer.text[:_SHOWN_CHARACTERS]}".strip()
        problem = {"type": "about:blank", "title": told, "status": answer.status_code, "detail": detail}
    after = answer.headers.get("retry-after", "")
    raise problem_error(problem, float(after) if after.isdecimal() else 0.0)


def refused(error: Exception) -> bool:
    """Whether the service says that it did nothing."""
    return isinstance(error, ProblemError) and error.status in (429, 503)


def passing(error: httpx.TransportError | ProblemError, repeatable: bool = True) -> tuple[ClientError, float]:
    """For Patience: the error as one of ours, and how long to wait at least. Raises it where waiting would not help."""
    if isinstance(error, httpx.TransportError):
        lost = ConnectionLost(f"{error.request.method} {error.request.url}: {error or type(error).__name__}")
        lost.__cause__ = error
        if not repeatable:
            raise lost
        return lost, 0.0
    if error.status not in _PASSING or not repeatable:
        raise error
    return error, error.retry_after
