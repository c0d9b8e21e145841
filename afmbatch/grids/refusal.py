"""Refusals of grid files, with user text made safe to show."""

from afmbatch.errors import FieldError, InvalidInput, TooLarge
from afmbatch.structures.printable import printable


def refusal(field: str, value: str | bytes, reason: str, accepted: str) -> InvalidInput:
    """Return the error for one thing wrong with a file; value may be any text of the file."""
    return InvalidInput(_field_error(field, value, reason, accepted))


def too_large(field: str, value: str, reason: str, accepted: str) -> TooLarge:
    """Return the error for a file over a limit of this server."""
    return TooLarge(_field_error(field, value, reason, accepted))


def _field_error(field: str, value: str | bytes, reason: str, accepted: str) -> FieldError:
    return FieldError(printable(field, 200), printable(value), reason, accepted)
