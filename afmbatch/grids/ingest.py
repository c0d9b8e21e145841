"""Uploaded files to checked grids of one structure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from afmbatch.grids.checks import check_atoms, check_bonds, check_place, check_same_frame, check_sign
from afmbatch.grids.cores import clip_cores
from afmbatch.grids.electron_count import DIFFERENCE, check_electron_count, check_not_density
from afmbatch.grids.files import plain_files
from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.periodic import gather_molecule
from afmbatch.grids.poisson import check_poisson
from afmbatch.grids.readers import choose_reader
from afmbatch.grids.readers.base import GridReading
from afmbatch.structures.readers.base import Readable


@dataclass(frozen=True, slots=True)
class NamedGrid:
    """A grid, the name of its file and array, and the findings about it."""

    #: "file.cube", "archive.zip:file.cube", or "file.npz:rho".
    name: str
    grid: Grid
    findings: tuple[Finding, ...]
    #: The name of the array in the file, "" in formats with a single one.
    array: str = ""

    @property
    def file(self) -> str:
        """The name of the file: "file.cube", "archive.zip:file.cube" or "file.npz"."""
        return self.name.removesuffix(f":{self.array}") if self.array else self.name


def read_grids(file: BinaryIO | Readable, name: str, quantity: Quantity | None) -> Iterator[NamedGrid]:
    """Yield the grids in an uploaded file: plain, .gz, .xz, or the members of a .zip or .tar.

    file: read from its start; needs `read(n)` alone, and is copied to disk if it holds an archive and can't seek.
    quantity: what the values stand for; None if the arrays' names say so. Besides the grid itself a few MiB of memory
    are used. Raises InvalidInput, TooLarge.
    """
    for plain_name, plain in plain_files(file, name):
        reader = choose_reader(plain_name, plain.head())
        for reading in reader.read(plain, plain_name, quantity):
            named = _named(plain_name, reading)
            del reading  # else this grid would still be in memory while the next one is read
            yield named
            del named


def _named(file: str, reading: GridReading) -> NamedGrid:
    name = f"{file}:{reading.array}" if reading.array else file
    return NamedGrid(name, reading.grid, reading.findings, reading.array)


def check_grid(named: NamedGrid) -> NamedGrid:
    """Return the grid with the findings of all checks that need no other grid. Raises InvalidInput."""
    grid, name = named.grid, named.name
    check_atoms(grid, name)
    bonds = check_bonds(grid, name)
    if grid.quantity is Quantity.POTENTIAL:
        check_not_density(grid, name)
        found = check_sign(grid, name) + check_place(grid, name)
    else:
        found = check_electron_count(grid, name)
        # the largest value of a difference of densities may lie anywhere
        if found[0].subject != DIFFERENCE:
            found += check_place(grid, name)
    return replace(named, findings=named.findings + bonds + found)


def prepare_sample(grids: Sequence[NamedGrid]) -> tuple[NamedGrid, ...]:
    """Check the grids of one structure, alone and against each other, and prepare them for use as a sample.

    Cores are clipped, and a structure across the edge of its cell is brought into one piece, in all grids alike; both
    change the values in place. Raises InvalidInput.
    """
    checked = [check_grid(named) for named in grids]
    for other in checked[1:]:
        check_same_frame(checked[0].grid, checked[0].name, other.grid, other.name)
    densities = [c for c in checked if c.grid.quantity is Quantity.ELECTRONS and not is_difference(c)]
    potentials = [c for c in checked if c.grid.quantity is Quantity.POTENTIAL]
    between: tuple[Finding, ...] = ()
    if densities and potentials:
        between = check_poisson(densities[0].grid, potentials[0].grid, potentials[0].name)
    prepared = []
    for named in checked:
        clipped = clip_cores(named.grid)
        # all take the atoms of the first: positions that differ by rounding could be cut differently
        grid, gathered = gather_molecule(replace(named.grid, xyz=checked[0].grid.xyz))
        comparison = between if potentials and named is potentials[0] else ()
        prepared.append(replace(named, grid=grid, findings=named.findings + clipped + gathered + comparison))
    return tuple(prepared)


def is_difference(named: NamedGrid) -> bool:
    """Return whether a checked density is a difference of densities."""
    return any(finding.subject == DIFFERENCE for finding in named.findings)
