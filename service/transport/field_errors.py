"""Pydantic's errors become field errors, with a readable path and the values that the JSON schema accepts there."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic_core import ErrorDetails
from starlette.datastructures import UploadFile

from afmbatch.errors import FieldError

Schema: TypeAlias = Mapping[str, Any]  # a JSON schema, or a part of one
_MAX_SHOWN_CHARACTERS = 100


def shorten(value: object) -> str:
    """Return a given value as text of at most 101 characters. NaN and infinity are written as such."""
    if isinstance(value, UploadFile):
        value = value.filename
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # an integer of more digits than Python converts
        return f"a {type(value).__name__} too long to show"
    return (text or '""') if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}…"


def field_errors(errors: Iterable[ErrorDetails], schema: Schema) -> list[FieldError]:
    """Return what is wrong with a document that pydantic refused. `schema` is the document's JSON schema."""
    listed = list(errors)
    inside = {e["loc"][:n] for e in listed for n in range(len(e["loc"]))}
    # A list with a bad item in it also counts as too short, because pydantic counts the good ones.
    kept = [e for e in listed if not (e["type"] == "too_short" and e["loc"] in inside)]
    return [_field_error(e, schema) for e in kept]


def _field_error(error: ErrorDetails, schema: Schema) -> FieldError:
    node = _Node(schema)
    for step in error["loc"]:
        node = node.child(step)
    context = error.get("ctx", {})
    match error["type"]:
        case "refused":  # afmbatch.spec.model.refusal: the model's own check has written the texts
            path = node.path_of(context["field"])
            return FieldError(path, shorten(context["value"]), context["reason"], context["accepted"])
        case "missing":
            return FieldError(node.path, "nothing", "it is required", _describe(node.schema, schema))
        case "union_tag_invalid" | "union_tag_not_found":
            name = node.schema["discriminator"]["propertyName"]
            kinds = ", ".join(map(repr, node.schema["discriminator"]["mapping"]))
            reason = f"unknown {name}" if "tag" in context else "it is required"
            return FieldError(node.path_of(name), shorten(context.get("tag", "nothing")), reason, f"one of {kinds}")
        case "extra_forbidden":
            similar = difflib.get_close_matches(str(error["loc"][-1]), node.siblings, n=1)
            hint = f"; did you mean {similar[0]!r}?" if similar else ""
            known = ", ".join(node.siblings)
            return FieldError(node.path, shorten(error["input"]), f"unknown field{hint}", f"the fields {known}")
        case "value_error" if _is_file(node.schema):
            return FieldError(node.path, shorten(error["input"]), "it is text, not a file", "a part with a file name")
        case _:
            reason = re.sub(r"^\w+ should ", "it should ", error["msg"]).replace(" after validation", "")
            return FieldError(node.path or "body", shorten(error["input"]), reason, _describe(node.schema, schema))


class _Node:
    """Holds the readable path of a node of a document, its JSON schema and the names of the fields beside it."""

    def __init__(
        self, root: Schema, schema: Schema | None = None, path: str = "", siblings: Sequence[str] = ()
    ) -> None:
        self._root = root
        self.schema = _resolve(root if schema is None else schema, root)
        self.path = path
        self.siblings = siblings

    def path_of(self, name: int | str) -> str:
        """Return the path of a field or an item of this node."""
        if isinstance(name, int):
            return f"{self.path}[{name}]"
        return f"{self.path}.{name}" if self.path else name

    def child(self, step: int | str) -> "_Node":
        """Follow one step of pydantic's location: a field, an item or the tag of a union, which is not in the path."""
        tags = self.schema.get("discriminator", {}).get("mapping", {})
        if step in tags:
            return _Node(self._root, {"$ref": tags[step]}, self.path)
        if isinstance(step, int):
            items = self.schema.get("prefixItems", ())
            schema = items[step] if step < len(items) else self.schema.get("items", {})
            return _Node(self._root, schema, self.path_of(step))
        fields = self.schema.get("properties", {})
        return _Node(self._root, fields.get(step, {}), self.path_of(step), tuple(fields))


def _resolve(schema: Schema, root: Schema) -> Schema:
    """Return a schema with its references followed and the alternative null left out."""
    while True:
        if "$ref" in schema:
            found: Any = root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        elif "anyOf" in schema:
            schema = next(option for option in schema["anyOf"] if option.get("type") != "null")
        else:
            return schema


def _is_file(schema: Schema) -> bool:
    return schema.get("contentMediaType") == "application/octet-stream"


def _describe(schema: Schema, root: Schema) -> str:
    """Describe in words what a JSON schema accepts. `root` is the document that its references point into."""
    schema = _resolve(schema, root)
    if "discriminator" in schema:
        kinds = ", ".join(map(repr, schema["discriminator"]["mapping"]))
        return f"an object whose {schema['discriminator']['propertyName']!r} is one of {kinds}"
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(map(repr, schema['enum']))}"
    match schema.get("type"):
        case "integer":
            return f"an integer{_bounds(schema)}"
        case "number":
            return f"a number{_bounds(schema)}"
        case "boolean":
            return "true or false"
        case "string":
            return f"a string{_lengths(schema, 'characters')}{_pattern(schema)}"
        case "array":
            return f"a list{_lengths(schema, 'files' if _is_file(schema.get('items', {})) else 'items')}"
        case "object":
            return f"an object with the fields {', '.join(schema.get('properties', ()))}"
    return ""


def _pattern(schema: Schema) -> str:
    return f" that matches {schema['pattern']}" if "pattern" in schema else ""


_BOUNDS = (
    ("of at least", "minimum"),
    ("above", "exclusiveMinimum"),
    ("of at most", "maximum"),
    ("below", "exclusiveMaximum"),
)


def _bounds(schema: Schema) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f" from {_number(schema['minimum'])} to {_number(schema['maximum'])}"
    parts = [f" {words} {_number(schema[key])}" for words, key in _BOUNDS if key in schema]
    return " and".join(parts)


def _number(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def _lengths(schema: Schema, unit: str) -> str:
    low, high = schema.get("minItems", schema.get("minLength")), schema.get("maxItems", schema.get("maxLength"))
    if low is not None and high is not None:
        return f" of {low} {unit}" if low == high else f" of {low} to {high} {unit}"
    parts = [f" of {words} {n} {unit}" for words, n in (("at least", low), ("at most", high)) if n is not None]
    return " and".join(parts)
