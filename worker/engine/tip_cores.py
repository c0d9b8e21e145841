"""Spherical cores of a tip's atoms: its electrons before they formed bonds, in the simplest way (physics.md §8)."""

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.grid import Grid
from afmbatch.grids.valence import usual_valence


def core_electrons(density: Grid, radius: float) -> NDArray[np.float32]:
    """Return the density of spherical cores at the atoms of a tip, f4 of the grid's shape, e/Å³.

    A core is (1 − r²/radius²)² within radius, Å. The atoms share the electrons of the density as their usual numbers
    of valence electrons say, so that the difference of density and cores is neutral.
    """
    valence = np.array([usual_valence(z) for z in density.z.tolist()], float)
    electrons = valence / valence.sum() * density.integral()
    cores = np.zeros(density.shape)
    for xyz, number in zip(density.xyz, electrons, strict=True):
        core = _core(density, xyz, radius)
        cores += number / (core.sum() * density.voxel_volume) * core
    return cores.astype(np.float32)


def _core(density: Grid, xyz: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Return (1 − r²/radius²)² around a position and its periodic images, f8 of the grid's shape."""
    shape = np.array(density.shape)
    centre = (xyz - density.origin) @ np.linalg.inv(density.lattice) * shape
    half = np.array([math.ceil(radius / height * n) for height, n in zip(density.heights, shape, strict=True)])
    core = np.zeros(density.shape)
    nearest = np.rint(centre).astype(int)
    for offset in product(*(range(-n - 1, n + 2) for n in half.tolist())):
        index = nearest + offset
        r2 = float((((index - centre) / shape @ density.lattice) ** 2).sum())
        if r2 < radius**2:
            core[tuple(index % shape)] += (1 - r2 / radius**2) ** 2
    return core
