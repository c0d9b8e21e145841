"""A request with a query parameter that its address does not have is refused, as unknown fields of a body are."""

import difflib

from fastapi import Request

from afmbatch.errors import FieldError, InvalidInput
from service.transport.field_errors import shorten
from service.transport.schemas import count


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise InvalidInput if the OpenAPI document does not name each query parameter. A dependency of all routes."""
    if not request.query_params:
        return
    operations = request.app.openapi()["paths"].get(request.scope["route"].path, {})
    operation = operations.get(request.method.lower(), {})
    known = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
    given = request.query_params
    if unknown := [_error(name, given[name], known) for name in given if name not in known]:
        raise InvalidInput(*unknown)


def _error(name: str, value: str, known: list[str]) -> FieldError:
    similar = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {similar[0]!r}?" if similar else ""
    accepted = f"{count(len(known), 'parameter')}: {', '.join(known)}" if known else "no parameters"
    return FieldError(shorten(name), shorten(value), f"unknown query parameter{hint}", accepted)
