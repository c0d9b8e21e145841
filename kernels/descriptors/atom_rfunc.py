"""atom_rfunc (physics.md §7): a radial function around every atom near the top, weighted by its height."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.descriptors.base import DESCRIPTORS, Records, pack, require_below_zero
from kernels.descriptors.radial import RadialFunction, RadialMap

TOP_RADIUS = 1.4  # Å: the highest atom has height 0 if this is its van der Waals radius (the constant of physics.md §7)


@DESCRIPTORS.register
@dataclass(frozen=True)
class AtomRfunc(RadialMap):
    """A radial function around every atom near the top."""

    KIND: ClassVar[str] = "atom_rfunc"
    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    #: The depth at which an atom has faded out, Å, below 0.
    zmin: float
    #: The lateral distance at which the function ends, Å.
    r_max: float
    #: The function; None: exp(−5ρ).
    function: RadialFunction | None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_below_zero("zmin", self.zmin)

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """Return x, y, ln weight and weight of the atoms near the top."""
        z, molecule = atoms.xyz[:, 2], atoms.molecule
        height = z - atoms.top(z)[molecule] + atoms.vdw_radius - TOP_RADIUS
        near_top = height > self.zmin
        weight = 1 - height[near_top] / self.zmin
        columns = [xy[near_top, 0], xy[near_top, 1], np.log(weight), weight]
        return pack(columns, molecule[near_top], atoms.molecules)

    def numbers(self) -> tuple[float, ...]:
        """Return r_max."""
        return (self.r_max,)
