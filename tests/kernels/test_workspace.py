import numpy as np
import pyopencl as cl

from kernels.device import Device
from kernels.workspace import Workspace, pack


def test_a_buffer_grows_and_is_kept(device: Device) -> None:
    memory = Workspace(device)
    small = memory.buffer("growing", 10)
    assert memory.buffer("growing", 5) is small
    assert memory.buffer("growing", 1000).size >= 1000


def test_packed_arrays_arrive_whole(device: Device) -> None:
    arrays = {"a": np.arange(7, dtype=np.int32), "none": np.zeros(0, np.float32), "b": np.arange(3.0)}
    buffers, done = Workspace(device).upload(pack(device, arrays))
    done.wait()
    for name, buffer in buffers.items():
        back = np.empty_like(arrays[name])
        if back.nbytes:
            cl.enqueue_copy(device.queue, back, buffer)
        assert np.array_equal(back, arrays[name])
