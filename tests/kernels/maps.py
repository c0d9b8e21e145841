"""Descriptor maps of one molecule, for the tests that compare them."""

from typing import Any

import numpy as np

from kernels.atoms import Atoms
from kernels.descriptor import Descriptor
from kernels.device import Device
from kernels.maps import Map
from kernels.scan import Images
from kernels.simulator import Simulator
from tests.kernels import oracle
from tests.kernels.cases import CO_TIP, load, make_atoms, make_images, random_molecule, window


def channels(device: Device, atoms: Atoms, images: Images, descriptor: Descriptor, **where: Any) -> np.ndarray:
    """The descriptor's maps (C, nx, ny) of the first molecule, over the scan's pixels or those of `where`."""
    result = Simulator(device).run(atoms, images, [Map(descriptor, **where)])
    return (result.own[0] if "dim" in where else result.descriptors)[0]


def describe(device: Device, atoms: Atoms, images: Images, descriptor: Descriptor, **where: Any) -> np.ndarray:
    """The first of them (nx, ny)."""
    return channels(device, atoms, images, descriptor, **where)[0]


def reference_error(device: Device, name: str, descriptor: Descriptor) -> float:
    """The 99.9th percentile of the error against the float64 reference case."""
    case = load(name)
    error = np.abs(describe(device, case.atoms, case.images, descriptor) - case.data[f"{descriptor.NAME}_exact"])
    return float(np.quantile(error, 0.999))


def small_scene(seed: int, n: int, dim=(13, 9, 3), tip=CO_TIP) -> tuple[Atoms, Images, np.ndarray, np.ndarray]:
    """A random molecule with a vertical bond, an image of it and its pixels' positions."""
    images = make_images([0], [window()], dim, tip)
    return make_atoms(random_molecule(seed, n)), images, *oracle.pixels(window(), *dim[:2])


def sample_of(atoms: Atoms, images: Images) -> tuple[np.ndarray, ...]:
    """What oracle.force_z takes of the first image's probe over its atoms."""
    return (
        atoms.xyz, atoms.charge, atoms.lj_radius + images.lj_radius[0],
        np.sqrt(atoms.lj_epsilon * images.lj_epsilon[0]), images.charges[0], images.charge_z[0],
    )  # fmt: skip
