"""Bonds between atoms are found by distance (physics.md §7)."""

import numpy as np
import numpy.typing as npt

from kernels.atoms import Floats, Ints
from kernels.errors import InvalidInput

BOND_FACTOR = 1.2  # two atoms nearer than this times the sum of their covalent radii are bonded
MAX_BONDS_PER_ATOM = 64  # on average; molecules have fewer, and unlimited pairs would grow as the square of the atoms
MIN_CELL_LIST_ATOMS = 300  # from this size on, molecules are searched with a cell list
MAX_CELLS = 1 << 14  # along an axis, so that the cell numbers of a million molecules fit in 63 bits
CELL_STRIDES = np.array([MAX_CELLS**2, MAX_CELLS, 1])  # between the numbers of neighbouring cells along each axis
# The differences between the number of a cell and those of itself and of half of its 26 neighbours.
HALF_NEIGHBOURS = [0, *(int(n) for n in (np.indices((3, 3, 3)).reshape(3, -1).T - 1) @ CELL_STRIDES if n > 0)]


def find_bonds(xyz: Floats, covalent_radius: Floats, offsets: Ints) -> Ints:
    """Return the pairs of atoms nearer than BOND_FACTOR times the sum of their covalent radii, (P, 2) i8.

    xyz: (N, 3) f8, Å.
    covalent_radius: (N,) f8, Å.
    offsets: (B + 1,) i8; molecule b has the atoms from offsets[b] to offsets[b + 1].

    Pairs have first < second and are sorted. Memory is linear in the number of atoms. Raises InvalidInput if large
    molecules have more than MAX_BONDS_PER_ATOM on average.
    """
    molecule, reach = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)), BOND_FACTOR * covalent_radius
    largest = int(np.diff(offsets).max())
    if largest < MIN_CELL_LIST_ATOMS:
        first, second = _compare_all(xyz, reach, molecule, largest)
    else:
        first, second = _compare_neighbours(xyz, reach, molecule)
    order = np.lexsort((second, first))
    return np.stack((first[order], second[order]), axis=1)


def _near(
    xyz: Floats, reach: Floats, molecule: Ints, first: Ints | slice, second: Ints | slice
) -> npt.NDArray[np.bool_]:
    """Return for each pair of a first and a second atom if the two are bonded."""
    x, y, z = ((xyz[second, axis] - xyz[first, axis]) ** 2 for axis in range(3))
    near = x + y + z < (reach[second] + reach[first]) ** 2
    return np.asarray(near & (molecule[second] == molecule[first]))


def _compare_all(xyz: Floats, reach: Floats, molecule: Ints, largest: int) -> tuple[Ints, Ints]:
    """Compare each atom with the one `offset` places later, for all molecules at once and every offset."""
    columns = np.ascontiguousarray(xyz.T).T
    found = [
        np.flatnonzero(_near(columns, reach, molecule, slice(None, -offset), slice(offset, None)))
        for offset in range(1, largest)
    ]
    first = np.concatenate([*found, np.zeros(0, np.int64)])
    return first, first + np.repeat(np.arange(1, len(found) + 1), [len(pairs) for pairs in found])


def _compare_neighbours(xyz: Floats, reach: Floats, molecule: Ints) -> tuple[Ints, Ints]:
    """Compare each atom with the later ones in its cell and with those in half of the neighbouring cells.

    One atom of each cell is compared at a time, so that memory stays linear.
    """
    above = xyz - xyz.min(axis=0)
    size = max(2.000001 * reach.max(), above.max() / (MAX_CELLS - 2), 1e-9)
    cell = (above / size).astype(np.int64) @ CELL_STRIDES + molecule * MAX_CELLS**3
    order = np.argsort(cell, kind="stable")
    cell = cell[order]
    found, bonds = [], 0
    for neighbour in HALF_NEIGHBOURS:
        at = np.arange(len(cell)) + 1 if neighbour == 0 else np.searchsorted(cell, cell + neighbour)
        end = np.searchsorted(cell, cell + neighbour, side="right")
        left = np.flatnonzero(at < end)
        while len(left):
            one, other = order[left], order[at[left]]
            near = _near(xyz, reach, molecule, one, other)
            found.append((one[near], other[near]))
            bonds += len(found[-1][0])
            if bonds > MAX_BONDS_PER_ATOM * len(xyz):
                raise InvalidInput(
                    f"xyz: more than {MAX_BONDS_PER_ATOM} bonds an atom on average: the atoms are too close together"
                )
            at[left] += 1
            left = left[at[left] < end[left]]
    pairs = np.concatenate([np.zeros((2, 0), np.int64), *map(np.stack, found)], axis=1)
    return pairs.min(axis=0), pairs.max(axis=0)
