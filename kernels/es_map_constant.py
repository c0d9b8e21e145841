"""es_map_constant (physics.md §7): the vertical electric field of the atoms' charges on a plane above them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.descriptor import AtomMap, Records, below_zero, pack
from kernels.errors import InvalidInput
from kernels.lj_pc import COULOMB
from kernels.vdw_spheres import spheres

NEAREST = 1e-4  # Å: a plane nearer to an atom counts as this far above it, so that 1/r is a number everywhere


@dataclass(frozen=True)
class EsMapConstant(AtomMap):
    """In V/Å; height Å, of the plane above the highest atom's centre.

    vdw_cutoff Å: the field is 0 where no van der Waals sphere, r_pp Å larger than its atom, comes as near as that to
    the highest sphere's top; None: nowhere.
    """

    NAME: ClassVar[str] = "es_map_constant"
    height: float = 4.0
    vdw_cutoff: float | None = None
    r_pp: float = 0.5

    def __post_init__(self) -> None:
        if not np.isfinite(self.height):
            raise InvalidInput(f"height: must be finite, got {self.height}")
        if self.vdw_cutoff is not None:
            below_zero("vdw_cutoff", self.vdw_cutoff)

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """x, y, squared height of the plane above the atom, C·q times that height; the spheres with a cutoff."""
        z = atoms.xyz[:, 2]
        above = atoms.top(z)[atoms.molecule] + self.height - z
        columns = [xy[:, 0], xy[:, 1], np.maximum(above**2, NEAREST**2), COULOMB * atoms.charge * above]
        if self.vdw_cutoff is not None:
            columns += [*spheres(atoms, self.r_pp), np.zeros_like(z), np.zeros_like(z)]
        return pack(columns, atoms.molecule, atoms.molecules)

    def defines(self) -> dict[str, int]:
        """CUTOFF."""
        return {"CUTOFF": int(self.vdw_cutoff is not None)}

    def parameters(self) -> tuple[np.float32, ...]:
        """The cutoff, where there is one."""
        return () if self.vdw_cutoff is None else (np.float32(self.vdw_cutoff),)
