"""JSON schemas: references are followed, and what a schema accepts is described in words."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]  # a JSON schema, or a part of one


def resolve(schema: Schema, root: Schema) -> Schema:
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


def is_file(schema: Schema) -> bool:
    """Return whether a schema is that of a file in a form."""
    return schema.get("contentMediaType") == "application/octet-stream"


def describe(schema: Schema, root: Schema) -> str:
    """Describe in words what a JSON schema accepts. `root` is the document that its references point into."""
    or_null = ", or null" if any(option.get("type") == "null" for option in schema.get("anyOf", ())) else ""
    return _describe_value(resolve(schema, root), root) + or_null


def _describe_value(schema: Schema, root: Schema) -> str:
    """Describe a schema that is no reference and has no alternatives."""
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
            return f"a string{_lengths(schema, 'character')}{_pattern(schema)}"
        case "array":
            return f"a list{_lengths(schema, 'file' if is_file(schema.get('items', {})) else 'item')}"
        case "object" if "propertyNames" in schema:
            least = f"at least {schema['minProperties']}" if "minProperties" in schema else "any"
            return f"an object with {least} of {describe_fields(field_names(schema, root))}"
        case "object" if schema.get("properties"):
            return f"an object with {describe_fields(schema['properties'])}"
        case "object":
            return "an object"
    return "another value"


def field_names(schema: Schema, root: Schema) -> tuple[str, ...]:
    """Return the names of the fields that an object of this schema may have."""
    names: Iterable[str] = schema.get("properties", ())
    if "propertyNames" in schema:
        names = resolve(schema["propertyNames"], root).get("enum", ())
    return tuple(names)


def describe_fields(names: Iterable[str]) -> str:
    """Describe fields in words by their names."""
    listed = list(names)
    return f"the field{'' if len(listed) == 1 else 's'} {', '.join(listed)}" if listed else "no fields"


def count(n: int, unit: str) -> str:
    """Return a number with its unit, such as "1 item" or "2 items"."""
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


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
        return f" from {describe_number(schema['minimum'])} to {describe_number(schema['maximum'])}"
    parts = [f" {words} {describe_number(schema[key])}" for words, key in _BOUNDS if key in schema]
    return " and".join(parts)


def describe_number(bound: float) -> str:
    """Return a bound as text, without a decimal point if it is a whole number."""
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def _lengths(schema: Schema, unit: str) -> str:
    low, high = schema.get("minItems", schema.get("minLength")), schema.get("maxItems", schema.get("maxLength"))
    if low is not None and high is not None:
        return f" of {count(low, unit)}" if low == high else f" of {low} to {count(high, unit)}"
    parts = [f" of {words} {count(n, unit)}" for words, n in (("at least", low), ("at most", high)) if n is not None]
    return " and".join(parts)
