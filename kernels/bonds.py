"""bonds (physics.md §7): a rod along every bond near the top."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.bonding import bonded
from kernels.descriptor import Records, below_zero, pack
from kernels.radial import RadialFunction, RadialMap

VERTICAL = 1e-6  # Å: a projected bond shorter than this has no direction


@dataclass(frozen=True)
class Bonds(RadialMap):
    """zmin Å, how deep a bond may lie; r_max Å, where its function ends; ellipticity, how much its length counts.

    radial: another function than exp(−5r).
    """

    NAME: ClassVar[str] = "bonds"
    zmin: float = -1.5
    r_max: float = 10.0
    ellipticity: float = 0.5
    radial: RadialFunction | None = None

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """x1, y1, z1 below the top, projected length; direction x, y, rise per Å, 0."""
        bonds = bonded(atoms.xyz, atoms.covalent_radius, atoms.offsets) if atoms.bonds is None else atoms.bonds
        first, second = bonds.T
        z = atoms.xyz[:, 2] - atoms.top(atoms.xyz[:, 2])[atoms.molecule]
        along = xy[second] - xy[first]
        length = np.hypot(along[:, 0], along[:, 1])
        upright = length < VERTICAL
        per_length = np.where(upright, 0.0, 1 / np.where(upright, 1.0, length))
        start = np.where(upright, np.maximum(z[first], z[second]), z[first])
        columns = [
            xy[first, 0], xy[first, 1], start, np.where(upright, 0.0, length),
            along[:, 0] * per_length, along[:, 1] * per_length, (z[second] - z[first]) * per_length,
            np.zeros_like(length),
        ]  # fmt: skip
        return pack(columns, atoms.molecule[first], atoms.molecules)

    def numbers(self) -> tuple[float, ...]:
        """zmin, r_max, ellipticity."""
        return (self.zmin, self.r_max, self.ellipticity)
