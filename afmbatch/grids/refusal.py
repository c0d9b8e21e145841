"""Refusals of grid files, with user text made safe to show."""

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.structures.readers.xyz import shown


def refusal(field: str, value: str | bytes, reason: str, accepted: str) -> InvalidInput:
    """Return the error for one thing wrong with a file; value may be any text of the file."""
    return InvalidInput(FieldError(shown(field, 200), shown(value), reason, accepted))
