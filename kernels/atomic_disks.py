"""atomic_disks (physics.md §7): a cone on every atom near the top, as wide as its covalent radius."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.descriptor import AtomMap, Records, below_zero, pack
from kernels.errors import InvalidInput


@dataclass(frozen=True)
class AtomicDisks(AtomMap):
    """zmin and zmax_s Å: how deep atoms' centres and, in mode 'sphere', their spheres' tops may lie; r_pp Å."""

    NAME: ClassVar[str] = "atomic_disks"
    zmin: float = -1.2
    zmax_s: float = -1.2
    r_pp: float = -0.5
    mode: Literal["sphere", "center"] = "sphere"

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)
        if self.mode not in ("sphere", "center"):
            raise InvalidInput(f"mode: 'sphere' or 'center', got {self.mode!r}")

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """x, y, weight, 1 / covalent radius of the atoms that count."""
        z, molecule = atoms.xyz[:, 2], atoms.molecule
        sphere = z + atoms.vdw_radius + self.r_pp
        depth = atoms.top(z)[molecule] - z + (1 if self.mode == "center" else 0)
        counts = (depth < -self.zmin) & (atoms.covalent_radius > 0)
        if self.mode == "sphere":
            counts &= atoms.top(sphere)[molecule] - sphere < -self.zmax_s
        weight = 1 - depth[counts] / -self.zmin
        columns = [xy[counts, 0], xy[counts, 1], weight, 1 / atoms.covalent_radius[counts]]
        return pack(columns, molecule[counts], atoms.molecules)

    def parameters(self) -> tuple[np.float32, ...]:
        """None: the atoms' weights hold them."""
        return ()
