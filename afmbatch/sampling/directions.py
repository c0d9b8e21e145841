"""Directions on the sphere and the choice of the most telling ones (physics.md §6), in float64.

Only elementwise arithmetic, no matrix products: the order of summation, and with it every bit, must not depend on the
linear-algebra library of the machine, nor on which structures are looked at pipe.
"""

import numpy as np
from numpy.typing import NDArray

from afmbatch.structures.structures import Structures

BETA_PER_ANGSTROM = 1.0
_WORK = 1 << 16  # numbers in each of two arrays that are used again and again, and should stay in a core's cache


def directions(n: int) -> NDArray[np.float64]:
    """n rotations whose third rows spread evenly over the sphere by the golden angle: (n, 3, 3).

    Positions turn as x' = R x.
    """
    i = np.arange(n)
    phi = i * (np.pi * (3.0 - np.sqrt(5.0)))
    c = np.linspace(1.0 - 1.0 / n, 1.0 / n - 1.0, n)
    s = np.sqrt(1.0 - c * c)
    zero = np.zeros(n)
    row0 = np.stack([-np.sin(phi), np.cos(phi), zero], axis=-1)
    row2 = np.stack([s * np.cos(phi), s * np.sin(phi), c], axis=-1)
    return np.stack([row0, np.cross(row2, row0), row2], axis=-2)


def rotate(xyz: NDArray[np.float64], rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (N, 3) turned by (3, 3), or by (N, 3, 3) each by its own."""
    x, y, z = xyz[:, :1], xyz[:, 1:2], xyz[:, 2:]
    return rotation[..., 0] * x + rotation[..., 1] * y + rotation[..., 2] * z


def best(
    structures: Structures, chosen: NDArray[np.int64], rotations: NDArray[np.float64], n: int
) -> NDArray[np.int64]:
    """For each structure, numbers of the n rotations with the highest score Σ exp(β(z − z_max)), best first: (k, n).

    chosen: (k,) numbers of structures; rotations: (m, 3, 3), m ≥ n. Ties keep their order; scores that differ by
    rounding only (1e-9) count as ties, so that a symmetric molecule gets the same choice on every machine. A
    structure's choice is the same alone and among others.
    """
    row = BETA_PER_ANGSTROM * rotations[:, 2]
    first, size = structures.offsets[chosen], np.diff(structures.offsets)[chosen]
    work = np.empty((2, max(_WORK, size.max())))
    out = np.empty((len(chosen), n), dtype=np.int64)
    left = np.argsort(-size, kind="stable")
    while len(left):
        # Structures of nearly equal size side by side, the smaller ones filled up with repetitions of their last atom.
        largest = size[left[0]]
        some, left = np.split(left, [max(1, _WORK // (largest * len(row)))])
        number = np.arange(largest)[:, None]
        xyz = structures.xyz[first[some] + np.minimum(number, size[some] - 1)]
        score = scores(xyz, number >= size[some], row, work)
        out[some] = np.argsort(-np.round(score, 9), axis=1, kind="stable")[:, :n]
    return out


def scores(
    xyz: NDArray[np.float64], repeated: NDArray[np.bool_], row: NDArray[np.float64], work: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scores of k structures along m rows: (k, m).

    xyz: (N, k, 3) Å; repeated: (N, k), the atoms that don't count, being there a second time; row: (m, 3);
    work: (2, at least N·k), overwritten.
    """
    n, k = repeated.shape
    score = np.zeros((k, len(row)))
    width = max(1, work.shape[1] // (n * k))
    for start in range(0, len(row), width):
        part = slice(start, start + width)
        x, y, z = np.ascontiguousarray(row[part].T)
        height, term = (w[: n * k * len(x)].reshape(n, k, len(x)) for w in work)
        np.multiply(xyz[..., :1], x, out=height)
        height += np.multiply(xyz[..., 1:2], y, out=term)
        height += np.multiply(xyz[..., 2:], z, out=term)
        height -= height.max(axis=0)
        np.exp(height, out=height)
        height[repeated] = 0.0
        for atom in height:  # not sum(), whose order depends on the shape
            score[:, part] += atom
    return score
