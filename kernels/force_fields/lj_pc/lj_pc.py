"""LennardJonesPointCharges: Lennard-Jones atoms and a probe particle with point charges (physics.md §2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints
from kernels.constants import COULOMB
from kernels.device.shared import share_constants, share_struct
from kernels.force_fields.base import FORCE_FIELDS, STAGE_BYTES, Arrays, ForceField, Group, PreparedForceField
from kernels.force_fields.lj_pc.multipoles import ORDER, QUADRUPOLE_UNIT, expansion_is_better, multipoles
from kernels.imaging.images import Images
from kernels.per_image_atoms import PerImageAtoms
from kernels.sample_frames import SampleFrames

ATOM_BYTES = 32  # of a row of the table `atoms`
CHUNK = 16  # atoms that a CPU processes at a time: their intermediate results stay in its first cache
MAX_STAGED_ATOMS = STAGE_BYTES // ATOM_BYTES  # that a GPU keeps in local memory
TIP = share_struct(
    "tip_t",
    [("atom_begin", "i4"), ("atom_end", "i4"), ("charge_begin", "i4"), ("charge_end", "i4"), ("top", "f4"),
     ("moment", "f4", ORDER)],
)  # fmt: skip
share_constants("lj_pc_constants", QUADRUPOLE_UNIT=QUADRUPOLE_UNIT)


@dataclass(frozen=True, eq=False)
class PreparedLennardJonesPointCharges(PreparedForceField):
    """The force field for M images.

    atoms: (ΣN, 8) f4, image by image, the atoms of each: x, y, z in Å; the charge times COULOMB and the tip's lowest
        moment; (R_i + R_p)⁶ in Å⁶; 12 √(ε_i ε_p) in eV; 0; 0.
    tips: (M,) of TIP: the ranges of each image's atoms and charges, its highest atom's z and its multipole moments.
    charges: (C, 2) f4, the tip charges that are summed one by one: charge in e, height above the probe's centre in Å.
    points: (B, 2) f8, Å, the lateral positions of the molecules' highest Lennard-Jones spheres.
    """

    file: ClassVar[Path] = Path(__file__).with_name("lj_pc.cl")

    atoms: npt.NDArray[np.float32]
    tips: npt.NDArray[Any]
    charges: npt.NDArray[np.float32]
    points: Floats

    def arrays(self) -> Arrays:
        """Return the atoms, the tips and their charges."""
        return {"force_atoms": self.atoms, "force_tips": self.tips, "force_charges": self.charges}

    def groups(self, key: str, images: Ints, lanes: int) -> tuple[list[Group], Arrays]:
        """Split images by the terms that their tips' charges need, and by where their atoms are kept.

        GPUs (one lane) keep the atoms of a molecule in local memory if they fit there.
        """
        count = (self.tips["atom_end"] - self.tips["atom_begin"])[images]
        staged = (count <= MAX_STAGED_ATOMS) & (lanes == 1)
        one_by_one = (self.tips["charge_end"] > self.tips["charge_begin"])[images]
        powers = 1 << np.arange(ORDER)
        moments = (self.tips["moment"][images] != 0) @ powers * ~one_by_one
        programs = staged + 2 * one_by_one + 4 * moments
        groups: list[Group] = []
        lists: Arrays = {}
        for program in np.unique(programs).tolist():
            chosen = programs == program
            defines = {"STAGED": program & 1, "CHARGES": program >> 1 & 1, "MOMENTS": program >> 2}
            name = f"{key}_{len(groups)}"
            lists[name] = images[chosen].astype(np.int32)
            atoms = int(count[chosen].max()) if defines["STAGED"] else 0
            defines["CHUNK"] = CHUNK if lanes > 1 else 1
            groups.append(Group(name, images[chosen], defines, max(ATOM_BYTES * atoms, 16)))
        return groups, lists

    def arguments(self, group: Group, buffers: "Mapping[str, cl.Buffer]") -> list[Any]:
        """Return the buffers of atoms, tips and charges, and the local memory for the atoms of a molecule."""
        return [*(buffers[name] for name in self.arrays()), cl.LocalMemory(group.local_bytes)]

    def highest_points(self) -> Floats:
        """Return the lateral position of the highest Lennard-Jones sphere of each molecule, (B, 2) f8, Å."""
        return self.points


@FORCE_FIELDS.register
@dataclass(frozen=True)
class LennardJonesPointCharges(ForceField):
    """A Lennard-Jones potential between each atom and the probe particle, and Coulomb's between their point charges."""

    KIND: ClassVar[str] = "lj_pc"

    def prepare(
        self, atoms: Atoms, images: Images, frames: SampleFrames | None, origin: Floats,
        per_image: PerImageAtoms | None,
    ) -> PreparedLennardJonesPointCharges:  # fmt: skip
        """Combine the probe particle of each image with the atoms of its molecule: R = R_i + R_p, ε = √(ε_i ε_p).

        The frames are not used: atoms are given as they are imaged.
        """
        count = np.diff(atoms.offsets)[images.molecule]
        end = np.cumsum(count)
        image = np.repeat(np.arange(len(images)), count)
        atom = np.arange(end[-1]) - np.repeat(end - count, count) + np.repeat(atoms.offsets[images.molecule], count)
        common = atoms.charge[atom], atoms.lj_radius[atom], atoms.lj_epsilon[atom]
        charge, lj_radius, lj_epsilon = common if per_image is None else per_image.columns(len(atom))
        expand = expansion_is_better(images.charges, images.charge_z)
        leading, moments = multipoles(images.charges * expand[:, None], images.charge_z)
        summed = (images.charges != 0) & ~expand[:, None]
        table = np.zeros((len(atom), 8), np.float32)
        table[:, :3] = atoms.xyz[atom] - origin[image]
        table[:, 3] = COULOMB * charge * leading[image]
        table[:, 4] = (lj_radius + images.lj_radius[image]) ** 6
        table[:, 5] = 12 * np.sqrt(lj_epsilon * images.lj_epsilon[image])

        tips = np.zeros(len(images), TIP)
        tips["atom_begin"], tips["atom_end"] = end - count, end
        tips["top"] = np.maximum.reduceat(table[:, 2], end - count)
        tips["moment"] = moments
        tips["charge_end"] = np.cumsum(summed.sum(axis=1))
        tips["charge_begin"][1:] = tips["charge_end"][:-1]
        charges = np.stack((images.charges[summed], images.charge_z[summed]), axis=1).astype(np.float32)
        return PreparedLennardJonesPointCharges(table, tips, charges, _highest_spheres(atoms))


def _highest_spheres(atoms: Atoms) -> Floats:
    """Return x and y of the atom of each molecule whose Lennard-Jones sphere reaches highest, (B, 2) f8, Å."""
    height = atoms.xyz[:, 2] + atoms.lj_radius
    highest = np.flatnonzero(height == atoms.top(height)[atoms.molecule])
    first = highest[np.searchsorted(atoms.molecule[highest], np.arange(atoms.molecules))]
    return np.asarray(atoms.xyz[first, :2])
