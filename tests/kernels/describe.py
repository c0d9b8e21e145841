"""The tests of descriptors share these parameters, maps and functions that make the maps of one molecule."""

from typing import Any

import numpy as np

from kernels.atoms import Atoms
from kernels.descriptors import DESCRIPTORS
from kernels.descriptors.base import Descriptor
from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.imaging.images import Images
from kernels.simulator import Result, Simulator
from tests.kernels import oracle
from tests.kernels.cases import CO_TIP, LJ_PC, load, make_atoms, make_images, random_molecule, window

PARAMETERS: dict[str, dict[str, Any]] = {
    "atom_rfunc": {"zmin": -1.5, "r_max": 10.0, "function": None},
    "atomic_disks": {"zmin": -1.2, "zmax_s": -1.2, "r_pp": -0.5, "mode": "sphere"},
    "bonds": {"zmin": -1.5, "r_max": 10.0, "ellipticity": 0.5, "function": None},
    "es_map": {"iso": 0.1, "zmin": -2.0},
    "es_map_constant": {"height": 4.0, "vdw_cutoff": None, "r_pp": 0.5},
    "height_map": {"iso": 0.1, "zmin": -2.0},
    "multimap_spheres": {
        "n_channels": 3, "r_min": 1.4, "r_step": 0.3, "zmin": -1.5, "r_pp": -0.5, "occlusion": False
    },
    "multimap_spheres_elements": {"zmin": -1.5, "r_pp": -0.5, "occlusion": False},
    "vdw_spheres": {"zmin": -1.5, "r_pp": -0.5},
}  # fmt: skip


def descriptor(kind: str, **parameters: Any) -> Descriptor:
    """Return a descriptor with these parameters, and the common ones of its kind otherwise."""
    return DESCRIPTORS[kind](**(PARAMETERS[kind] | parameters))


COMMON = [Map(descriptor(kind)) for kind in ("height_map", "vdw_spheres", "atomic_disks", "bonds", "atom_rfunc")]
ROOF = {"samples": (1.0, 0.6, 0.3, 0.0), "step": 0.4}
MIDDLE = [[-2.5, -3.0], [2.5, 3.0]]
MAPS = [
    *COMMON,
    Map(descriptor("es_map")),
    Map(descriptor("es_map_constant")),
    Map(descriptor("es_map_constant", height=3.0, vdw_cutoff=-1.0)),
    Map(descriptor("multimap_spheres")),
    Map(descriptor("multimap_spheres", n_channels=4, r_min=1.5, r_step=0.2, occlusion=True)),
    Map(descriptor("multimap_spheres_elements", elements=((1,), (7, 6), (), (8,)))),
    Map(descriptor("bonds", zmin=-2.0, function=ROOF)),
    Map(descriptor("atom_rfunc", zmin=-2.0, function=ROOF)),
    Map(descriptor("height_map", iso=0.05, zmin=-3.0), MIDDLE),
    Map(descriptor("vdw_spheres", zmin=-2.0), MIDDLE),
    Map(descriptor("es_map", iso=0.2, zmin=-1.0), MIDDLE, (3, 9)),
    Map(descriptor("atomic_disks", mode="center"), dim=(4, 3)),
    Map(descriptor("height_map"), dim=(4, 3)),
]


def all_maps(result: Result) -> list[np.ndarray]:
    """Return every map of a result, (B, nx, ny) each."""
    return [array[:, channel] for array in (result.descriptors, *result.separate) for channel in range(array.shape[1])]


def channels(device: Device, atoms: Atoms, images: Images, descriptor: Descriptor, **where: Any) -> np.ndarray:
    """Return the descriptor's maps (C, nx, ny) of the first molecule, over the image's pixels or those of `where`."""
    result = Simulator(device).run(atoms, images, LJ_PC, [Map(descriptor, **where)])
    return (result.separate[0] if "dim" in where else result.descriptors)[0]


def describe(device: Device, atoms: Atoms, images: Images, descriptor: Descriptor, **where: Any) -> np.ndarray:
    """Return the first of these maps, (nx, ny)."""
    return channels(device, atoms, images, descriptor, **where)[0]


def reference_error(device: Device, name: str, descriptor: Descriptor) -> float:
    """Return the 99.9th percentile of the error against the float64 reference case."""
    case = load(name)
    error = np.abs(describe(device, case.atoms, case.images, descriptor) - case.data[f"{descriptor.KIND}_exact"])
    return float(np.quantile(error, 0.999))


def small_scene(seed: int, n: int, dim=(13, 9, 3), tip=CO_TIP) -> tuple[Atoms, Images, np.ndarray, np.ndarray]:
    """Return a random molecule with a vertical bond, an image of it, and x and y of the image's pixels, (nx, ny)."""
    images = make_images([0], [window()], dim, tip)
    return make_atoms(random_molecule(seed, n)), images, *oracle.pixels(window(), *dim[:2])


def sample_of(atoms: Atoms, images: Images) -> tuple[np.ndarray, ...]:
    """Return the arguments of oracle.force_z for the probe of the first image."""
    return (
        atoms.xyz, atoms.charge, atoms.lj_radius + images.lj_radius[0],
        np.sqrt(atoms.lj_epsilon * images.lj_epsilon[0]), images.charges[0], images.charge_z[0],
    )  # fmt: skip
