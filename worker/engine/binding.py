"""Translates a spec and its sampled parameters into kernel arguments. Only grid_binding does so beside this module."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernels
from afmbatch.sampling.directions import rotate
from afmbatch.sampling.noise import StepParameters
from afmbatch.sampling.parameters import SampleParameters
from afmbatch.spec.descriptors import Descriptor
from afmbatch.spec.job import JobSpec
from afmbatch.structures.elements import elements
from afmbatch.structures.structures import Structures
from worker.engine.bond_cache import BondCache
from worker.engine.orientations import Orientations
from worker.engine.placement import Placement, place

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class BoundBatch:
    """The kernel arguments of B samples under T tips, with ΣN atoms. Lengths are in Å, energies in eV.

    atoms, images, per_image_atoms: the arguments of kernels.Simulator.prepare
    rotation: f8 (B, 3, 3), rotation matrices
    lattice: f8 (B, 3, 3), Å, lattice vectors as imaged
    window: f8 (B, T, 2, 3), Å, lower and upper corner of each image's window
    original: bool (ΣN,), atoms that are not periodic images
    number: i8 (ΣN,), atomic numbers
    frames: the frames of the structures in those of their images
    heights: f8 (B, T, n_out, 2), Å, tip above the highest counted atom at both turning points of a slice
    lj: f8 (ΣN, T, 2), Lennard-Jones radius and depth of each atom under each tip; None unless they are randomised
    tip_lj: f8 (B, T, 2), Lennard-Jones radius and depth of the probe particles
    """

    atoms: kernels.Atoms
    images: kernels.Images
    per_image_atoms: kernels.PerImageAtoms | None
    rotation: Floats
    lattice: Floats
    window: Floats
    original: NDArray[np.bool_]
    number: Ints
    frames: kernels.SampleFrames
    heights: Floats
    lj: Floats | None
    tip_lj: Floats


def bind(
    spec: JobSpec, structures: Structures, rotations: Orientations, bonds: BondCache, parameters: SampleParameters
) -> BoundBatch:
    """Return the kernel arguments of samples: rotate and place their molecules, and describe their images.

    Images are ordered by sample, then by tip. Raises InvalidInput for a sample that cannot be placed.
    """
    table = elements()
    index, offsets = structures.gather(parameters.structure)
    sizes = np.diff(offsets)
    number = structures.z[index]
    original = structures.original(parameters.structure, offsets)
    rotation = rotations.rotation_matrices(parameters)
    of_atom, tip_lj = _lennard_jones(parameters, number, sizes)
    heights = spec.scan.n_out + np.maximum(parameters.df_steps, 2) - 1
    counted = _counted(number, spec.ignored_elements)
    turned = rotate(structures.xyz[index], np.repeat(rotation, sizes, axis=0))
    placed = place(
        turned,
        offsets,
        counted=counted,
        original=original,
        lj_radius=table.lj_radius[number] if of_atom is None else of_atom[..., 0],
        window=np.array(spec.scan.window),
        heights=heights,
        dz=spec.scan.dz,
        distance=parameters.distance,
        probe_radius=tip_lj[..., 0],
        offset=parameters.offset,
        anchor=spec.scan.anchor,
        centre=spec.scan.centre,
    )
    window = _cropped(spec, placed.window, parameters.crop)
    charge = structures.q[index] if spec.force_field.needs_charges else np.zeros(len(index))
    atoms = kernels.Atoms(
        xyz=placed.xyz,
        charge=charge * np.repeat(parameters.sample_charges[:, -1], sizes),
        lj_radius=table.lj_radius[number],
        lj_epsilon=table.lj_epsilon[number],
        covalent_radius=table.covalent_radius[number],
        vdw_radius=table.vdw_radius[number],
        offsets=offsets,
        bonds=bonds.bonded_pairs(parameters.structure, offsets)
        if any(d.kind == "bonds" for d in spec.descriptors)
        else None,
        number=number,
    )
    return BoundBatch(
        atoms=atoms,
        images=_images(spec, parameters, window, tip_lj),
        per_image_atoms=_per_image_atoms(spec, parameters, atoms, charge, of_atom),
        rotation=rotation,
        lattice=_turned(structures.lattice[parameters.structure], rotation),
        window=window,
        original=original,
        number=number,
        frames=kernels.SampleFrames(rotation, placed.xyz[offsets[:-1]] - turned[offsets[:-1]]),
        heights=_heights(spec, placed, parameters, np.where(counted & original, placed.xyz[:, 2], -np.inf), offsets),
        lj=of_atom,
        tip_lj=tip_lj,
    )


def _images(spec: JobSpec, parameters: SampleParameters, window: Floats, tip_lj: Floats) -> kernels.Images:
    """Return the images of samples, ordered by sample, then by tip.

    window: f8 (B, T, 2, 3), Å; tip_lj: f8 (B, T, 2), Lennard-Jones radius (Å) and depth (eV) of the probe particles.
    """
    samples, tips = parameters.distance.shape
    return kernels.Images(
        molecule=np.repeat(np.arange(samples), tips),
        window=window.reshape(-1, 2, 3),
        dim=spec.image_dim,
        n_out=spec.scan.n_out,
        df_steps=parameters.df_steps.reshape(-1),
        tilt=parameters.tilt.reshape(-1, 2),
        r0=parameters.r0.reshape(-1),
        stiffness=parameters.stiffness.reshape(-1, 4),
        lj_radius=tip_lj[..., 0].reshape(-1),
        lj_epsilon=tip_lj[..., 1].reshape(-1),
        charges=parameters.charges.reshape(-1, parameters.charges.shape[-1]),
        charge_z=parameters.charge_z.reshape(-1, parameters.charges.shape[-1]),
    )


def _counted(number: Ints, ignored: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask of the atoms whose elements are not ignored when samples are placed: bool (ΣN,)."""
    return np.isin(number, ignored, invert=True) if ignored else np.ones(len(number), dtype=bool)


def _heights(spec: JobSpec, placed: Placement, parameters: SampleParameters, z: Floats, offsets: Ints) -> Floats:
    """Return the heights of the tip over the highest z of each sample at both turning points, f8 (B, T, n_out, 2)."""
    upper = placed.window[:, :, 1, 2] - np.maximum.reduceat(z, offsets[:-1])[:, None]
    first = np.arange(spec.scan.n_out)
    last = first + np.maximum(parameters.df_steps, 2)[..., None] - 1
    steps = np.stack(np.broadcast_arrays(first, last), axis=-1)
    return np.asarray(upper[..., None, None] - spec.scan.dz * steps)


def _turned(lattice: Floats, rotation: Floats) -> Floats:
    """Rotate lattices, f8 (B, 3, 3), like their samples; NaN stays NaN."""
    if np.isnan(lattice).all():
        return lattice
    return rotate(lattice.reshape(-1, 3), np.repeat(rotation, 3, axis=0)).reshape(-1, 3, 3)


def _lennard_jones(parameters: SampleParameters, number: Ints, sizes: Ints) -> tuple[Floats | None, Floats]:
    """Return Lennard-Jones radius (Å) and depth (eV) of atoms, f8 (ΣN, T, 2), and of probe particles, f8 (B, T, 2).

    Those of the atoms are None unless they are randomised.
    """
    table = elements()
    known = np.stack([table.lj_radius, table.lj_epsilon], axis=-1)
    if parameters.lj_factors is None:
        return None, known[parameters.element]
    factors = np.stack(parameters.lj_factors, axis=-1)
    sample, tip = np.indices(parameters.element.shape)
    molecule = np.repeat(np.arange(len(sizes)), sizes)
    return known[number][:, None] * factors[molecule, :, number], known[parameters.element] * factors[
        sample, tip, parameters.element
    ]


def _per_image_atoms(
    spec: JobSpec, parameters: SampleParameters, atoms: kernels.Atoms, charge: Floats, of_atom: Floats | None
) -> kernels.PerImageAtoms | None:
    """Return the atoms' parameters for each image; None unless they may differ between the images of a molecule.

    charge: f8 (ΣN,), e; of_atom: f8 (ΣN, T, 2), the atoms' Lennard-Jones parameters; None unless they are randomised.
    """
    distribution = spec.randomise.sample_charges
    if of_atom is None and (distribution is None or distribution.scope != "tip"):
        return None
    samples, tips = parameters.distance.shape
    sizes = np.repeat(np.diff(atoms.offsets), tips)
    image = np.repeat(np.arange(samples * tips), sizes)
    ends = np.cumsum(sizes)
    atom = np.arange(ends[-1]) + np.repeat(np.repeat(atoms.offsets[:-1], tips) - (ends - sizes), sizes)
    tip = image % tips
    return kernels.PerImageAtoms(
        charge=charge[atom] * parameters.sample_charges.reshape(-1)[image],
        lj_radius=atoms.lj_radius[atom] if of_atom is None else of_atom[atom, tip, 0],
        lj_epsilon=atoms.lj_epsilon[atom] if of_atom is None else of_atom[atom, tip, 1],
    )


def _cropped(spec: JobSpec, window: Floats, crop: Ints) -> Floats:
    """Return the windows of the cropped part of the scan: f8 (B, T, 2, 3), Å.

    window: f8 (B, T, 2, 3), Å, windows of the whole scan; crop: i8 (B, 2), first pixel of the part along x and y.
    """
    if spec.scan.crop is None:
        return window
    low, high = window[:, :, 0, :2], window[:, :, 1, :2]
    step = (high - low) / (np.array(spec.scan.dim[:2]) - 1)
    out = window.copy()
    out[:, :, 0, :2] = low + step * crop[:, None]
    out[:, :, 1, :2] = low + step * (crop + np.array(spec.scan.crop) - 1)[:, None]
    return out


def bind_force_field(spec: JobSpec, grids: Mapping[str, Any] | None = None) -> kernels.ForceField:
    """Return the force field of a spec; `grids` are its arguments from worker.engine.grid_binding, if it has any."""
    return kernels.FORCE_FIELDS[spec.force_field.kind](**spec.force_field.kernel_parameters, **(grids or {}))


def bind_descriptor(descriptor: Descriptor) -> kernels.Map:
    """Return the map of a requested descriptor: its kernel with its parameters, its window and its size."""
    parameters = descriptor.model_dump(exclude={"kind", "window", "dim"})
    window = None if descriptor.window is None else np.array(descriptor.window)
    return kernels.Map(kernels.DESCRIPTORS[descriptor.kind](**parameters), window, descriptor.dim)


def bind_noise(spec: JobSpec, sampled: Sequence[StepParameters]) -> list[kernels.NoiseStep]:
    """Return the noise steps of a spec in order. Their arrays have one row for each image.

    sampled: the parameters of each step, arrays (samples, tips, …) and scalars.
    """
    return [
        kernels.NOISE_STEPS[step.kind](**{name: _by_image(value) for name, value in parameters.items()})
        for step, parameters in zip(spec.noise, sampled, strict=True)
    ]


def _by_image(value: Any) -> Any:
    """Return an array (samples, tips, …) as (images, …), and any other value as it is."""
    return value.reshape(-1, *value.shape[2:]) if isinstance(value, np.ndarray) else value
