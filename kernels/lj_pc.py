"""Force model: Lennard-Jones atoms and a probe particle with point charges (physics.md §2), in the kernels' units."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints
from kernels.force import STAGE_BYTES, Arrays, Group
from kernels.pairs import Pairs
from kernels.scan import Images

COULOMB = 14.399644  # eV·Å/e²
ORDER = 5  # moments kept: monopole to hexadecapole
CLOSE = 2.5  # Å: as near as a probe particle comes to an atom
ROUNDING = 1e-12  # of a float64 sum's terms
QUADRUPOLE_UNIT = 7.5
FLOAT_ERROR = 6e-8
LEFT_OUT = 1e-5  # of a force; what an atom this near adds is a fraction of the whole
ATOM_BYTES = 32
CHUNK = 16  # atoms that a CPU takes at a time: what it notes of them stays in its first cache
STAGE_LIMIT = STAGE_BYTES // ATOM_BYTES  # atoms, in a GPU's local memory
TIP = np.dtype(
    [("atom_begin", "i4"), ("atom_end", "i4"), ("charge_begin", "i4"), ("charge_end", "i4"),
     ("top", "f4"), ("moment", "f4", ORDER)]
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LjPc:
    """The force model's arrays for M images: atoms (ΣN, 8) f4, tips (M,) of TIP, charges (M·C, 2) f4."""

    atoms: npt.NDArray[np.float32]
    tips: npt.NDArray[Any]
    charges: npt.NDArray[np.float32]
    source: str = "lj_pc"

    def arrays(self) -> Arrays:
        """What is uploaded."""
        return {"force_atoms": self.atoms, "force_tips": self.tips, "force_charges": self.charges}

    def groups(self, key: str, images: Ints, lanes: int) -> tuple[list[Group], Arrays]:
        """By what their tips' charges need; GPUs (one lane) stage molecules in local memory that fit there."""
        count = (self.tips["atom_end"] - self.tips["atom_begin"])[images]
        staged = (count <= STAGE_LIMIT) & (lanes == 1)
        one_by_one = (self.tips["charge_end"] > self.tips["charge_begin"])[images]
        powers = 1 << np.arange(ORDER)
        moments = (self.tips["moment"][images] != 0) @ powers * ~one_by_one
        kinds = staged + 2 * one_by_one + 4 * moments
        groups: list[Group] = []
        lists: Arrays = {}
        for kind in np.unique(kinds).tolist():
            chosen = kinds == kind
            defines = {"STAGED": kind & 1, "CHARGES": kind >> 1 & 1, "MOMENTS": kind >> 2}
            name = f"{key}_{len(groups)}"
            lists[name] = images[chosen].astype(np.int32)
            atoms = int(count[chosen].max()) if defines["STAGED"] else 0
            defines["CHUNK"] = CHUNK if lanes > 1 else 1
            groups.append(Group(name, images[chosen], defines, max(ATOM_BYTES * atoms, 16)))
        return groups, lists

    def arguments(self, group: Group, buffers: "Mapping[str, cl.Buffer]") -> list[Any]:
        """Atoms, tips, charges and the stage."""
        return [*(buffers[name] for name in self.arrays()), cl.LocalMemory(group.local_bytes)]


def lj_pc(atoms: Atoms, images: Images, origin: Floats, pairs: Pairs | None = None) -> LjPc:
    """Combine each image's probe particle with its molecule's atoms (R = R_i + R_p, ε = sqrt(ε_i ε_p)).

    pairs are the atoms' charges and Lennard-Jones parameters image by image, where tips see other ones than their own.
    """
    count = np.diff(atoms.offsets)[images.molecule]
    end = np.cumsum(count)
    image = np.repeat(np.arange(len(images)), count)
    atom = np.arange(end[-1]) - np.repeat(end - count, count) + np.repeat(atoms.offsets[images.molecule], count)
    own = atoms.charge[atom], atoms.lj_radius[atom], atoms.lj_epsilon[atom]
    charge, lj_radius, lj_epsilon = own if pairs is None else pairs.columns(len(atom))
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
    return LjPc(table, tips, charges)


def multipoles(charges: Floats, charge_z: Floats) -> tuple[Floats, Floats]:
    """The lowest axial moment Σ Q (−ζ)^l of each charge row that is not 0, (M,), 1 where there is none; and all moments
    from l = 0 on over it, (M, ORDER). What is only the sum's rounding counts as 0; a lowest quadrupole is told as 7.5
    times itself, so that moments[:, 2] is 1 / 7.5: its derivatives have whole numbers then."""
    terms = np.stack([charges * (-charge_z) ** order for order in range(ORDER)], axis=1)
    moments = terms.sum(axis=2)
    moments[np.abs(moments) <= ROUNDING * np.abs(terms).sum(axis=2)] = 0
    order = (moments != 0).argmax(axis=1)
    lowest = moments[np.arange(len(moments)), order]
    leading = np.where(lowest != 0, lowest, 1.0) * np.where(order == 2, QUADRUPOLE_UNIT, 1.0)
    return leading, moments / leading[:, None]


def expansion_is_better(charges: Floats, charge_z: Floats) -> npt.NDArray[np.bool_]:
    """(M,): whether the truncated expansion serves a charge row better than a float32 sum, CLOSE to an atom.

    The first moments left out are compared with what the sum's rounding loses and with the moments that are kept.
    """
    reach = -charge_z / CLOSE
    force = np.stack([(order + 1) * np.abs((charges * reach**order).sum(axis=1)) for order in range(ORDER + 3)])
    left_out = force[ORDER:].sum(axis=0)
    rounded = FLOAT_ERROR * np.abs(charges).sum(axis=1)
    good_enough = np.maximum(rounded, LEFT_OUT * force[:ORDER].sum(axis=0))
    return np.asarray((left_out <= good_enough) & (np.abs(reach) < 0.5).all(axis=1))
