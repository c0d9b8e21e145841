"""The interface of a reader of structure files, and what it reads from and returns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError

BLOCK_BYTES = 1 << 20  # bytes read in one call
HEAD_BYTES = 512  # bytes from the start of a file by which its format is recognised


class Readable(Protocol):
    """A stream of bytes that is read once, from its start."""

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes, none at the end of the file."""


class PeekableFile:
    """A stream of bytes whose head can be looked at before it is read."""

    def __init__(self, file: Readable) -> None:
        """Read the head of a file. Raises the errors of `file.read`."""
        self._file = file
        self.head = file.read(HEAD_BYTES)
        self._unread = self.head

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes, none at the end of the file."""
        begin, self._unread = self._unread[:n], self._unread[n:]
        return begin + self._file.read(n - len(begin)) if n > len(begin) else begin


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A structure of n atoms, as it stands in a file."""

    z: NDArray[np.int64]  #: (n,) atomic numbers
    xyz: NDArray[np.float64]  #: (n, 3), Å
    q: NDArray[np.float64] | None  #: (n,) point charges, e; None: the file has none
    lattice: (
        NDArray[np.float64] | None
    )  #: (3, 3) rows a, b, c, Å, zeros along which there is no period; None: no lattice
    where: str  #: names file and structure in errors

    def locate_atom(self, atom: int) -> str:
        """Return the place of an atom in the structure, for errors. A reader of lines says "line 7" instead."""
        return f"atom {atom + 1}"

    def locate_lattice(self) -> str:
        """Return the place of the lattice vectors in the structure, for errors."""
        return "lattice"


class Reader(Protocol):
    """A reader of one file format."""

    @property
    def name(self) -> str:
        """The name of the format in error messages, such as "xyz or extended xyz text"."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of its files, in lower case and with the dot."""

    def recognises(self, head: bytes) -> bool:
        """Return whether a file that begins with these bytes, up to HEAD_BYTES, may be of this format."""

    def frames(self, file: Readable, name: str) -> Iterator[Frame | FieldError]:
        """Yield the structures of a file in order, or an error in place of one that can't be read.

        `name` is that of the file, for errors. Raises InvalidInput for a file that can't be read on, and the errors of
        `file.read`.
        """
