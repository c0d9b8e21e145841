"""The reasons for which pydantic refuses values, in the words of JSON: users know of lists, not of tuples."""

import re
from collections.abc import Mapping, Sized

from pydantic_core import ErrorDetails

from service.transport.schemas import count, describe_number

_REASONS = {  # by pydantic's type of the error
    "missing": "it is required",
    "int_type": "it is not an integer",
    "int_parsing": "it is not an integer",
    "int_from_float": "it is not an integer",
    "int_parsing_size": "it is too large",
    "float_type": "it is not a number",
    "float_parsing": "it is not a number",
    "bool_type": "it is neither true nor false",
    "bool_parsing": "it is neither true nor false",
    "string_type": "it is not a string",
    "string_pattern_mismatch": "it does not match the pattern",
    "literal_error": "unknown value",
    "enum": "unknown value",
    "tuple_type": "it is not a list",
    "list_type": "it is not a list",
    "dict_type": "it is not an object",
    "model_type": "it is not an object",
    "model_attributes_type": "it is not an object",
}
_LIMITS = {  # by pydantic's type of the error: the words of the reason, and the limit in its context
    "greater_than_equal": ("it is below", "ge"),
    "greater_than": ("it is not above", "gt"),
    "less_than_equal": ("it is above", "le"),
    "less_than": ("it is not below", "lt"),
}
_LENGTHS = {"too_short": "few", "too_long": "many", "string_too_short": "few", "string_too_long": "many"}


def reason_of(error: ErrorDetails) -> str:
    """Return why pydantic refuses a value."""
    kind, value = error["type"], error["input"]
    if kind in _REASONS:
        return _REASONS[kind]
    if kind in _LIMITS:
        words, limit = _LIMITS[kind]
        return f"{words} {describe_number(error['ctx'][limit])}"
    if kind in _LENGTHS and isinstance(value, Sized):
        return f"it has {count(len(value), _unit(value))}, which is too {_LENGTHS[kind]}"
    if kind == "finite_number":  # a float can't hold an integer of 400 digits
        return "it is too large" if isinstance(value, int) else "it is not a finite number"
    return re.sub(r"^\w+ should ", "it should ", error["msg"])


def _unit(value: Sized) -> str:
    """Return what the length of a value counts."""
    if isinstance(value, str):
        return "character"
    return "field" if isinstance(value, Mapping) else "item"
