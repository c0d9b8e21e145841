"""The interface of grid readers, and what the text readers share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.refusal import refusal
from afmbatch.grids.text_reader import TextReader, parse_numbers
from afmbatch.structures.elements import elements
from afmbatch.structures.readers.base import Readable

MAX_ATOMS = 100_000
MAX_EDGE = 1e3  # Å
MIN_SINE = 1e-3  # volume of a cell over the product of its edges; flatter cells are mistakes
#: A pattern of numbers in text files, Fortran's exponents included.
NUMBER = rb"[-+]?[\d.]+(?:[eEdD][-+]?\d+)?"
QUANTITIES = "one of " + ", ".join(quantity.value for quantity in Quantity)


@dataclass(frozen=True, slots=True)
class GridReading:
    """A grid of a file, as its reader returns it."""

    #: The name of the array in the file ("rho", "pot"), "" in formats with a single one.
    array: str
    grid: Grid
    #: Conclusions drawn while reading: end points, ignored blocks.
    findings: tuple[Finding, ...]


class GridReader(Protocol):
    """A reader of one file format. An instance is registered in `GRID_READERS`."""

    @property
    def format(self) -> str:
        """The name of the format, as users know it."""

    def accepts_name(self, name: str) -> bool:
        """Return whether files of this format usually have such a name."""

    def recognises(self, head: bytes) -> bool:
        """Return whether a file that starts with these bytes is of this format."""

    def read(self, file: Readable, name: str, quantity: Quantity | None) -> Iterator[GridReading]:
        """Yield the grids of a file in canonical form; each is complete before the next one is read.

        quantity: what the values of the file stand for. It may be None only if the file names its arrays' quantities;
        of such a file a given quantity selects the arrays that hold it. Raises InvalidInput, TooLarge.
        """


def required(quantity: Quantity | None, name: str) -> Quantity:
    """Return the quantity. Raises InvalidInput if none was given."""
    if quantity is None:
        reason = "the file does not say what its values stand for, and no quantity was given for it"
        raise refusal(name, "", reason, QUANTITIES)
    return quantity


def header_numbers(reader: TextReader, expected: str, counts: Sequence[int]) -> list[float]:
    """Return the numbers of the next line. Raises InvalidInput unless their count is one of counts and all are finite.

    expected: describes the line in errors.
    """
    line = reader.line(expected)
    numbers = parse_numbers(line.encode())
    if numbers is None or len(numbers) not in counts or not np.isfinite(numbers).all():
        raise reader.refusal(line, f"{expected} expected here", f"{' or '.join(map(str, counts))} numbers")
    return [float(number) for number in numbers]


def whole_number(reader: TextReader, number: float, expected: str) -> int:
    """Return a number of the current line as an integer. Raises InvalidInput if it is none."""
    if number != int(number):
        raise reader.refusal(str(number), f"{expected} is not a whole number", "a whole number")
    return int(number)


def check_atom_count(reader: TextReader, n: int) -> None:
    """Raise InvalidInput at the current line unless a file may have n atoms."""
    if not 0 <= n <= MAX_ATOMS:
        raise reader.refusal(str(n), "impossible number of atoms", f"0 to {MAX_ATOMS} atoms")


def atomic_number(reader: TextReader, word: str) -> int:
    """Return the atomic number for a symbol or a number in the current line. Raises InvalidInput for others."""
    z = _atomic_numbers().get(word.lower())
    if z is None:
        symbols = elements().symbols
        accepted = f"a symbol, {symbols[1]} to {symbols[-1]}, or an atomic number, 1 to {len(symbols) - 1}"
        raise reader.refusal(word, "unknown element", accepted)
    return z


@cache
def _atomic_numbers() -> dict[str, int]:
    """The atomic number for each symbol in lower case and for each number written in digits."""
    symbols = enumerate(elements().symbols[1:], start=1)
    return {text: z for z, symbol in symbols for text in (symbol.lower(), str(z))}


def check_lattice(lattice: NDArray[np.float64], where: str) -> None:
    """Raise InvalidInput unless the rows of a lattice (3, 3), Å, span a volume; `where` names file and line."""
    text = "; ".join(" ".join(f"{v:g}" for v in row) for row in lattice)
    if np.abs(lattice).max() > MAX_EDGE:
        raise refusal(where, text, f"a lattice vector is longer than {MAX_EDGE:g} Å", "a cell of ordinary size, in Å")
    edges = np.linalg.norm(lattice, axis=1)
    if not edges.all() or abs(np.linalg.det(lattice)) < MIN_SINE * edges.prod():
        raise refusal(where, text, "the lattice vectors do not span a volume", "three independent vectors in Å")


def atom_arrays(z: Sequence[int], xyz: Sequence[Sequence[float]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return atomic numbers (n,) int64 and positions (n, 3) float64 as arrays, also of no atoms."""
    return np.array(z, dtype=np.int64), np.array(xyz, dtype=np.float64).reshape(-1, 3)
