"""Refusals of grid files, with user text made safe to show."""

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.structures.printable import printable


def refusal(field: str, value: str | bytes, reason: str, accepted: str) -> InvalidInput:
    """Return the error for one thing wrong with a file; value may be any text of the file."""
    return InvalidInput(FieldError(printable(field, 200), printable(value), reason, accepted))
