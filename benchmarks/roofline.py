"""What imaging asks of a device: how often an atom meets a probe particle, and how many operations that is.

Counted in the program itself: a copy of it with a counter in the Newton loop.
"""

import time
from dataclasses import dataclass, replace

import numpy as np

from kernels import Device, Simulator
from kernels.imaging import launch_imaging
from kernels.parts import Part
from kernels.simulator import Prepared
from kernels.workspace import Workspace

# Floating-point instructions of NVIDIA's compiler for one atom under a tip whose lowest moment is a quadrupole, as the
# CO tip's is, from the disassembled loop (sm_90): 26 fused multiply-adds, 22 multiplications, 7 additions, a root.
ATOM_OPERATIONS = 2 * 26 + 22 + 7 + 1
# Of a Newton step besides its atoms: spring, elimination, tangent, step, prediction; counted in relax.cl, imaging.cl.
STEP_OPERATIONS = 260
_COUNTED = (
    ("    int n_charges;\n", "    int n_charges;\n    global int *count;\n"),
    ("    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);\n",
     "    sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);\n    sample.count = quality + image;\n"),
    ("        const field_t f = sample_field(sample,",
     "        atomic_inc(sample->count);\n        const field_t f = sample_field(sample,"),
    ("    if (flags)\n        atomic_or(quality + image, flags);\n", ""),
)  # fmt: skip


class _Counting(Device):
    """The device, whose imaging programs count Newton steps where flags would be."""

    def source(self, *names: str) -> str:
        text = super().source(*names)
        if "imaging" not in names:
            return text
        for old, new in _COUNTED:
            if old not in text:
                raise RuntimeError(f"the kernels no longer say {old!r}")
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class Imaging:
    """Of a batch of images: Newton steps a pixel, operations and seconds of all of them."""

    steps: float
    operations: float
    seconds: float


def measure(device: Device, prepared: Prepared, atoms: int, runs: int) -> Imaging:
    """The imaging of a prepared batch; atoms is how many there are in all its images."""
    images, (nx, ny) = len(prepared.molecule), prepared.dim
    counting = Simulator(_Counting(device.context.devices[0], device.lanes))
    bare = replace(prepared, sheets=(replace(prepared.sheets[0], drawings=()),))
    counts = counting.start(bare).wait().quality.astype(float)
    steps = counts.sum() / (images * nx * ny / device.lanes)
    mean = atoms / images
    operations = steps * images * nx * ny * (mean * ATOM_OPERATIONS + STEP_OPERATIONS)
    return Imaging(steps, operations, _seconds(device, prepared, runs))


def _seconds(device: Device, prepared: Prepared, runs: int) -> float:
    """Of one launch among several in a row: a device that was idle needs a while to reach its pace."""
    images, (nx, ny) = len(prepared.molecule), prepared.dim
    memory = Workspace(device)
    buffers, _ = memory.upload(prepared.arrays)
    df = memory.buffer("df", 4 * images * nx * ny * prepared.n_out)
    device.finish()

    def launch(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            launch_imaging(
                device, prepared.force, prepared.imaging, buffers, prepared.dim,
                Part(range(images), range(nx), range(0)), df, buffers["quality"],
            )  # fmt: skip
        device.finish()
        return (time.perf_counter() - began) / times

    once = launch(1)
    times = int(np.clip(0.2 / once, 1, 50))
    return float(np.median([launch(times) for _ in range(runs)]))
