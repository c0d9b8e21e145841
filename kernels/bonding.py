"""Which atoms are bonded (physics.md §7), by distance."""

import numpy as np
import numpy.typing as npt

from kernels.atoms import Floats, Ints
from kernels.errors import InvalidInput

BOND = 1.2  # two atoms nearer than this times the sum of their covalent radii are bonded
MOST = 64  # bonds an atom, on average: more are no chemistry, and take memory that grows as the atoms' square
MANY = 300  # atoms of a molecule, from which on they are sorted into cells
CELLS = 1 << 14  # along an axis at most: cell numbers of a million molecules fit in 63 bits
AXES = np.array([CELLS**2, CELLS, 1])  # how far apart the numbers of neighbouring cells are
AROUND = [0, *(int(n) for n in (np.indices((3, 3, 3)).reshape(3, -1).T - 1) @ AXES if n > 0)]


def bonded(xyz: Floats, covalent_radius: Floats, offsets: Ints) -> Ints:
    """(P, 2) pairs of atoms nearer than BOND times their covalent radii, first < second, by molecule and first.

    xyz (N, 3) and covalent_radius (N,) Å of molecules offsets[b]:offsets[b + 1]. Memory is linear in atoms. Raises
    InvalidInput for a large molecule with more than MOST bonds an atom.
    """
    molecule, reach = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)), BOND * covalent_radius
    if int(np.diff(offsets).max()) < MANY:
        first, second = _all_pairs(xyz, reach, molecule, int(np.diff(offsets).max()))
    else:
        first, second = _neighbours(xyz, reach, molecule)
    order = np.lexsort((second, first))
    return np.stack((first[order], second[order]), axis=1)


def _near(
    xyz: Floats, reach: Floats, molecule: Ints, first: Ints | slice, second: Ints | slice
) -> npt.NDArray[np.bool_]:
    x, y, z = ((xyz[second, axis] - xyz[first, axis]) ** 2 for axis in range(3))
    near = x + y + z < (reach[second] + reach[first]) ** 2
    return np.asarray(near & (molecule[second] == molecule[first]))


def _all_pairs(xyz: Floats, reach: Floats, molecule: Ints, most: int) -> tuple[Ints, Ints]:
    """Each atom is compared with the one `ahead` places later, for all molecules at once."""
    columns = np.ascontiguousarray(xyz.T).T
    found = [
        np.flatnonzero(_near(columns, reach, molecule, slice(None, -ahead), slice(ahead, None)))
        for ahead in range(1, most)
    ]
    first = np.concatenate([*found, np.zeros(0, np.int64)])
    return first, first + np.repeat(np.arange(1, len(found) + 1), [len(pairs) for pairs in found])


def _neighbours(xyz: Floats, reach: Floats, molecule: Ints) -> tuple[Ints, Ints]:
    """Each atom is compared with those after it in its cell and with those of half the cells around: one of each cell
    at a time, so that memory stays linear."""
    above = xyz - xyz.min(axis=0)
    size = max(2.000001 * reach.max(), above.max() / (CELLS - 2), 1e-9)
    cell = (above / size).astype(np.int64) @ AXES + molecule * CELLS**3
    order = np.argsort(cell, kind="stable")
    cell = cell[order]
    found, bonds = [], 0
    for neighbour in AROUND:
        at = np.arange(len(cell)) + 1 if neighbour == 0 else np.searchsorted(cell, cell + neighbour)
        end = np.searchsorted(cell, cell + neighbour, side="right")
        left = np.flatnonzero(at < end)
        while len(left):
            one, other = order[left], order[at[left]]
            near = _near(xyz, reach, molecule, one, other)
            found.append((one[near], other[near]))
            bonds += len(found[-1][0])
            if bonds > MOST * len(xyz):
                raise InvalidInput(f"xyz: more than {MOST} bonds an atom: the atoms are too close to each other")
            at[left] += 1
            left = left[at[left] < end[left]]
    pairs = np.concatenate([np.zeros((2, 0), np.int64), *map(np.stack, found)], axis=1)
    return pairs.min(axis=0), pairs.max(axis=0)
