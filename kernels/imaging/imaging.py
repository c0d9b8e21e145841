"""Frequency-shift images (physics.md §1-4) of all molecules and tips of a batch take a few launches."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.constants import EV_PER_A2_IN_N_PER_M
from kernels.device.device import Device
from kernels.device.shared import share_struct
from kernels.errors import DeviceLimit
from kernels.force_fields.base import STAGE_BYTES, Arrays, Group, PreparedForceField
from kernels.imaging.images import Images
from kernels.partition import Partition

RESONANCE_FREQUENCY = 30300.0  # f0 of the cantilever, Hz
CANTILEVER_STIFFNESS = 1800.0  # k, N/m
SPRING = share_struct(
    "spring_t",
    [*((name, "f4") for name in ("d0x", "d0y", "d0z", "r0")),  # Å: equilibrium offset from the tip, bond length
     *((name, "f4") for name in ("kx", "ky", "kz", "kr"))],  # eV/Å²
)  # fmt: skip
IMAGE = share_struct(
    "image_t",
    [*((name, "f4") for name in ("step_x", "step_y", "step_z")),  # Å between pixels and between heights
     ("scale", "f4"),  # 1 / step_z
     ("spring", SPRING),
     ("nz", "i4"), ("n", "i4"),  # heights, and the number of them that a slice is made of
     ("weights", "i4")],  # index of the first weight for these n forces
)  # fmt: skip


def frequency_shift_weights(df_steps: int) -> npt.NDArray[np.float64]:
    """Return the weights of n = max(df_steps, 2) forces (physics.md §4), (n,) f8.

    The sum of weight · force in eV/Å, divided by dz in Å, is Δf in Hz.
    """
    n = max(df_steps, 2)
    t = np.linspace(-1 + 1 / (2 * n), 1 - 1 / (2 * n), n - 1)
    w = np.diff(np.concatenate(([0.0], np.sqrt(1 - t**2), [0.0])))
    unit = EV_PER_A2_IN_N_PER_M * RESONANCE_FREQUENCY / CANTILEVER_STIFFNESS
    return np.asarray(unit * w / (n * (np.linspace(-1, 1, n) @ w)))


def image_arrays(images: Images) -> Arrays:
    """Return the arrays that describe the images to the kernels.

    images: (M,) of IMAGE.
    weights: (Σn,) f4, the weights for each different n once.
    """
    n, index = np.unique(images.oscillation, return_inverse=True)
    table = np.zeros(len(images), IMAGE)
    table["step_x"], table["step_y"] = images.grid.step.T
    table["step_z"], table["scale"] = images.dz, 1 / images.dz
    spring = table["spring"]
    spring["d0x"], spring["d0y"], spring["d0z"] = images.equilibrium.T
    spring["r0"] = images.r0
    spring["kx"], spring["ky"], spring["kz"], spring["kr"] = images.stiffness_ev.T
    table["nz"], table["n"], table["weights"] = images.nz, images.oscillation, (np.cumsum(n) - n)[index]
    weights = np.concatenate([frequency_shift_weights(heights) for heights in n.tolist()])
    return {"images": table, "weights": weights.astype(np.float32)}


@dataclass(frozen=True, eq=False)
class Launch:
    """The images of one launch."""

    group: Group
    #: The largest number of heights among its images.
    heights: int
    #: The work-items of a work-group, along y and x.
    tile: tuple[int, int, int]


def plan_launches(device: Device, force_field: PreparedForceField, images: Images) -> tuple[list[Launch], Arrays]:
    """Split all images into launches; return these and the lists of images to upload for them."""
    heights, index = np.unique(images.nz, return_inverse=True)
    tiles = [_tile(device, nz) for nz in heights.tolist()]
    launches: list[Launch] = []
    lists: Arrays = {}
    for tile in sorted(set(tiles)):
        chosen = np.flatnonzero(np.array([other == tile for other in tiles])[index])
        groups, group_lists = force_field.groups(f"imaging_{len(lists)}", chosen, device.lanes)
        launches += [Launch(group, int(images.nz[group.images].max()), tile) for group in groups]
        lists |= group_lists
    return launches, lists


def _tile(device: Device, heights: int) -> tuple[int, int, int]:
    """Return the device's tile, halved until the forces that its work-items store fit in local memory.

    The tile of an image depends on its number of heights only, because results depend on the tile: on NVIDIA's GPUs,
    warps of smaller tiles have other pixels.
    """
    x, y, _ = device.tile
    while x * y > 1 and x * y * _item_bytes(device, heights) + STAGE_BYTES > device.local_memory:
        x, y = (x // 2, y) if x >= y else (x, y // 2)
    return x, y, 1


def _item_bytes(device: Device, heights: int) -> int:
    return 4 * device.lanes * heights


def launch_imaging(
    device: Device, force_field: PreparedForceField, launches: list[Launch], buffers: "Mapping[str, cl.Buffer]",
    dim: tuple[int, int], partition: Partition, df: "cl.Buffer",
) -> None:  # fmt: skip
    """Enqueue the images of a partition.

    buffers: the uploaded arrays of the batch; the images' flags are added to "quality", (M,) i4.
    df: receives the frequency shifts in Hz, (images, rows, ny, n_out) f4.

    Raises DeviceLimit if the forces of one work-item at all heights do not fit in local memory.
    """
    nx, ny = dim
    row, rows = partition.rows.start, len(partition.rows)
    for launch in launches:
        group, tile = launch.group, launch.tile
        chosen = group.within(partition.images)
        if not chosen:
            continue
        item = _item_bytes(device, launch.heights)
        history = item * tile[0] * tile[1]
        if history + group.local_bytes > device.local_memory:
            raise DeviceLimit(
                f"scan.dim: the forces at all {launch.heights} heights take {item} bytes for one work-item; the device "
                f"has {device.local_memory} bytes of local memory, of which the force field uses {group.local_bytes}"
            )
        kernel = device.kernel("imaging", "imaging/imaging.cl", FORCE_FIELD=force_field.file, **group.defines)
        device.launch(
            kernel, (-(-ny // device.lanes), rows, len(chosen)), tile, *force_field.arguments(group, buffers),
            buffers[group.key], buffers["images"], buffers["weights"], cl.LocalMemory(history),
            *(np.int32(i) for i in (nx, ny, partition.images.start, row, rows)), df, buffers["quality"],
            first=chosen.start,
        )  # fmt: skip
