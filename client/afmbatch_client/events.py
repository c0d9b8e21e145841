"""Server-sent events (the WHATWG HTML standard, "Server-sent events") that go on after a broken connection."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from afmbatch_client.connection import Connection, checked, passing
from afmbatch_client.errors import ConnectionLost, ProblemError
from afmbatch_client.patience import Patience

_LAST = "end"


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` is progress (data: the job's status), batch (data: number, samples, bytes, sha256) or end."""

    kind: str
    data: Any
    id: str


def events(connection: Connection, path: str) -> Iterator[Event]:
    """All events until the one named end. Raises ProblemError, ConnectionLost."""
    patience, last = Patience(connection.patience), ""
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        try:
            with connection.stream(path, headers) as answer:
                checked(answer)
                for event in parsed(answer.iter_text()):
                    patience.progressed()
                    last = event.id
                    yield event
                    if event.kind == _LAST:
                        return
            patience.wait(ConnectionLost(f"{path}: ended before the end"))  # a proxy's limit, or a restart
        except (httpx.TransportError, ProblemError) as e:
            patience.wait(*passing(e))


def parsed(chunks: Iterable[str]) -> Iterator[Event]:
    """The events of a text that comes in pieces; an id holds for all that follow it."""
    kind, last = "", ""
    data: list[str] = []
    for line in _lines(chunks):
        if not line:
            if data:
                yield Event(kind or "message", json.loads("\n".join(data)), last)
            kind, data = "", []
            continue
        field, _, value = line.partition(":")  # a comment's field is empty
        value = value.removeprefix(" ")
        match field:
            case "event":
                kind = value
            case "data":
                data.append(value)
            case "id":
                last = value


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split("\n")
        for line in whole:
            yield line.removesuffix("\r")
