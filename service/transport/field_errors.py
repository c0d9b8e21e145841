"""Pydantic's errors as faults: a path a person can read, and what the schema would have accepted there."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic_core import ErrorDetails

from afmbatch.errors import FieldError

Schema: TypeAlias = Mapping[str, Any]  # a JSON schema, or a part of one
_SHOWN = 100


def shown(value: object) -> str:
    """A value that was given, short enough for an answer. NaN and infinity are shown as such."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # an integer of more digits than Python converts
        return f"a {type(value).__name__} too long to show"
    return (text or '""') if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def faults(errors: Iterable[ErrorDetails], schema: Schema) -> list[FieldError]:
    """What is wrong with a JSON document that was to follow this JSON schema."""
    listed = list(errors)
    inside = {e["loc"][:n] for e in listed for n in range(len(e["loc"]))}
    # A list with a bad item in it also counts as too short: pydantic counts the good ones.
    told = [e for e in listed if not (e["type"] == "too_short" and e["loc"] in inside)]
    return [fault(e, e["loc"], schema) for e in told]


def fault(error: ErrorDetails, path: Sequence[int | str], schema: Schema) -> FieldError:
    """One error of pydantic's at this path of a document."""
    known = _Place(schema)
    for step in path:
        known = known.down(step)
    ctx = error.get("ctx", {})
    match error["type"]:
        case "refused":  # afmbatch.spec.model.refusal: the check has said it all
            return FieldError(known.child(ctx["field"]), shown(ctx["value"]), ctx["reason"], ctx["accepted"])
        case "missing":
            return FieldError(known.path, "nothing", "it is required", accepted(known.node, schema))
        case "union_tag_invalid" | "union_tag_not_found":
            name = known.node["discriminator"]["propertyName"]
            kinds = ", ".join(map(repr, known.node["discriminator"]["mapping"]))
            reason = f"unknown {name}" if "tag" in ctx else "it is required"
            return FieldError(known.child(name), shown(ctx.get("tag", "nothing")), reason, f"one of {kinds}")
        case "extra_forbidden":
            near = difflib.get_close_matches(str(path[-1]), known.siblings, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return FieldError(
                known.path, shown(error["input"]), f"unknown field{hint}", f"the fields {', '.join(known.siblings)}"
            )
        case _:
            reason = re.sub(r"^\w+ should ", "it should ", error["msg"]).replace(" after validation", "")
            return FieldError(known.path or "body", shown(error["input"]), reason, accepted(known.node, schema))


class _Place:
    """A place in a document: its readable path, and the schema of what stands there."""

    def __init__(self, root: Schema, node: Schema | None = None, path: str = "", siblings: Sequence[str] = ()) -> None:
        self.root = root
        self.node = _resolved(root if node is None else node, root)
        self.path = path
        self.siblings = siblings  # the fields known beside this one

    def child(self, name: int | str) -> str:
        """Path of a field or an item of this one."""
        if isinstance(name, int):
            return f"{self.path}[{name}]"
        return f"{self.path}.{name}" if self.path else name

    def down(self, step: int | str) -> "_Place":
        """One step of pydantic's location: a field, an item, or the tag of a union, which is no part of the path."""
        tags = self.node.get("discriminator", {}).get("mapping", {})
        if step in tags:
            return _Place(self.root, {"$ref": tags[step]}, self.path)
        if isinstance(step, int):
            items = self.node.get("prefixItems", ())
            node = items[step] if step < len(items) else self.node.get("items", {})
            return _Place(self.root, node, self.child(step))
        fields = self.node.get("properties", {})
        return _Place(self.root, fields.get(step, {}), self.child(step), tuple(fields))


def _resolved(node: Schema, root: Schema) -> Schema:
    """A schema without its indirections: references followed, 'or null' left out."""
    while True:
        if "$ref" in node:
            found: Any = root
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        elif "anyOf" in node:
            node = next(n for n in node["anyOf"] if n.get("type") != "null")
        else:
            return node


def accepted(node: Schema, root: Schema) -> str:
    """In words, what a JSON schema accepts."""
    node = _resolved(node, root)
    if "discriminator" in node:
        kinds = ", ".join(map(repr, node["discriminator"]["mapping"]))
        return f"an object whose {node['discriminator']['propertyName']!r} is one of {kinds}"
    if "const" in node:
        return repr(node["const"])
    if "enum" in node:
        return f"one of {', '.join(map(repr, node['enum']))}"
    match node.get("type"):
        case "integer":
            return f"an integer{_bounds(node)}"
        case "number":
            return f"a number{_bounds(node)}"
        case "boolean":
            return "true or false"
        case "string":
            return f"a string{_lengths(node, 'characters')}{_pattern(node)}"
        case "array":
            return f"a list{_lengths(node, 'items')}"
        case "object":
            return f"an object with the fields {', '.join(node.get('properties', ()))}"
    return ""


def _pattern(node: Schema) -> str:
    return f" that matches {node['pattern']}" if "pattern" in node else ""


_BOUNDS = (
    ("of at least", "minimum"),
    ("above", "exclusiveMinimum"),
    ("of at most", "maximum"),
    ("below", "exclusiveMaximum"),
)


def _bounds(node: Schema) -> str:
    if "minimum" in node and "maximum" in node:
        return f" from {_number(node['minimum'])} to {_number(node['maximum'])}"
    said = [f" {words} {_number(node[key])}" for words, key in _BOUNDS if key in node]
    return " and".join(said)


def _number(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def _lengths(node: Schema, what: str) -> str:
    low, high = node.get("minItems", node.get("minLength")), node.get("maxItems", node.get("maxLength"))
    if low is not None and high is not None:
        return f" of {low} {what}" if low == high else f" of {low} to {high} {what}"
    said = [f" of {words} {n} {what}" for words, n in (("at least", low), ("at most", high)) if n is not None]
    return " and".join(said)
