"""Reading bytes in tests."""

import io

import pytest

from afmbatch.errors import FieldError, InvalidInput, TooLarge
from afmbatch.grids.grid import Quantity
from afmbatch.grids.ingest import NamedGrid, read_grids


class Pipe:
    """A file that can only be read, in pieces of at most `size` bytes."""

    def __init__(self, data: bytes, size: int) -> None:
        self._file = io.BytesIO(data)
        self._size = size

    def read(self, n: int, /) -> bytes:
        return self._file.read(min(n, self._size))


def read(data: bytes, name: str, quantity: Quantity | None = Quantity.ELECTRONS) -> NamedGrid:
    """Return the only grid in a file."""
    (named,) = read_grids(io.BytesIO(data), name, quantity)
    return named


def refused(data: bytes, name: str, quantity: Quantity | None = Quantity.ELECTRONS) -> FieldError:
    """Return the one thing for which a file is refused."""
    with pytest.raises((InvalidInput, TooLarge)) as info:
        read(data, name, quantity)
    (fault,) = info.value.field_errors
    assert fault.accepted
    return fault


def findings(named: NamedGrid, subject: str) -> list[str]:
    """Return the messages of the findings about a subject."""
    return [finding.message for finding in named.findings if finding.subject == subject]
