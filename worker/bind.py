"""The one place where a spec's words become kernel arguments."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import kernels
from service.contract import descriptors as asked
from service.contract.elements import elements
from service.contract.plan import Draws, Rotations
from service.contract.rotations import rotate
from service.contract.spec import JobSpec
from service.contract.structures import Structures
from worker.bonding import Bonding
from worker.placement import place


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A batch in the kernels' terms. rotation: (B, 3, 3); number: (ΣN,) atomic numbers; window: (B, T, 2, 3), Å."""

    atoms: kernels.Atoms
    images: kernels.Images
    rotation: NDArray[np.float64]
    number: NDArray[np.int64]
    window: NDArray[np.float64]


def bind(spec: JobSpec, structures: Structures, rotations: Rotations, bonding: Bonding, draws: Draws) -> Bound:
    """The molecules of these samples, rotated and placed, and their images: sample by sample, tip by tip."""
    table = elements()
    index, offsets = structures.gather(draws.structure)
    number = structures.z[index]
    rotation = rotations.of(draws.structure, draws.rank)
    lj_radius = table.lj_radius[number]
    element = np.array([tip.element for tip in spec.tips])
    placed = place(
        rotate(structures.xyz[index], np.repeat(rotation, np.diff(offsets), axis=0)),
        offsets,
        lj_radius,
        np.array(spec.scan.window),
        draws.distance,
        table.lj_radius[element],
    )
    charged = spec.force_field.charges == "dataset"
    atoms = kernels.Atoms(
        xyz=placed.xyz,
        charge=structures.q[index] if charged else np.zeros(len(index)),
        lj_radius=lj_radius,
        lj_epsilon=table.lj_epsilon[number],
        covalent_radius=table.covalent_radius[number],
        vdw_radius=table.vdw_radius[number],
        offsets=offsets,
        bonds=bonding.of(draws.structure, offsets),
    )
    samples, tips = draws.distance.shape
    tip_of = np.tile(np.arange(tips), samples)
    images = kernels.Images(
        molecule=np.repeat(np.arange(samples), tips),
        window=placed.window.reshape(-1, 2, 3),
        dim=spec.scan.dim[:2],
        n_out=spec.scan.n_out,
        df_steps=np.full(len(tip_of), spec.scan.df_steps),
        tilt=draws.tilt.reshape(-1, 2),
        r0=np.array([tip.r0 for tip in spec.tips])[tip_of],
        stiffness=np.array([tip.stiffness for tip in spec.tips])[tip_of],
        lj_radius=table.lj_radius[element][tip_of],
        lj_epsilon=table.lj_epsilon[element][tip_of],
        charges=_rows([tip.charges for tip in spec.tips])[tip_of],
        charge_z=_rows([tip.charge_z for tip in spec.tips])[tip_of],
    )
    return Bound(atoms=atoms, images=images, rotation=rotation, number=number, window=placed.window)


def _rows(ragged: list[tuple[float, ...]]) -> NDArray[np.float64]:
    out = np.zeros((len(ragged), max(map(len, ragged))))
    for row, values in zip(out, ragged, strict=True):
        row[: len(values)] = values
    return out


def bind_descriptor(descriptor: asked.Descriptor) -> kernels.Descriptor:
    """The kernel of a descriptor asked for, with its parameters."""
    parameters = descriptor.model_dump(exclude={"kind"})
    match descriptor:
        case asked.VdwSpheres():
            return kernels.VdwSpheres(**parameters)
        case asked.AtomicDisks():
            return kernels.AtomicDisks(**parameters)
        case asked.HeightMap():
            return kernels.HeightMap(**parameters)
        case asked.Bonds():
            return kernels.Bonds(**parameters)
        case asked.AtomRfunc():
            return kernels.AtomRfunc(**parameters)
