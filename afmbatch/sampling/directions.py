"""Directions on the sphere and the choice of the best ones for a structure (physics.md §6), in float64.

There are no matrix products, only elementwise arithmetic: the order of summation, and with it every bit of a score,
must not depend on the linear-algebra library of the machine, nor on the structures that are scored in the same call.
"""

import numpy as np
from numpy.typing import NDArray

from afmbatch.structures.structures import Structures

BETA_PER_ANGSTROM = 1.0
_WORK = 1 << 16  # numbers in each of two work arrays, which are reused and should stay in a core's cache


def directions(n: int) -> NDArray[np.float64]:
    """Return n rotations R whose third rows are spread evenly over the sphere by the golden angle: (n, 3, 3) float64.

    Positions become x' = R x.
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
    """Return rotated positions, (N, 3). xyz: (N, 3); rotation: (3, 3) for all, or (N, 3, 3), one for each position."""
    x, y, z = xyz[:, :1], xyz[:, 1:2], xyz[:, 2:]
    return rotation[..., 0] * x + rotation[..., 1] * y + rotation[..., 2] * z


def best_directions(
    structures: Structures, chosen: NDArray[np.int64], rotations: NDArray[np.float64], n: int
) -> NDArray[np.int64]:
    """Return the numbers of the n best rotations of each structure, best first: (k, n) int64.

    The score of a rotation is Σ exp(β(z − z_max)) over the atoms (physics.md §6).
    chosen: (k,) int64, numbers of structures; rotations: (m, 3, 3) float64, m ≥ n.
    Rotations with equal scores keep their order. Scores that differ by rounding only (1e-9) count as equal, so that a
    symmetric molecule gets the same rotations on every machine. The result for a structure does not depend on the
    others.
    """
    row = BETA_PER_ANGSTROM * rotations[:, 2]
    first, sizes = structures.offsets[chosen], np.diff(structures.offsets)[chosen]
    work = np.empty((2, max(_WORK, sizes.max())))
    out = np.empty((len(chosen), n), dtype=np.int64)
    remaining = np.argsort(-sizes, kind="stable")
    while len(remaining):
        # Structures of nearly equal size are scored in one call; the smaller ones repeat their last atom.
        largest = sizes[remaining[0]]
        group, remaining = np.split(remaining, [max(1, _WORK // (largest * len(row)))])
        number = np.arange(largest)[:, None]
        xyz = structures.xyz[first[group] + np.minimum(number, sizes[group] - 1)]
        score = scores(xyz, number >= sizes[group], row, work)
        out[group] = np.argsort(-np.round(score, 9), axis=1, kind="stable")[:, :n]
    return out


def scores(
    xyz: NDArray[np.float64], repeated: NDArray[np.bool_], row: NDArray[np.float64], work: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the scores of k structures along m rows: (k, m) float64.

    xyz: (N, k, 3) float64, Å.
    repeated: (N, k) bool, atoms that are ignored because they repeat another one.
    row: (m, 3) float64, third rows of the rotations times β, 1/Å.
    work: (2, at least N·k) float64, overwritten.
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
        for term_of_atom in height:  # not sum(), whose order depends on the shape
            score[:, part] += term_of_atom
    return score
