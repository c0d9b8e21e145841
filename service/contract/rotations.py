"""Directions on the sphere and the choice of the most telling ones (physics.md §6), in float64.

Only elementwise arithmetic, no matrix products: the order of summation, and with it every bit, must not depend on the
linear-algebra library of the machine.
"""

import numpy as np
from numpy.typing import NDArray

BETA_PER_ANGSTROM = 1.0


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


def best(xyz: NDArray[np.float64], rotations: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Numbers of the n rotations with the highest score Σ exp(β(z − z_max)), best first: (n,) int64.

    xyz: (N, 3) Å; rotations: (m, 3, 3), m ≥ n. Ties keep their order; scores that differ by rounding only (1e-9) count
    as ties, so that a symmetric molecule gets the same choice on every machine.
    """
    row = rotations[:, 2]
    z = row[:, :1] * xyz[:, 0] + row[:, 1:2] * xyz[:, 1] + row[:, 2:] * xyz[:, 2]
    score = np.exp(BETA_PER_ANGSTROM * (z - z.max(axis=1, keepdims=True))).sum(axis=1)
    return np.argsort(-np.round(score, 9), kind="stable")[:n]
