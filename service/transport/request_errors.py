"""A request that contradicts the OpenAPI document gets errors that state what the document accepts."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from afmbatch.errors import AfmbatchError, FieldError, InvalidInput
from service.transport.field_errors import Schema, field_errors
from service.transport.http_errors import MalformedRequest


def error_of_request(request: Request, error: RequestValidationError) -> AfmbatchError:
    """Return the error of a request whose parameters or body are invalid.

    The error is MalformedRequest if the body is empty or is not JSON, else InvalidInput.
    """
    body = [e for e in error.errors() if e["loc"][0] == "body"]
    for found in body:
        if found["type"] == "json_invalid":
            return MalformedRequest(found["msg"])
        if found["type"] == "missing" and len(found["loc"]) == 1:
            return MalformedRequest("The request has no body.")
    document = request.app.openapi()
    operation = document["paths"][request.scope["route"].path][request.method.lower()]
    parameters = [_parameter_error(e, operation) for e in error.errors() if e["loc"][0] != "body"]
    return InvalidInput(*parameters, *_body_errors(body, operation, document))


def _parameter_error(error: dict[str, Any], operation: Schema) -> FieldError:
    """Return the error of a path, query or header parameter."""
    location, name = error["loc"][:2]
    schemas = [p["schema"] for p in operation["parameters"] if (p["in"], p["name"].lower()) == (location, name.lower())]
    (found,) = field_errors([_within(error)], {"properties": {name: schemas[0]}})
    return found


def _body_errors(errors: list[dict[str, Any]], operation: Schema, document: Schema) -> list[FieldError]:
    """Return the errors of the fields of the body."""
    if not errors:
        return []
    (content,) = operation["requestBody"]["content"].values()
    return field_errors(map(_within, errors), {**content["schema"], "components": document["components"]})


def _within(error: dict[str, Any]) -> Any:
    """Return pydantic's error with its location relative to the body, or to the parameters of one kind."""
    return {**error, "loc": error["loc"][1:]}
