"""Gaussian cube files.

ASE's reader fails on the negative counts of ångström files and on some second comment lines, lets NaN pass, and takes
27 times the memory of the float32 grid; so cube files are read here.
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.end_points import remove_end_points
from afmbatch.grids.files import file_name
from afmbatch.grids.filling import ValueOrder, check_shape, fill_grid
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.readers.base import (
    NUMBER,
    GridReading,
    atom_arrays,
    atomic_number,
    check_atom_count,
    check_lattice,
    header_numbers,
    required,
    whole_number,
)
from afmbatch.grids.text_reader import TextReader
from afmbatch.grids.units import BOHR, angstrom_factor, atomic_factor
from afmbatch.structures.readers.base import Readable

#: Two comment lines, then four lines of an integer and three numbers.
HEADER = re.compile(rb"[^\n]*\n[^\n]*\n(?:[ \t]*[-+]?\d+(?:[ \t]+" + NUMBER + rb"){3}(?:[ \t]+\d+)?[ \t]*\r?\n){4}")


class CubeReader:
    """Reads Gaussian cube files.

    Positive point counts mean bohr, and values per bohr³ or in Hartree; negative counts mean Å, and values per Å³ or
    in V or eV. A negative atom count announces one more line with the numbers of orbitals.
    """

    format = "Gaussian cube"

    def accepts_name(self, name: str) -> bool:
        """Return whether the name ends with .cube or .cub."""
        return file_name(name).lower().endswith((".cube", ".cub"))

    def recognises(self, head: bytes) -> bool:
        """Return whether four lines of an integer and three numbers follow two comment lines."""
        return HEADER.match(head) is not None

    def read(self, file: Readable, name: str, quantity: Quantity | None) -> Iterator[GridReading]:
        """Yield the one grid of a cube file. Raises InvalidInput."""
        quantity = required(quantity, name)
        reader = TextReader(file, name)
        for _ in range(2):
            reader.line("a comment line")
        expected = "the number of atoms and the origin"
        count, *start = header_numbers(reader, expected, (4, 5))
        n = whole_number(reader, count, "the number of atoms")
        check_atom_count(reader, abs(n))
        if start[3:] not in ([], [1.0]):
            raise reader.refusal(str(start[3]), "the file has several values for each grid point", "one value")
        shape, steps, unit = _axes(reader)
        atoms = [header_numbers(reader, "atomic number, charge and position", (5,)) for _ in range(abs(n))]
        z = [atomic_number(reader, str(whole_number(reader, atom[0], "the atomic number"))) for atom in atoms]
        if n < 0:
            _check_orbital_line(reader)

        factor = atomic_factor(quantity) if unit == BOHR else angstrom_factor(quantity)
        points = int(np.prod(shape))
        values = fill_grid(shape, reader.values(points), ValueOrder.Z_FASTEST, factor, name)
        for block in reader.rest():
            if not block.isspace():
                reason = f"the file has more than the {points} values of its {'×'.join(map(str, shape))} points"
                raise reader.refusal(block.split()[0], reason, f"{points} values")
        values, findings = remove_end_points(values, usual=False)
        numbers, xyz = atom_arrays(z, [atom[2:] for atom in atoms])
        lattice = steps * np.array(values.shape)[:, None] * unit
        yield GridReading(
            "", Grid(values, np.array(start[:3]) * unit, lattice, numbers, xyz * unit, quantity.canonical), findings
        )


def _axes(reader: TextReader) -> tuple[tuple[int, int, int], NDArray[np.float64], float]:
    """Read point counts and voxel vectors; return shape, vectors (3, 3) in the file's unit, and that unit in Å."""
    rows = [header_numbers(reader, "the number of points along an axis and a voxel vector", (4,)) for _ in range(3)]
    counts = [whole_number(reader, row[0], "the number of points") for row in rows]
    if len({count < 0 for count in counts}) > 1:
        reason = "the numbers of points have different signs, so that the unit of length is unclear"
        raise reader.refusal(" ".join(map(str, counts)), reason, "positive counts for bohr, negative ones for Å")
    shape = (abs(counts[0]), abs(counts[1]), abs(counts[2]))
    check_shape(shape, f"{reader.name}, line {reader.line_number}")
    steps = np.array([row[1:] for row in rows])
    unit = 1.0 if counts[0] < 0 else BOHR
    check_lattice(steps * np.array(shape)[:, None] * unit, f"{reader.name}, line {reader.line_number}")
    return shape, steps, unit


def _check_orbital_line(reader: TextReader) -> None:
    """Read the line with the number of orbitals and their indices. Raises InvalidInput unless there is one orbital."""
    line = reader.line("the number of orbitals and their numbers")
    words = line.split()
    if len(words) != 2 or words[0] != "1":
        raise reader.refusal(line, "the file holds several orbitals, or this line is damaged", "'1' and one number")
