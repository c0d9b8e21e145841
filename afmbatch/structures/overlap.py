"""Atoms on top of each other: the pair that gives a broken structure away."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

TOO_CLOSE = 0.3  # Å; the shortest bond, in H2, is 0.74
SMALL = 128  # up to this many atoms all pairs are cheaper than cells
CELL = TOO_CLOSE / 2  # its diagonal is shorter than TOO_CLOSE: two atoms in a cell are too close without measuring


def too_close(xyz: NDArray[np.float64]) -> tuple[int, int] | None:
    """A pair of atoms (i < j) nearer than TOO_CLOSE, None if there is none. xyz: (n, 3), Å, finite."""
    return _by_pairs(xyz) if len(xyz) <= SMALL else _by_cells(xyz)


def nearest_image(lattice: NDArray[np.float64], npbc: tuple[int, int, int]) -> float:
    """How near the images of an atom come to each other, Å: −a…a, −b…b, −c…c along the vectors of lattice (3, 3).

    There are none along a vector of zeros; infinite where there are none at all.
    """
    most = [2 * n if vector.any() else 0 for n, vector in zip(npbc, lattice, strict=True)]
    steps = np.array(list(product(range(most[0] + 1), *(range(-n, n + 1) for n in most[1:]))))
    apart = np.linalg.norm(steps[steps.any(axis=1)] @ lattice, axis=1)
    return float(apart.min(initial=np.inf))


def _by_pairs(xyz: NDArray[np.float64]) -> tuple[int, int] | None:
    d = xyz[:, None] - xyz
    near = np.einsum("ijk,ijk->ij", d, d) < TOO_CLOSE**2
    if np.count_nonzero(near) == len(xyz):  # each atom is near itself
        return None
    i, j = np.argwhere(np.triu(near, 1))[0]
    return int(i), int(j)


def _by_cells(xyz: NDArray[np.float64]) -> tuple[int, int] | None:
    """In O(n log n) for any input: once no cell holds two atoms, 62 neighbour cells hold at most one each."""
    cells = np.floor((xyz - xyz.min(axis=0)) / CELL).astype(np.int64)
    ny, nz = cells.max(axis=0)[1:] + 1
    keys = (cells[:, 0] * ny + cells[:, 1]) * nz + cells[:, 2]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    shared = np.flatnonzero(keys[1:] == keys[:-1])
    if len(shared):
        return _pair(order, shared[0], shared[0] + 1)
    for dx, dy, dz in product(range(3), range(-2, 3), range(-2, 3)):
        step = (dx * ny + dy) * nz + dz
        if step <= 0:  # neighbours on that side find this cell from theirs
            continue
        there = np.searchsorted(keys, keys + step)
        # a step off the edge may meet a cell far away: distances are measured, none is missed
        here = np.flatnonzero(keys[np.minimum(there, len(keys) - 1)] == keys + step)
        d = xyz[order[here]] - xyz[order[there[here]]]
        near = np.flatnonzero(np.einsum("ik,ik->i", d, d) < TOO_CLOSE**2)
        if len(near):
            return _pair(order, here[near[0]], there[here[near[0]]])
    return None


def _pair(order: NDArray[np.int64], a: int, b: int) -> tuple[int, int]:
    i, j = sorted((int(order[a]), int(order[b])))
    return i, j
