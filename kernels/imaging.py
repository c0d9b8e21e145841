"""Frequency-shift images (physics.md §1-4): one launch for all molecules and tips of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Floats
from kernels.device import Device
from kernels.errors import DeviceLimit
from kernels.force import STAGE_BYTES, Arrays, ForceModel, Group
from kernels.parts import Part
from kernels.scan import EV_PER_A2_IN_N_PER_M, Images

RESONANCE = 30300.0  # f0, Hz
CANTILEVER = 1800.0  # k, N/m
IMAGE = np.dtype(
    [("step", "f4", 3), ("scale", "f4"), ("d0", "f4", 3), ("r0", "f4"), ("stiffness", "f4", 4), ("nz", "i4"),
     ("n", "i4"), ("weights", "i4")]
)  # fmt: skip


class Quality(IntFlag):
    """What may be wrong with an image."""

    GOOD = 0
    NOT_CONVERGED = 1
    LEFT = 2  # above its tip, further sideways than its bond is long, or past an atom
    NO_ISO_SURFACE = 4
    NOT_FINITE = 8


def frequency_shift_weights(df_steps: int) -> npt.NDArray[np.float64]:
    """(n,): Δf of n = max(df_steps, 2) forces in eV/Å, in Hz·Å; divide by dz (physics.md §4)."""
    n = max(df_steps, 2)
    t = np.linspace(-1 + 1 / (2 * n), 1 - 1 / (2 * n), n - 1)
    w = np.diff(np.concatenate(([0.0], np.sqrt(1 - t**2), [0.0])))
    unit = EV_PER_A2_IN_N_PER_M * RESONANCE / CANTILEVER
    return np.asarray(unit * w / (n * (np.linspace(-1, 1, n) @ w)))


def force_origin(images: Images) -> Floats:
    """(M, 3): where float32 coordinates start: the unloaded probe in the middle of the window at the lowest height."""
    lowest = images.window[:, 1, 2] - (images.nz - 1) * images.dz
    return np.column_stack((images.grid.centre, lowest)) + images.equilibrium


def image_arrays(images: Images) -> Arrays:
    """images (M,) of IMAGE, what the kernels know of each, and weights, of each n once."""
    n, of = np.unique(images.oscillation, return_inverse=True)
    table = np.zeros(len(images), IMAGE)
    table["step"] = np.column_stack((images.grid.step, images.dz))
    table["scale"] = 1 / images.dz
    table["d0"], table["r0"], table["stiffness"] = images.equilibrium, images.r0, images.stiffness_ev
    table["nz"], table["n"], table["weights"] = images.nz, images.oscillation, (np.cumsum(n) - n)[of]
    weights = np.concatenate([frequency_shift_weights(heights) for heights in n.tolist()])
    return {"images": table, "weights": weights.astype(np.float32)}


@dataclass(frozen=True, eq=False)
class Launch:
    """Images that go in one launch, the most heights that one of them has, and a group's pixels (y, x)."""

    group: Group
    heights: int
    tile: tuple[int, int, int]


def launches(device: Device, force: ForceModel, images: Images) -> tuple[list[Launch], Arrays]:
    """All images, split in launches, and the lists to upload for that."""
    heights, of = np.unique(images.nz, return_inverse=True)
    tiles = [_tile(device, nz) for nz in heights.tolist()]
    split: list[Launch] = []
    lists: Arrays = {}
    for tile in sorted(set(tiles)):
        chosen = np.flatnonzero(np.array([other == tile for other in tiles])[of])
        groups, more = force.groups(f"imaging_{len(lists)}", chosen, device.lanes)
        split += [Launch(group, int(images.nz[group.images].max()), tile) for group in groups]
        lists |= more
    return split, lists


def _tile(device: Device, heights: int) -> tuple[int, int, int]:
    """The device's tile, halved until the forces that its work-items remember fit in local memory.

    It depends on nothing else, for an NVIDIA's warp in less than a whole tile goes other ways together.
    """
    x, y, _ = device.tile
    while x * y > 1 and x * y * _item_bytes(device, heights) + STAGE_BYTES > device.local_memory:
        x, y = (x // 2, y) if x >= y else (x, y // 2)
    return x, y, 1


def _item_bytes(device: Device, heights: int) -> int:
    return 4 * device.lanes * heights


def launch_imaging(
    device: Device, force: ForceModel, imaging: list[Launch], buffers: "Mapping[str, cl.Buffer]",
    dim: tuple[int, int], part: Part, df: "cl.Buffer", quality: "cl.Buffer",
) -> None:  # fmt: skip
    """Enqueue the part's images into df (images, rows, ny, n_out) f4, their flags into quality (M,) i4.

    Raises DeviceLimit where not even one work-item's forces at all heights fit in local memory.
    """
    nx, ny = dim
    row, rows = part.rows.start, len(part.rows)
    for launch in imaging:
        group, tile = launch.group, launch.tile
        chosen = group.within(part.images)
        if not chosen:
            continue
        item = _item_bytes(device, launch.heights)
        history = item * tile[0] * tile[1]
        if history + group.local_bytes > device.local_memory:
            raise DeviceLimit(
                f"scan.dim: the forces at all heights, {item} bytes a pixel, exceed the device's local memory"
            )
        kernel = device.kernel(
            "imaging", "vector", "pixels", "image", force.source, "relax", "frequency_shift", "imaging", **group.defines
        )
        device.launch(
            kernel, (-(-ny // device.lanes), rows, len(chosen)), tile, *force.arguments(group, buffers),
            buffers[group.key], buffers["images"], buffers["weights"], cl.LocalMemory(history),
            *(np.int32(i) for i in (nx, ny, part.images.start, row, rows)), df, quality, first=chosen.start,
        )  # fmt: skip
