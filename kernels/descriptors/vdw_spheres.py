"""vdw_spheres (physics.md §7): the height of van der Waals spheres below the highest one's top."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.descriptors.base import DESCRIPTORS, AtomMap, Records, pack, require_below_zero


@DESCRIPTORS.register
@dataclass(frozen=True)
class VdwSpheres(AtomMap):
    """The height, Å, of van der Waals spheres relative to the highest sphere's top."""

    KIND: ClassVar[str] = "vdw_spheres"
    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    #: The lowest value of the map, Å, below 0.
    zmin: float
    #: A length added to every van der Waals radius, Å.
    r_pp: float

    def __post_init__(self) -> None:
        require_below_zero("zmin", self.zmin)

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """Return x, y, height below the top and squared radius of each sphere."""
        return pack([xy[:, 0], xy[:, 1], *spheres(atoms, self.r_pp)], atoms.molecule, atoms.molecules)

    def parameters(self) -> tuple[np.float32, ...]:
        """Return zmin."""
        return (np.float32(self.zmin),)


def spheres(atoms: Atoms, r_pp: float) -> tuple[Floats, Floats]:
    """Return the spheres of van der Waals radius + r_pp of all atoms.

    - (N,) f8, Å, the height of each centre relative to the top of its molecule's highest sphere.
    - (N,) f8, Å², the squared radius; 0 if the radius is negative.
    """
    radius = atoms.vdw_radius + r_pp
    top = atoms.top(atoms.xyz[:, 2] + radius)[atoms.molecule]
    return atoms.xyz[:, 2] - top, radius.clip(min=0) ** 2
