"""CHGCAR, CHG, AECCAR and LOCPOT files of VASP.

ASE reads a CHGCAR right at a fifth of this speed, but divides LOCPOT by the cell's volume, too, and needs a plain file
on disk and VASP 5's line of element symbols.
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.files import file_name
from afmbatch.grids.filling import ValueOrder, check_shape, fill_grid
from afmbatch.grids.finding import Finding
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
from afmbatch.grids.refusal import refusal
from afmbatch.grids.text_reader import TextReader
from afmbatch.grids.units import angstrom_factor
from afmbatch.structures.readers.base import Readable

#: A comment line, one or three scale factors, three lattice vectors.
HEADER = re.compile(
    rb"[^\n]*\n[ \t]*" + NUMBER + rb"(?:(?:[ \t]+" + NUMBER + rb"){2})?[ \t]*\r?\n"
    rb"(?:[ \t]*" + NUMBER + rb"(?:[ \t]+" + NUMBER + rb"){2}[ \t]*\r?\n){3}"
)
DENSITY_NAMES = ("CHG", "AECCAR", "PARCHG")
POTENTIAL_NAMES = ("LOCPOT",)


class VaspReader:
    """Reads VASP's volumetric files. Densities are stored times the cell's volume, x changes fastest."""

    format = "VASP CHGCAR or LOCPOT"

    def accepts_name(self, name: str) -> bool:
        """Return whether the name is or begins with that of a volumetric file of VASP, or ends with .vasp."""
        last = file_name(name)
        return last.upper().startswith(DENSITY_NAMES + POTENTIAL_NAMES) or last.lower().endswith(".vasp")

    def recognises(self, head: bytes) -> bool:
        """Return whether a comment, a scale factor and three lattice vectors stand at the start."""
        return HEADER.match(head) is not None

    def read(self, file: Readable, name: str, quantity: Quantity | None) -> Iterator[GridReading]:
        """Yield the first grid of a VASP file. Raises InvalidInput."""
        quantity = required(quantity, name)
        _check_name(name, quantity)
        reader = TextReader(file, name)
        lattice, z, xyz = _poscar(reader)
        expected = "the numbers of grid points along the three axes"
        counts = header_numbers(reader, expected, (0, 3)) or header_numbers(reader, expected, (3,))
        nx, ny, nz = (whole_number(reader, n, expected) for n in counts)
        check_shape((nx, ny, nz), f"{name}, line {reader.line_number}")
        factor = angstrom_factor(quantity)
        if quantity.canonical is Quantity.ELECTRONS:
            factor /= abs(float(np.linalg.det(lattice)))
        values = fill_grid((nx, ny, nz), reader.values(nx * ny * nz), ValueOrder.X_FASTEST, factor, name)
        findings = _ignored_blocks(reader, (nx, ny, nz), quantity)
        yield GridReading("", Grid(values, np.zeros(3), lattice, z, xyz, quantity.canonical), findings)


def _check_name(name: str, quantity: Quantity) -> None:
    """Raise InvalidInput if a file with VASP's own name is said to hold what VASP never writes there."""
    stem = file_name(name).upper()
    density = quantity.canonical is Quantity.ELECTRONS
    if stem.startswith(POTENTIAL_NAMES) and density:
        reason = f"a LOCPOT holds the potential energy of an electron in eV, not {quantity.value}"
        raise refusal(name, quantity.value, reason, Quantity.ELECTRON_ENERGY.value)
    if stem.startswith(DENSITY_NAMES) and not density:
        reason = f"a {stem[:6]} file holds an electron density times the cell's volume, not a potential"
        raise refusal(name, quantity.value, reason, Quantity.ELECTRONS.value)


def _poscar(reader: TextReader) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Read the structure; return lattice (3, 3) in Å, atomic numbers (n,) and positions (n, 3) in Å."""
    comment = reader.line("a comment line")
    scale = np.array(header_numbers(reader, "one or three scale factors", (1, 3)))
    lattice = np.array([header_numbers(reader, "a lattice vector", (3,)) for _ in range(3)])
    where = f"{reader.name}, line {reader.line_number}"
    check_lattice(lattice, where)
    if len(scale) == 1 and scale[0] < 0:  # the volume of the cell
        scale = (-scale / abs(np.linalg.det(lattice))) ** (1 / 3)
    lattice = lattice * scale
    check_lattice(lattice, where)

    words = reader.line("element symbols or numbers of atoms").split()
    symbols = comment.split()  # VASP 4 has no line of symbols; its comment often has them
    if words and not words[0].isdigit():
        symbols, words = words, reader.line("the numbers of atoms of each element").split()
    if not words or not all(word.isdigit() and len(word) < 7 for word in words):
        raise reader.refusal(" ".join(words), "the numbers of atoms of each element are expected here", "whole numbers")
    counts = [int(word) for word in words]
    check_atom_count(reader, sum(counts))
    if len(symbols) != len(counts):
        reason = f"{len(counts)} numbers of atoms, but {len(symbols)} element symbols"
        raise reader.refusal(" ".join(symbols), reason, "as many element symbols as numbers of atoms")
    # potentials have names such as Na_pv, C_h, or O/0123abcd
    elements = [atomic_number(reader, re.split(r"[_/.]", symbol)[0]) for symbol in symbols]
    z = [element for element, count in zip(elements, counts, strict=True) for _ in range(count)]

    mode = reader.line("'Direct' or 'Cartesian'").strip().lower()
    if mode.startswith("s"):  # selective dynamics
        mode = reader.line("'Direct' or 'Cartesian'").strip().lower()
    cartesian = mode.startswith(("c", "k"))
    rows = [reader.line("the position of an atom").split()[:3] for _ in z]
    try:
        numbers, xyz = atom_arrays(z, [[float(word) for word in row] for row in rows])
    except ValueError:
        reason = "one of the positions above is not three numbers"
        raise reader.refusal("", reason, "three numbers in a line for each atom") from None
    if not np.isfinite(xyz).all():
        raise reader.refusal("", "one of the positions above is not finite", "finite numbers")
    return lattice, numbers, xyz * scale if cartesian else xyz @ lattice


def _ignored_blocks(reader: TextReader, shape: tuple[int, int, int], quantity: Quantity) -> tuple[Finding, ...]:
    """Read to the end of the file and report what follows the first grid."""
    grid_line = re.compile(rb"(?:^|\n)[ \t]*%d[ \t]+%d[ \t]+%d[ \t]*\r?(?=\n)" % shape)
    grids, augmentation, tail = 0, False, b"\n"
    for block in reader.rest():
        text = tail + block
        matches = list(grid_line.finditer(text))
        grids += len(matches)
        augmentation = augmentation or b"augmentation" in text
        # a line cut by the block's end is searched again with the next block
        tail = text[max(len(text) - 200, matches[-1].end() if matches else 0) :]
    findings = []
    if augmentation:
        findings.append(Finding("ignored_blocks", "the augmentation occupancies after the grid were ignored"))
    if grids:
        what = "potential of the other spin" if quantity.canonical is Quantity.POTENTIAL else "spin density"
        message = f"{grids} further grids of the same size ({what}) were ignored"
        findings.append(Finding("ignored_blocks", message, {"grids": grids}))
    return tuple(findings)
