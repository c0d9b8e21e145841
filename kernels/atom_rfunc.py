"""atom_rfunc (physics.md §7): a radial function around every atom near the top, weighted by its height."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.descriptor import Records, below_zero, pack
from kernels.radial import RadialFunction, RadialMap

TOP_RADIUS = 1.4  # Å: an atom of this van der Waals radius at the highest centre has height 0


@dataclass(frozen=True)
class AtomRfunc(RadialMap):
    """zmin Å, how deep atoms may lie; r_max Å, where the function ends; radial, another one than exp(−5ρ)."""

    NAME: ClassVar[str] = "atom_rfunc"
    zmin: float = -1.5
    r_max: float = 10.0
    radial: RadialFunction | None = None

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """x, y, ln weight, weight of the atoms that count."""
        z, molecule = atoms.xyz[:, 2], atoms.molecule
        height = z - atoms.top(z)[molecule] + atoms.vdw_radius - TOP_RADIUS
        counts = height > self.zmin
        weight = 1 - height[counts] / self.zmin
        columns = [xy[counts, 0], xy[counts, 1], np.log(weight), weight]
        return pack(columns, molecule[counts], atoms.molecules)

    def numbers(self) -> tuple[float, ...]:
        """r_max."""
        return (self.r_max,)
