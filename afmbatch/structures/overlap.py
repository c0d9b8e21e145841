"""Pairs of atoms that are on top of each other, which broken structures have."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

TOO_CLOSE = 0.3  # Å; the shortest bond, in H2, is 0.74
SMALL = 128  # atoms up to which measuring all pairs is cheaper than cells
CELL = TOO_CLOSE / 2  # its diagonal is shorter than TOO_CLOSE: two atoms in a cell are always too close


def too_close(xyz: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return a pair of atoms (i < j) that are nearer than TOO_CLOSE, None if there is none. xyz: (n, 3), Å, finite."""
    return _by_pairs(xyz) if len(xyz) <= SMALL else _by_cells(xyz)


def nearest_image(lattice: NDArray[np.float64], npbc: tuple[int, int, int]) -> float:
    """Return the smallest distance between images of an atom, in Å, infinity if there are none.

    lattice: (3, 3), Å, rows a, b, c; npbc: the number of images each way along them. There are none along a vector of
    zeros.
    """
    last = [2 * n if vector.any() else 0 for n, vector in zip(npbc, lattice, strict=True)]
    steps = np.array(list(product(range(last[0] + 1), *(range(-n, n + 1) for n in last[1:]))))
    apart = np.linalg.norm(steps[steps.any(axis=1)] @ lattice, axis=1)
    return float(apart.min(initial=np.inf))


def _by_pairs(xyz: NDArray[np.float64]) -> tuple[int, int] | None:
    """Find a pair by measuring all distances."""
    d = xyz[:, None] - xyz
    near = np.einsum("ijk,ijk->ij", d, d) < TOO_CLOSE**2
    if np.count_nonzero(near) == len(xyz):  # each atom is near itself
        return None
    i, j = np.argwhere(np.triu(near, 1))[0]
    return int(i), int(j)


def _by_cells(xyz: NDArray[np.float64]) -> tuple[int, int] | None:
    """Find a pair in O(n log n) for any input: if no cell has two atoms, each of 62 neighbour cells has at most one."""
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
        if step <= 0:  # these neighbours find the pair from their side
            continue
        there = np.searchsorted(keys, keys + step)
        # A step beyond the edge may lead to a cell far away; distances are measured, so this does no harm.
        here = np.flatnonzero(keys[np.minimum(there, len(keys) - 1)] == keys + step)
        d = xyz[order[here]] - xyz[order[there[here]]]
        near = np.flatnonzero(np.einsum("ik,ik->i", d, d) < TOO_CLOSE**2)
        if len(near):
            return _pair(order, here[near[0]], there[here[near[0]]])
    return None


def _pair(order: NDArray[np.int64], a: int, b: int) -> tuple[int, int]:
    i, j = sorted((int(order[a]), int(order[b])))
    return i, j
