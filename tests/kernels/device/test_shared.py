"""Structs and constants are the same on host and device."""

import numpy as np
import pyopencl as cl
import pytest
from pyopencl.tools import match_dtype_to_c_struct

from kernels.descriptors.surface import LEVELS
from kernels.device.device import Device
from kernels.device.shared import share_constants, share_struct
from kernels.errors import BuildFailed
from kernels.force_fields.lj_pc.lj_pc import TIP
from kernels.imaging.imaging import IMAGE, SPRING
from kernels.imaging.quality import Quality
from kernels.noise.base import SLICE
from kernels.noise.drift import SHIFT
from kernels.noise.white import WHITE

INNER = share_struct("test_inner_t", [("a", "f4"), ("b", "i4", 2)])
OUTER = share_struct("test_outer_t", [("first", "i4"), ("inner", INNER), ("last", "f4")])
share_constants("test_constants", TEST_FLAG=5, TEST_HALF=0.5)
RUN = """
#include <quality>
#include <test_constants>
#include <test_outer_t>

kernel void run(global const test_outer_t *in, global float *out)
{
    const test_outer_t t = in[get_global_id(0)];
    const float all[] = {t.first, t.inner.a, t.inner.b[0], t.inner.b[1], t.last, TEST_FLAG, TEST_HALF, QUALITY_LEFT};
    for (int i = 0; i < 8; ++i)
        out[8 * get_global_id(0) + i] = all[i];
}
"""


def test_kernels_read_structs_as_numpy_writes_them(device: Device) -> None:
    table = np.zeros(2, OUTER)
    table["first"], table["last"] = [1, 7], [6.5, 12.5]
    table["inner"]["a"], table["inner"]["b"] = [2.5, 8.5], [[3, 4], [9, 10]]
    out = np.zeros((2, 8), np.float32)
    given = cl.Buffer(device.context, cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR, hostbuf=table)
    result = cl.Buffer(device.context, cl.mem_flags.WRITE_ONLY, out.nbytes)
    device.launch(cl.Kernel(device.build(RUN), "run"), (2,), (1,), given, result)
    cl.enqueue_copy(device.queue, out, result)
    constants = [5, 0.5, int(Quality.LEFT)]
    assert out.tolist() == [[1, 2.5, 3, 4, 6.5, *constants], [7, 8.5, 9, 10, 12.5, *constants]]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("test_outer_t", OUTER), ("spring_t", SPRING), ("image_t", IMAGE), ("tip_t", TIP), ("levels_t", LEVELS),
     ("slice_t", SLICE), ("shift_t", SHIFT), ("white_t", WHITE)],
)  # fmt: skip
def test_devices_lay_structs_out_as_numpy_does(device: Device, name: str, dtype: np.dtype) -> None:
    on_device, _ = match_dtype_to_c_struct(device.context.devices[0], name, dtype, device.context)
    assert on_device == dtype


def test_structs_that_c_would_pad_are_refused() -> None:
    with pytest.raises(ValueError, match="struct test_padded_t: C pads these fields to 8 bytes, numpy has 5"):
        share_struct("test_padded_t", [("a", "u1"), ("b", "f4")])


def test_names_are_shared_once_and_must_exist(device: Device) -> None:
    with pytest.raises(ValueError, match="test_inner_t"):
        share_struct("test_inner_t", [("c", "f4")])
    with pytest.raises(ValueError, match="test_constants"):
        share_constants("test_constants", OTHER=1)
    with pytest.raises(BuildFailed, match="nothing_t"):
        device.source("#include <nothing_t>")
