"""The one place where a spec's words become kernel arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernels
from afmbatch.sampling.directions import rotate
from afmbatch.sampling.noise import StepParameters
from afmbatch.sampling.parameters import SampleParameters
from afmbatch.spec import descriptors as asked
from afmbatch.spec.job import JobSpec
from afmbatch.structures.elements import elements
from afmbatch.structures.structures import Structures
from worker.engine.bond_cache import Bonding
from worker.engine.orientations import Orientations
from worker.engine.placement import place

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A batch in the kernels' terms; Å, eV.

    rotation: (B, 3, 3); lattice: (B, 3, 3), as imaged; window: (B, T, 2, 3); original: (ΣN,) the atoms that are no
    periodic images; number: (ΣN,) atomic numbers; lj: None, or (ΣN, T, 2) each atom's radius and depth under each tip,
    where these are drawn; tip_lj: (B, T, 2) those of the probe particle.
    """

    atoms: kernels.Atoms
    images: kernels.Images
    pairs: kernels.Pairs | None
    rotation: Floats
    lattice: Floats
    window: Floats
    original: NDArray[np.bool_]
    number: Ints
    lj: Floats | None
    tip_lj: Floats


def bind(
    spec: JobSpec, structures: Structures, rotations: Orientations, bonding: Bonding, draws: SampleParameters
) -> Bound:
    """The molecules of these samples, rotated and placed, and their images: sample by sample, tip by tip."""
    table = elements()
    index, offsets = structures.gather(draws.structure)
    sizes = np.diff(offsets)
    number = structures.z[index]
    original = structures.original(draws.structure, offsets)
    rotation = rotations.of(draws)
    of_atom, tip_lj = _lennard_jones(draws, number, sizes)
    heights = spec.scan.n_out + np.maximum(draws.df_steps, 2) - 1
    placed = place(
        rotate(structures.xyz[index], np.repeat(rotation, sizes, axis=0)),
        offsets,
        counted=_counted(number, spec.ignored_elements),
        original=original,
        lj_radius=table.lj_radius[number] if of_atom is None else of_atom[..., 0],
        window=np.array(spec.scan.window),
        heights=heights,
        dz=spec.scan.dz,
        distance=draws.distance,
        probe_radius=tip_lj[..., 0],
        offset=draws.offset,
    )
    window = _cropped(spec, placed.window, draws.crop)
    charge = structures.q[index] if spec.force_field.needs_charges else np.zeros(len(index))
    atoms = kernels.Atoms(
        xyz=placed.xyz,
        charge=charge * np.repeat(draws.sample_charges[:, -1], sizes),
        lj_radius=table.lj_radius[number],
        lj_epsilon=table.lj_epsilon[number],
        covalent_radius=table.covalent_radius[number],
        vdw_radius=table.vdw_radius[number],
        offsets=offsets,
        bonds=bonding.of(draws.structure, offsets) if any(d.kind == "bonds" for d in spec.descriptors) else None,
        number=number,
    )
    samples, tips = draws.distance.shape
    images = kernels.Images(
        molecule=np.repeat(np.arange(samples), tips),
        window=window.reshape(-1, 2, 3),
        dim=spec.image_dim,
        n_out=spec.scan.n_out,
        df_steps=draws.df_steps.reshape(-1),
        tilt=draws.tilt.reshape(-1, 2),
        r0=draws.r0.reshape(-1),
        stiffness=draws.stiffness.reshape(-1, 4),
        lj_radius=tip_lj[..., 0].reshape(-1),
        lj_epsilon=tip_lj[..., 1].reshape(-1),
        charges=draws.charges.reshape(-1, draws.charges.shape[-1]),
        charge_z=draws.charge_z.reshape(-1, draws.charges.shape[-1]),
    )
    return Bound(
        atoms=atoms,
        images=images,
        pairs=_pairs(spec, draws, atoms, charge, of_atom),
        rotation=rotation,
        lattice=_turned(structures.lattice[draws.structure], rotation),
        window=window,
        original=original,
        number=number,
        lj=of_atom,
        tip_lj=tip_lj,
    )


def _counted(number: Ints, ignored: tuple[int, ...]) -> NDArray[np.bool_]:
    """The atoms that take part in centring and height."""
    return np.isin(number, ignored, invert=True) if ignored else np.ones(len(number), dtype=bool)


def _turned(lattice: Floats, rotation: Floats) -> Floats:
    """Lattices (B, 3, 3) as their samples lie; NaN stays."""
    if np.isnan(lattice).all():
        return lattice
    return rotate(lattice.reshape(-1, 3), np.repeat(rotation, 3, axis=0)).reshape(-1, 3, 3)


def _lennard_jones(draws: SampleParameters, number: Ints, sizes: Ints) -> tuple[Floats | None, Floats]:
    """Radius and depth of every atom under every tip, where they are drawn, and of every probe particle."""
    table = elements()
    known = np.stack([table.lj_radius, table.lj_epsilon], axis=-1)
    if draws.lj_factors is None:
        return None, known[draws.element]
    factors = np.stack(draws.lj_factors, axis=-1)
    sample, tip = np.indices(draws.element.shape)
    molecule = np.repeat(np.arange(len(sizes)), sizes)
    return known[number][:, None] * factors[molecule, :, number], known[draws.element] * factors[
        sample, tip, draws.element
    ]


def _pairs(
    spec: JobSpec, draws: SampleParameters, atoms: kernels.Atoms, charge: Floats, of_atom: Floats | None
) -> kernels.Pairs | None:
    """What each image sees of its atoms, where that may differ from image to image of a molecule."""
    drawn = spec.randomise.sample_charges
    if of_atom is None and (drawn is None or drawn.scope != "tip"):
        return None
    samples, tips = draws.distance.shape
    sizes = np.repeat(np.diff(atoms.offsets), tips)
    image = np.repeat(np.arange(samples * tips), sizes)
    ends = np.cumsum(sizes)
    atom = np.arange(ends[-1]) + np.repeat(np.repeat(atoms.offsets[:-1], tips) - (ends - sizes), sizes)
    tip = image % tips
    return kernels.Pairs(
        charge=charge[atom] * draws.sample_charges.reshape(-1)[image],
        lj_radius=atoms.lj_radius[atom] if of_atom is None else of_atom[atom, tip, 0],
        lj_epsilon=atoms.lj_epsilon[atom] if of_atom is None else of_atom[atom, tip, 1],
    )


def _cropped(spec: JobSpec, window: Floats, crop: Ints) -> Floats:
    """Windows (B, T, 2, 3) of the part of the scan that begins at pixels crop (B, 2)."""
    if spec.scan.crop is None:
        return window
    low, high = window[:, :, 0, :2], window[:, :, 1, :2]
    step = (high - low) / (np.array(spec.scan.dim[:2]) - 1)
    out = window.copy()
    out[:, :, 0, :2] = low + step * crop[:, None]
    out[:, :, 1, :2] = low + step * (crop + np.array(spec.scan.crop) - 1)[:, None]
    return out


def bind_descriptor(descriptor: asked.Descriptor) -> kernels.Map:
    """The kernel of a descriptor asked for, with its parameters, and where it is drawn."""
    window = None if descriptor.window is None else np.array(descriptor.window)
    return kernels.Map(_kernel(descriptor), window, descriptor.dim)


def _kernel(descriptor: asked.Descriptor) -> kernels.Descriptor:
    parameters = descriptor.model_dump(exclude={"kind", "window", "dim", "function"})
    match descriptor:
        case asked.VdwSpheres():
            return kernels.VdwSpheres(**parameters)
        case asked.AtomicDisks():
            return kernels.AtomicDisks(**parameters)
        case asked.HeightMap():
            return kernels.HeightMap(**parameters)
        case asked.EsMap():
            return kernels.EsMap(**parameters)
        case asked.EsMapConstant():
            return kernels.EsMapConstant(**parameters)
        case asked.Bonds():
            return kernels.Bonds(**parameters, radial=_radial(descriptor.function))
        case asked.AtomRfunc():
            return kernels.AtomRfunc(**parameters, radial=_radial(descriptor.function))
        case asked.MultimapSpheres():
            return kernels.MultimapSpheres(**parameters)
        case asked.MultimapSpheresElements():
            return kernels.MultimapSpheresElements(**parameters)
        case _:
            raise TypeError(f"there is no kernel for the descriptor {descriptor.kind!r}")


def _radial(function: asked.RadialFunction | None) -> kernels.RadialFunction | None:
    return None if function is None else kernels.RadialFunction(function.samples, function.step)


def bind_noise(spec: JobSpec, steps: Sequence[StepParameters]) -> kernels.Noise:
    """Return the kernel's noise for the steps of a spec, with arrays of one row for each image."""
    parameters: dict[str, Any] = {name: value for step in steps for name, value in step.items()}
    parameters["cutouts"] = parameters.pop("rectangles", None)
    normalise = any(step.kind == "normalise" for step in spec.noise)
    return kernels.Noise(normalise=normalise, **{name: _by_image(value) for name, value in parameters.items()})


def _by_image(value: Any) -> Any:
    """Return an array (samples, tips, …) as (images, …), and any other value as it is."""
    return value.reshape(-1, *value.shape[2:]) if isinstance(value, np.ndarray) else value
