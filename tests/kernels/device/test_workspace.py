import numpy as np
import pyopencl as cl

from kernels.device.device import Device
from kernels.device.workspace import Workspace


def test_a_buffer_grows_and_is_kept(device: Device) -> None:
    memory = Workspace(device)
    small = memory.buffer("growing", 10)
    assert memory.buffer("growing", 5) is small
    assert memory.buffer("growing", 1000).size >= 1000


def test_arrays_arrive_whole(device: Device) -> None:
    memory = Workspace(device)
    for n in (3, 7, 5):
        arrays = {"a": np.arange(n, dtype=np.int32), "none": np.zeros(0, np.float32), "b": np.arange(n, 0.0, -1.0)[::2]}
        buffers, copies = memory.upload(arrays)
        copies[-1].wait()
        for name, array in arrays.items():
            back = np.empty_like(array)
            if back.nbytes:
                cl.enqueue_copy(device.queue, back, buffers[name])
            assert np.array_equal(back, array)
