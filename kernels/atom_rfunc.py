"""atom_rfunc (physics.md §7): a radial function around every atom near the top, weighted by its height."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.descriptor import AtomMap, Records, below_zero, pack

TOP_RADIUS = 1.4  # Å: an atom of this van der Waals radius at the highest centre has height 0


@dataclass(frozen=True)
class AtomRfunc(AtomMap):
    """zmin Å, how deep atoms may lie; r_max Å, where the function ends."""

    NAME: ClassVar[str] = "atom_rfunc"
    zmin: float = -1.5
    r_max: float = 10.0

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """x, y, ln weight, 0 of the atoms that count."""
        z, molecule = atoms.xyz[:, 2], atoms.molecule
        height = z - atoms.top(z)[molecule] + atoms.vdw_radius - TOP_RADIUS
        counts = height > self.zmin
        weight = np.log(1 - height[counts] / self.zmin)
        columns = [xy[counts, 0], xy[counts, 1], weight, np.zeros_like(weight)]
        return pack(columns, molecule[counts], atoms.molecules)

    def parameters(self) -> tuple[float, ...]:
        """r_max."""
        return (self.r_max,)
