"""Frequency-shift images (physics.md §1-4): one launch for all molecules and tips of a batch."""

from collections.abc import Mapping
from enum import IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Floats
from kernels.device import Device
from kernels.errors import DeviceLimit, InvalidInput
from kernels.force import ForceModel, Group
from kernels.parts import Part
from kernels.scan import EV_PER_A2_IN_N_PER_M, Images

RESONANCE = 30300.0  # f0, Hz
CANTILEVER = 1800.0  # k, N/m
IMAGE = np.dtype([("step", "f4", 3), ("scale", "f4"), ("d0", "f4", 3), ("r0", "f4"), ("stiffness", "f4", 4)])


class Quality(IntFlag):
    """What may be wrong with an image."""

    GOOD = 0
    NOT_CONVERGED = 1
    LEFT_THE_BOX = 2  # above its tip, or further sideways from equilibrium than its bond is long
    NO_ISO_SURFACE = 4
    NOT_FINITE = 8


def frequency_shift_weights(df_steps: int) -> npt.NDArray[np.float64]:
    """(n,): Δf of n = max(df_steps, 2) forces in eV/Å, in Hz·Å; divide by dz (physics.md §4)."""
    n = max(df_steps, 2)
    t = np.linspace(-1 + 1 / (2 * n), 1 - 1 / (2 * n), n - 1)
    w = np.diff(np.concatenate(([0.0], np.sqrt(1 - t**2), [0.0])))
    unit = EV_PER_A2_IN_N_PER_M * RESONANCE / CANTILEVER
    return np.asarray(unit * w / (n * (np.linspace(-1, 1, n) @ w)))


def slices(nz: int, df_steps: int) -> int:
    """n_out, how many slices nz heights give; raises InvalidInput where there are too few heights for one."""
    n_out = nz - max(df_steps, 2) + 1
    if df_steps < 1 or n_out < 1:
        raise InvalidInput(f"df_steps: 1 to {nz} for {nz} heights (at least 2 heights), got {df_steps}")
    return n_out


def force_origin(images: Images) -> Floats:
    """(M, 3): where float32 coordinates start: the unloaded probe in the middle of the window at the lowest height."""
    lowest = images.window[:, 1, 2] - (images.dim[2] - 1) * images.dz
    return np.column_stack((images.grid.centre, lowest)) + images.equilibrium


def image_table(images: Images) -> npt.NDArray[Any]:
    """(M,) of IMAGE: what the kernels know of each image."""
    table = np.zeros(len(images), IMAGE)
    table["step"] = np.column_stack((images.grid.step, images.dz))
    table["scale"] = 1 / images.dz
    table["d0"], table["r0"], table["stiffness"] = images.equilibrium, images.r0, images.stiffness_ev
    return table


def launch_imaging(
    device: Device, force: ForceModel, groups: list[Group], buffers: "Mapping[str, cl.Buffer]",
    dim: tuple[int, int, int], df_steps: int, part: Part, df: "cl.Buffer", quality: "cl.Buffer",
) -> None:  # fmt: skip
    """Enqueue the part's images into df (images, rows, ny, n_out) f4, their flags into quality (M,) i4.

    Raises DeviceLimit where not even one work-item's forces at all heights fit in local memory.
    """
    nx, ny, nz = dim
    n = max(df_steps, 2)
    row, rows = part.rows.start, len(part.rows)
    for group in groups:
        chosen = group.within(part.images)
        if not chosen:
            continue
        kernel = device.kernel(
            "imaging", "vector", "pixels", "image", force.source, "relax", "frequency_shift", "imaging", **group.defines
        )
        tile = _tile(device, 4 * device.lanes * nz, group.local_bytes)
        device.launch(
            kernel, (-(-ny // device.lanes), rows, len(chosen)), tile, *force.arguments(group, buffers),
            buffers[group.key], buffers["images"], buffers["weights"],
            cl.LocalMemory(4 * device.lanes * nz * tile[0] * tile[1]),
            *(np.int32(i) for i in (nx, ny, nz, n, part.images.start, row, rows)), df, quality, first=chosen.start,
        )  # fmt: skip


def _tile(device: Device, item_bytes: int, group_bytes: int) -> tuple[int, int, int]:
    """The device's tile, halved until the forces that its work-items remember fit in local memory."""
    x, y, _ = device.tile
    while x * y * item_bytes + group_bytes > device.local_memory:
        if x * y == 1:
            raise DeviceLimit(
                f"scan.dim: the forces at all heights, {item_bytes} bytes a pixel, exceed the device's local memory"
            )
        x, y = (x // 2, y) if x >= y else (x, y // 2)
    return x, y, 1
