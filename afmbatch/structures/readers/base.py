"""Defines the interface of the readers of structure files: their input, their output and their methods."""

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
        """Return up to n bytes; b"" at the end of the file."""


class PeekableFile:
    """A stream of bytes whose first bytes can be inspected before it is read."""

    def __init__(self, file: Readable) -> None:
        """Read the head of a file. Raises the errors of `file.read`."""
        self._file = file
        self.head = file.read(HEAD_BYTES)
        self._unread = self.head

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes; b"" at the end of the file."""
        begin, self._unread = self._unread[:n], self._unread[n:]
        return begin + self._file.read(n - len(begin)) if n > len(begin) else begin


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A structure of n atoms, as it stands in a file."""

    z: NDArray[np.int64]  #: (n,) atomic numbers
    xyz: NDArray[np.float64]  #: (n, 3), Å
    q: NDArray[np.float64] | None  #: (n,) point charges, e; None: the file has none
    #: (3, 3) rows a, b, c, Å; a row of zeros: not periodic in this direction; None: no lattice
    lattice: NDArray[np.float64] | None
    where: str  #: the file and the structure, as error messages name them

    def locate_atom(self, atom: int) -> str:
        """Return the place of an atom in the structure, for error messages, such as "atom 3" or "line 7"."""
        return f"atom {atom + 1}"

    def locate_lattice(self) -> str:
        """Return the place of the lattice vectors in the structure, for error messages."""
        return "lattice"


class Reader(Protocol):
    """A reader of one file format."""

    @property
    def name(self) -> str:
        """The name of the format in error messages and in /docs, such as "xyz or extended xyz text"."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of its files, in lower case and with the dot."""

    def recognises(self, head: bytes) -> bool:
        """Return whether a file that begins with these bytes, up to HEAD_BYTES, may be of this format."""

    def frames(self, file: Readable, name: str) -> Iterator[Frame | FieldError]:
        """Yield the structures of a file in order, or an error in place of a structure that can't be read.

        name: the name of the file, for error messages. Raises InvalidInput if the rest of the file can't be read, and
        the errors of `file.read`.
        """
