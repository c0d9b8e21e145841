"""Server-sent events (WHATWG HTML standard, "Server-sent events"), continued after a broken connection."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from afmbatch_client.backoff import Backoff
from afmbatch_client.connection import Connection, raise_for_problem, transient_error
from afmbatch_client.errors import ConnectionLost, ProblemError

_LAST_KIND = "end"


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a job."""

    kind: str  #: `progress`, `batch` or `end`.
    data: Any  #: Of `progress` the job's status; of `batch` its number, samples, bytes and sha256; of `end` None.
    id: str  #: The event's id, which the service needs to continue after it.


def events(connection: Connection, path: str) -> Iterator[Event]:
    """Yield the events up to and including the one named `end`. Raises ProblemError, ConnectionLost."""
    backoff, last_id = Backoff(connection.retry_for), ""
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        try:
            with connection.stream(path, headers) as response:
                raise_for_problem(response)
                for event in parse_events(response.iter_text()):
                    backoff.reset()
                    last_id = event.id
                    yield event
                    if event.kind == _LAST_KIND:
                        return
            # A proxy has a time limit, or the service was restarted.
            backoff.wait(ConnectionLost(f"{path}: the stream of events broke off before the end of the job"))
        except (httpx.TransportError, ProblemError) as e:
            backoff.wait(*transient_error(e))


def parse_events(chunks: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a text that arrives in chunks. An id holds for all events until the next id."""
    kind, last_id = "", ""
    data: list[str] = []
    for line in _lines(chunks):
        if not line:
            if data:
                yield Event(kind or "message", json.loads("\n".join(data)), last_id)
            kind, data = "", []
            continue
        field, _, value = line.partition(":")  # the field name of a comment is empty
        value = value.removeprefix(" ")
        match field:
            case "event":
                kind = value
            case "data":
                data.append(value)
            case "id":
                last_id = value


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split("\n")
        for line in complete:
            yield line.removesuffix("\r")
