"""Descriptor maps of one molecule, for the tests that compare them."""

import numpy as np

from kernels.atoms import Atoms
from kernels.device import Device
from kernels.scan import Images
from kernels.simulator import Descriptor, Simulator
from tests.kernels import oracle
from tests.kernels.cases import load, make_atoms, make_images, random_molecule, window


def describe(device: Device, atoms: Atoms, images: Images, descriptor: Descriptor) -> np.ndarray:
    """The descriptor's map (nx, ny) of the first molecule."""
    return Simulator(device).run(atoms, images, [descriptor]).descriptors[0, 0]


def reference_error(device: Device, name: str, descriptor: Descriptor) -> float:
    """The 99.9th percentile of the error against the float64 reference case."""
    case = load(name)
    error = np.abs(describe(device, case.atoms, case.images, descriptor) - case.data[f"{descriptor.NAME}_exact"])
    return float(np.quantile(error, 0.999))


def small_scene(seed: int, n: int, dim=(13, 9, 3)) -> tuple[Atoms, Images, np.ndarray, np.ndarray]:
    """A random molecule with a vertical bond, an image of it and its pixels' positions."""
    images = make_images([0], [window()], dim)
    return make_atoms(random_molecule(seed, n)), images, *oracle.pixels(window(), *dim[:2])
