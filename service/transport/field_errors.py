"""Pydantic's errors become field errors, with a readable path and the values that the JSON schema accepts there."""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails
from starlette.datastructures import UploadFile

from afmbatch.errors import MAX_FIELD_ERRORS, FieldError
from service.transport.reasons import reason_of
from service.transport.schemas import Schema, describe, describe_fields, field_names, is_file, resolve

__all__ = ["Schema", "field_errors", "shorten"]

_MAX_SHOWN_CHARACTERS = 100
_KEY = "[key]"  # pydantic's last step to the name of an object's field, where names are restricted


def shorten(value: object) -> str:
    """Return a given value as text of at most 101 characters. NaN and infinity are written as such."""
    if isinstance(value, UploadFile):
        value = value.filename
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # an integer of more digits than Python converts
        return "a number too long to show" if isinstance(value, int) else "a value too long to show"
    return (text or '""') if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}…"


def field_errors(errors: Iterable[ErrorDetails], schema: Schema) -> list[FieldError]:
    """Return the errors of a document that pydantic refused, one more than an answer lists at most.

    `schema` is the document's JSON schema.
    """
    listed = list(errors)
    inside = {e["loc"][:n] for e in listed for n in range(len(e["loc"]))}
    # Pydantic also reports a list with a refused item as too short, because it counts the accepted items only.
    kept = [e for e in listed if not (e["type"] == "too_short" and e["loc"] in inside)]
    return [_field_error(e, schema) for e in kept[: MAX_FIELD_ERRORS + 1]]  # each takes about half a millisecond


def _field_error(error: ErrorDetails, schema: Schema) -> FieldError:
    location, context = error["loc"], error.get("ctx", {})
    if location and location[-1] == _KEY:
        parent = _Node.at(location[:-2], schema)
        return _unknown_field(parent, str(location[-2]), shorten(error["input"]))
    node = _Node.at(location, schema)
    match error["type"]:
        case "refused":  # afmbatch.spec.model.refusal: the model's own check has written the texts
            path = node.path_of(context["field"])
            return FieldError(path, shorten(context["value"]), context["reason"], context["accepted"])
        case "missing":
            return FieldError(node.path, "nothing", reason_of(error), node.accepted)
        case "union_tag_invalid" | "union_tag_not_found":
            name = node.schema["discriminator"]["propertyName"]
            kinds = ", ".join(map(repr, node.schema["discriminator"]["mapping"]))
            reason, given = "it is required", "nothing"
            if isinstance(error["input"], Mapping) and name in error["input"]:
                reason, given = f"unknown {name}", shorten(error["input"][name])
            return FieldError(node.path_of(name), given, reason, f"one of {kinds}")
        case "extra_forbidden":
            return _unknown_field(_Node.at(location[:-1], schema), str(location[-1]), shorten(error["input"]))
        case "value_error" if is_file(node.schema):
            return FieldError(node.path, shorten(error["input"]), "it is text, not a file", "a part with a file name")
        case _:
            return FieldError(node.path or "body", shorten(error["input"]), reason_of(error), node.accepted)


def _unknown_field(parent: "_Node", name: str, value: str) -> FieldError:
    known = parent.fields
    similar = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {similar[0]!r}?" if similar else ""
    return FieldError(parent.path_of(name), value, f"unknown field{hint}", describe_fields(known))


class _Node:
    """Holds the readable path and the JSON schema of a node of a document."""

    def __init__(self, root: Schema, schema: Schema, path: str = "") -> None:
        self._root = root
        self._given = schema
        self.schema = resolve(schema, root)
        self.path = path

    @classmethod
    def at(cls, location: Iterable[int | str], root: Schema) -> "_Node":
        """Return the node at pydantic's location in a document with this schema."""
        node = cls(root, root)
        for step in location:
            node = node._child(step)
        return node

    @property
    def accepted(self) -> str:
        """Words that say what is accepted here."""
        return describe(self._given, self._root)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields that this node may have."""
        return field_names(self.schema, self._root)

    def path_of(self, name: int | str) -> str:
        """Return the path of a field or an item of this node."""
        if isinstance(name, int):
            return f"{self.path}[{name}]"
        return f"{self.path}.{shorten(name)}" if self.path else shorten(name)

    def _child(self, step: int | str) -> "_Node":
        """Follow one step of pydantic's location: a field, an item or the tag of a union, which is not in the path."""
        tags = self.schema.get("discriminator", {}).get("mapping", {})
        if step in tags:
            return _Node(self._root, {"$ref": tags[step]}, self.path)
        schema: Any
        if isinstance(step, int):
            items = self.schema.get("prefixItems", ())
            schema = items[step] if step < len(items) else self.schema.get("items", {})
        else:
            schema = self.schema.get("properties", {}).get(step, self.schema.get("additionalProperties"))
        return _Node(self._root, schema if isinstance(schema, Mapping) else {}, self.path_of(step))
