"""Energy gradients and Hessians of a force field at given points, through the functions that imaging calls."""

import numpy as np
import pyopencl as cl

from kernels.atoms import Atoms, Floats
from kernels.device.device import Device
from kernels.device.workspace import Workspace
from kernels.force_fields.base import ForceField
from kernels.imaging.images import Images
from kernels.sample_frames import SampleFrames

PROBE = """
#include FORCE_FIELD

kernel void probe(SAMPLE_PARAMETERS, const int image, global const float *points, const int n, global float *fields,
                  global int *passed)
{
    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);
    const int i = get_global_id(0) * WIDTH;
    real at[3];
    for (int axis = 0; axis < 3; ++axis)
        for (int lane = 0; lane < WIDTH; ++lane)
            ((float *)&at[axis])[lane] = points[axis * n + i + lane];
    const field_t f = sample_field(&sample, at[0], at[1], at[2]);
    const mask past = sample_passed(&sample, at[0], at[1], at[2]);
    for (int lane = 0; lane < WIDTH; ++lane) {
        for (int q = 0; q < 9; ++q)
            fields[q * n + i + lane] = ((const float *)((const real *)&f + q))[lane];
        passed[i + lane] = ((const int *)&past)[lane] != 0;
    }
}
"""


def probe(
    device: Device, force_field: ForceField, atoms: Atoms, images: Images, frames: SampleFrames, points: Floats,
    image: int = 0, working_bytes: int = 1 << 28,
) -> tuple[Floats, Floats, np.ndarray]:  # fmt: skip
    """Return gradients (n, 3), Hessians (n, 3, 3) and whether the probe counts as lost (n,), at points (n, 3) in Å."""
    prepared = force_field.prepare(atoms, images, frames, images.origin, None)
    groups, _ = prepared.groups("probe", np.arange(len(images)), device.lanes)
    group = next(group for group in groups if image in group.images)
    n = -(-len(points) // 8) * 8
    columns = np.zeros((3, n), np.float32)
    columns[:, : len(points)] = (points - images.origin[image]).T
    memory = Workspace(device)
    buffers, copies = memory.upload(prepared.arrays() | {"points": columns})
    cl.enqueue_barrier(device.queue, copies)
    buffers |= prepared.launch(device, memory, working_bytes)
    fields, passed = memory.buffer("fields", 36 * n), memory.buffer("passed", 4 * n)
    kernel = cl.Kernel(device.build(PROBE, FORCE_FIELD=prepared.file, **group.defines), "probe")
    arguments = [*prepared.arguments(group, buffers), np.int32(image), buffers["points"], np.int32(n), fields, passed]
    device.launch(kernel, (n // device.lanes,), (1,), *arguments)
    out, lost = np.empty((9, n), np.float32), np.empty(n, np.int32)
    cl.enqueue_copy(device.queue, out, fields)
    cl.enqueue_copy(device.queue, lost, passed)
    gx, gy, gz, xx, xy, xz, yy, yz, zz = out[:, : len(points)].astype(np.float64)
    hessian = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]).transpose(2, 0, 1)
    return np.stack((gx, gy, gz), axis=1), hessian, lost[: len(points)] != 0
