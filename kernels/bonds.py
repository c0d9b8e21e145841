"""bonds (physics.md §7): a rod along every bond near the top."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats, Ints
from kernels.descriptor import AtomMap, Records, below_zero, pack

BOND = 1.2  # two atoms nearer than this times the sum of their covalent radii are bonded
VERTICAL = 1e-6  # Å: a projected bond shorter than this has no direction


@dataclass(frozen=True)
class Bonds(AtomMap):
    """zmin Å, how deep a bond may lie; r_max Å, where its function ends; ellipticity, how much its length counts."""

    NAME: ClassVar[str] = "bonds"
    zmin: float = -1.5
    r_max: float = 10.0
    ellipticity: float = 0.5

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

    def parameters(self) -> tuple[float, ...]:
        """zmin, r_max, ellipticity."""
        return (self.zmin, self.r_max, self.ellipticity)


def bonded(xyz: Floats, covalent_radius: Floats, offsets: Ints) -> Ints:
    """(P, 2) pairs of atoms nearer than BOND times their covalent radii, first < second, by molecule and first.

    xyz (N, 3) and covalent_radius (N,) Å of molecules offsets[b]:offsets[b + 1]. Each atom is compared with the one
    `ahead` places later, for all molecules at once: memory stays linear in atoms.
    """
    molecule, reach = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)), BOND * covalent_radius
    x, y, z = np.ascontiguousarray(xyz.T)
    found = []
    for ahead in range(1, int(np.diff(offsets).max())):
        square = (x[ahead:] - x[:-ahead]) ** 2 + (y[ahead:] - y[:-ahead]) ** 2 + (z[ahead:] - z[:-ahead]) ** 2
        near = (square < (reach[ahead:] + reach[:-ahead]) ** 2) & (molecule[ahead:] == molecule[:-ahead])
        found.append(np.flatnonzero(near))
    first = np.concatenate([*found, np.zeros(0, np.int64)])
    second = first + np.repeat(np.arange(1, len(found) + 1), [len(pairs) for pairs in found])
    order = np.lexsort((second, first))
    return np.stack((first[order], second[order]), axis=1)
