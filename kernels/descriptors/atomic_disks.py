"""atomic_disks (physics.md §7): a cone on every atom near the top, as wide as its covalent radius."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.descriptors.base import DESCRIPTORS, AtomMap, Records, pack, require_below_zero
from kernels.errors import InvalidInput


@DESCRIPTORS.register
@dataclass(frozen=True)
class AtomicDisks(AtomMap):
    """A cone on every atom near the top."""

    KIND: ClassVar[str] = "atomic_disks"
    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    #: The depth at which a disk has faded out, Å, below 0.
    zmin: float
    #: In mode 'sphere', atoms are left out if their van der Waals spheres end deeper than this below the highest, Å.
    zmax_s: float
    #: A length added to every van der Waals radius, Å.
    r_pp: float
    #: In mode 'center' depths count from 1 Å above the highest atom, in mode 'sphere' from the highest atom.
    mode: Literal["sphere", "center"]

    def __post_init__(self) -> None:
        require_below_zero("zmin", self.zmin)
        if self.mode not in ("sphere", "center"):
            raise InvalidInput(f"mode: must be 'sphere' or 'center', got {self.mode!r}")

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """Return x, y, weight and 1 / covalent radius of the atoms near the top."""
        z, molecule = atoms.xyz[:, 2], atoms.molecule
        sphere = z + atoms.vdw_radius + self.r_pp
        depth = atoms.top(z)[molecule] - z + (1 if self.mode == "center" else 0)
        near_top = (depth < -self.zmin) & (atoms.covalent_radius > 0)
        if self.mode == "sphere":
            near_top &= atoms.top(sphere)[molecule] - sphere < -self.zmax_s
        weight = 1 - depth[near_top] / -self.zmin
        columns = [xy[near_top, 0], xy[near_top, 1], weight, 1 / atoms.covalent_radius[near_top]]
        return pack(columns, molecule[near_top], atoms.molecules)

    def parameters(self) -> tuple[np.float32, ...]:
        """Return no arguments: the atoms' weights depend on all parameters."""
        return ()
