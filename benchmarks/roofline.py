"""Counts the floating-point operations of imaging and measures its time.

The Newton steps are counted by a copy of the program with a counter in the Newton loop.
"""

import time
from dataclasses import dataclass, replace

import numpy as np

from kernels import Device, Simulator
from kernels.device.device import Define
from kernels.device.workspace import Workspace
from kernels.imaging.imaging import launch_imaging
from kernels.partition import Partition
from kernels.simulator import Prepared

# Floating-point instructions of NVIDIA's compiler for one atom under a tip whose lowest moment is a quadrupole, as the
# CO tip's is, from the disassembled loop (sm_90): 26 fused multiply-adds, 22 multiplications, 7 additions, a root.
ATOM_OPERATIONS = 2 * 26 + 22 + 7 + 1
# Operations of a Newton step besides its atoms: spring, elimination, tangent, step, prediction (relax.cl, imaging.cl).
STEP_OPERATIONS = 260
_COUNTED = (
    ("    int n_charges;\n", "    int n_charges;\n    global int *count;\n"),
    ("    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);\n",
     "    sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);\n    sample.count = quality + image;\n"),
    ("        const field_t f = sample_field(sample,",
     "        atomic_inc(sample->count);\n        const field_t f = sample_field(sample,"),
    ("    if (flags)\n        atomic_or(quality + image, flags);\n", ""),
)  # fmt: skip


class _CountingDevice(Device):
    """A device whose imaging programs count Newton steps in place of the images' flags."""

    def source(self, text: str, **defines: Define) -> str:
        text = super().source(text, **defines)
        if "kernel void imaging(" not in text:
            return text
        for old, new in _COUNTED:
            if old not in text:
                raise RuntimeError(f"the source of imaging no longer contains {old!r}")
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class Imaging:
    """The cost of imaging a batch."""

    steps: float  #: mean number of Newton steps of a pixel
    operations: float  #: number of floating-point operations of the batch
    seconds: float  #: time of the batch, in seconds


def measure(device: Device, prepared: Prepared, atoms: int, runs: int) -> Imaging:
    """Measure the imaging of a prepared batch; `atoms` is the number of atoms in all its images."""
    images, (nx, ny) = len(prepared.molecule), prepared.dim
    counting = Simulator(_CountingDevice(device.context.devices[0], device.lanes))
    bare = replace(prepared, map_arrays=(replace(prepared.map_arrays[0], descriptors=()),))
    counts = counting.start(bare).wait().quality.astype(float)
    steps = counts.sum() / (images * nx * ny / device.lanes)
    mean = atoms / images
    operations = steps * images * nx * ny * (mean * ATOM_OPERATIONS + STEP_OPERATIONS)
    return Imaging(steps, operations, _seconds(device, prepared, runs))


def _seconds(device: Device, prepared: Prepared, runs: int) -> float:
    """Return the time of one launch, in seconds: the mean of several, because an idle device takes time to speed up."""
    images, (nx, ny) = len(prepared.molecule), prepared.dim
    memory = Workspace(device)
    buffers, _ = memory.upload(prepared.arrays)
    df = memory.buffer("df", 4 * images * nx * ny * prepared.n_out)
    device.finish()

    def launch(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            launch_imaging(
                device, prepared.force_field, prepared.launches, buffers, prepared.dim,
                Partition(range(images), range(nx), range(0)), df,
            )  # fmt: skip
        device.finish()
        return (time.perf_counter() - began) / times

    once = launch(1)
    times = int(np.clip(0.2 / once, 1, 50))
    return float(np.median([launch(times) for _ in range(runs)]))
