"""vdw_spheres (physics.md §7): the height of van der Waals spheres below the highest one's top."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.descriptor import AtomMap, Records, below_zero, pack


@dataclass(frozen=True)
class VdwSpheres(AtomMap):
    """zmin Å, where the map ends below the top; r_pp Å, added to the atoms' van der Waals radii."""

    NAME: ClassVar[str] = "vdw_spheres"
    zmin: float = -1.5
    r_pp: float = -0.5

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """x, y, height below the top, squared radius."""
        return pack([xy[:, 0], xy[:, 1], *spheres(atoms, self.r_pp)], atoms.molecule, atoms.molecules)

    def parameters(self) -> tuple[np.float32, ...]:
        """zmin."""
        return (np.float32(self.zmin),)


def spheres(atoms: Atoms, r_pp: float) -> tuple[Floats, Floats]:
    """(N,) each: the spheres' centres below the highest one's top, Å; squared radii, 0 where V + r_pp is below 0."""
    radius = atoms.vdw_radius + r_pp
    top = atoms.top(atoms.xyz[:, 2] + radius)[atoms.molecule]
    return atoms.xyz[:, 2] - top, radius.clip(min=0) ** 2
