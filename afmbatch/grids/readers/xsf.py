"""XSF files of XCrySDen.

ASE's reader keeps repeated end points, fails for MOLECULE and for DATAGRID_3D without BEGIN_, and takes 12 times the
memory of the float32 grid; so XSF files are read here.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import InvalidInput
from afmbatch.grids.end_points import SpannedAtoms, remove_end_points
from afmbatch.grids.files import file_name
from afmbatch.grids.filling import ValueOrder, check_shape, fill_grid
from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.readers.base import (
    GridReading,
    atom_arrays,
    atomic_number,
    check_atom_count,
    check_lattice,
    header_numbers,
    required,
    whole_number,
)
from afmbatch.grids.text_reader import TextReader, parse_numbers
from afmbatch.grids.units import angstrom_factor
from afmbatch.structures.readers.base import Readable

STRUCTURES = ("CRYSTAL", "SLAB", "POLYMER", "MOLECULE", "ATOMS", "DIM-GROUP", "PRIMVEC")
FIRST_WORDS = (*STRUCTURES, "ANIMSTEPS", "BEGIN_BLOCK_DATAGRID_3D", "BEGIN_BLOCK_DATAGRID3D", "BEGIN_INFO")
GRID_STARTS = ("BEGIN_DATAGRID_3D", "DATAGRID_3D")
SAME_CELL = 1e-3  # of the longest edge: difference of the grid's vectors from the cell's


class XsfReader:
    """Reads the first three-dimensional data grid of an XSF file. Lengths are in Å, values in e/Å³, V or eV."""

    format = "XSF"

    def accepts_name(self, name: str) -> bool:
        """Return whether the name ends with .xsf."""
        return file_name(name).lower().endswith(".xsf")

    def recognises(self, head: bytes) -> bool:
        """Return whether the first word that is not in a comment is a keyword of XSF."""
        lines = (line.split() for line in head.split(b"\n") if line.strip() and not line.lstrip().startswith(b"#"))
        return next(lines, [b""])[0].decode("ascii", "replace").upper() in FIRST_WORDS

    def read(self, file: Readable, name: str, quantity: Quantity | None) -> Iterator[GridReading]:
        """Yield the first data grid of an XSF file. Raises InvalidInput."""
        quantity = required(quantity, name)
        reader = TextReader(file, name)
        header = _Header(reader)
        header.read()
        shape, origin, lattice = _grid_frame(reader)
        points = int(np.prod(shape))
        factor = angstrom_factor(quantity)
        values = fill_grid(shape, reader.values(points), ValueOrder.X_FASTEST, factor, name)
        findings = [*_check_end(reader, points)]
        z, xyz = atom_arrays(header.z, header.xyz)
        atoms = SpannedAtoms(z, (xyz - origin) @ np.linalg.inv(lattice))
        values, end_points = remove_end_points(values, usual=True, atoms=atoms)
        findings += end_points
        if header.cell is not None and np.abs(header.cell - lattice).max() > SAME_CELL * np.abs(header.cell).max():
            findings.append(
                Finding(
                    "cell",
                    "the vectors of the data grid differ from the cell (PRIMVEC); the grid's are taken as its period",
                    warning=True,
                )
            )
        yield GridReading("", Grid(values, origin, lattice, z, xyz, quantity.canonical), tuple(findings))


class _Header:
    """The lines of an XSF file before its data grid: cell and atoms."""

    def __init__(self, reader: TextReader) -> None:
        self._reader = reader
        #: PRIMVEC: float64 (3, 3), Å.
        self.cell: NDArray[np.float64] | None = None
        self.z: list[int] = []
        self.xyz: list[list[float]] = []

    def read(self) -> None:
        """Read up to the line that begins the first data grid."""
        line = self._line()
        while not line.upper().startswith(GRID_STARTS):
            keyword, *words = line.split()
            if keyword.upper() == "PRIMVEC":
                self.cell = self._vectors()
            elif keyword.upper() == "CONVVEC":
                self._vectors()
            elif keyword.upper() in ("PRIMCOORD", "CONVCOORD"):
                self._coordinates(keep=keyword.upper() == "PRIMCOORD")
            elif keyword.upper() == "ATOMS":
                line = self._atom_lines()
                continue
            elif keyword.upper() == "ANIMSTEPS" and words != ["1"]:
                raise self._reader.refusal(line, "the file is an animation", "a file with one structure")
            line = self._line()

    def _line(self) -> str:
        """Return the next line that is neither blank nor a comment, without blanks around it."""
        while True:
            line = self._reader.line("a data grid (BEGIN_DATAGRID_3D)").strip()
            if line and not line.startswith("#"):
                return line

    def _vectors(self) -> NDArray[np.float64]:
        rows = [header_numbers(self._reader, "a lattice vector", (3,)) for _ in range(3)]
        return np.array(rows)

    def _coordinates(self, keep: bool) -> None:
        """Read the number of atoms and as many lines of PRIMCOORD or CONVCOORD."""
        first, *_ = header_numbers(self._reader, "the number of atoms", (1, 2))
        n = whole_number(self._reader, first, "the number of atoms")
        check_atom_count(self._reader, n)
        atoms = [self._atom(self._line()) for _ in range(n)]
        if keep:
            self.z, self.xyz = [z for z, _ in atoms], [xyz for _, xyz in atoms]

    def _atom_lines(self) -> str:
        """Read the atoms after ATOMS, whose number is not given; return the line after them."""
        while not (line := self._line()).upper().startswith("BEGIN"):
            check_atom_count(self._reader, len(self.z) + 1)
            z, xyz = self._atom(line)
            self.z.append(z)
            self.xyz.append(xyz)
        return line

    def _atom(self, line: str) -> tuple[int, list[float]]:
        """Return atomic number and position of an atom line; forces after them are passed over."""
        words = line.split()
        numbers = parse_numbers(" ".join(words[1:4]).encode())
        if numbers is None or len(numbers) != 3 or not np.isfinite(numbers).all():
            raise self._reader.refusal(line, "an atom is expected here", "element and x y z in Å")
        return atomic_number(self._reader, words[0]), [float(number) for number in numbers]


def _grid_frame(reader: TextReader) -> tuple[tuple[int, int, int], NDArray[np.float64], NDArray[np.float64]]:
    """Read counts, origin and spanning vectors of a data grid; return shape, origin (3,) and vectors (3, 3) in Å."""
    expected = "the numbers of points along the three axes"
    nx, ny, nz = (whole_number(reader, n, expected) for n in header_numbers(reader, expected, (3,)))
    check_shape((nx, ny, nz), f"{reader.name}, line {reader.line_number}")
    origin = np.array(header_numbers(reader, "the grid's origin", (3,)))
    lattice = np.array([header_numbers(reader, "a spanning vector of the grid", (3,)) for _ in range(3)])
    check_lattice(lattice, f"{reader.name}, line {reader.line_number}")
    return (nx, ny, nz), origin, lattice


def _check_end(reader: TextReader, points: int) -> tuple[Finding, ...]:
    """Check that the values end where they should, read to the end of the file, and report further grids."""
    further, first = 0, True
    tail = b""
    for block in reader.rest():
        text = tail + block
        if first and (start := text.lstrip()):
            first = False
            if not start.upper().startswith(b"END_DATAGRID"):
                raise _wrong_end(reader, start, points)
        further += text.upper().count(b"BEGIN_DATAGRID_3D")
        tail = text[-(len(b"BEGIN_DATAGRID_3D") - 1) :]
    if first:
        raise _wrong_end(reader, b"", points)
    if not further:
        return ()
    message = f"the file has {further} more data grids, which were ignored; the first one was read"
    return (Finding("ignored_blocks", message, {"grids": further}, warning=True),)


def _wrong_end(reader: TextReader, text: bytes, points: int) -> InvalidInput:
    reason = f"END_DATAGRID_3D is expected after the {points} values of the grid"
    return reader.refusal(text[:80], reason, f"{points} values and END_DATAGRID_3D")
