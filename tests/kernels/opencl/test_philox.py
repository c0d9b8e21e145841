"""The generator gives the words that its authors publish, and those of the host's implementation."""

import numpy as np
import pyopencl as cl
import pytest

from afmbatch.sampling.philox import philox
from kernels.device.device import Device
from tests.kernels import oracle

RUN = """
#include "opencl/philox.cl"

kernel void words(const uint2 key, global const uint *counters, const int n, global uint *out)
{
    words_t c;
    for (int i = 0; i < 4; ++i)
        for (int lane = 0; lane < WIDTH; ++lane)
            ((uint *)&c.w[i])[lane] = counters[4 * ((get_global_id(0) * WIDTH + lane) % n) + i];
    const words_t r = philox(key, c);
    for (int i = 0; i < 4; ++i)
        for (int lane = 0; lane < WIDTH; ++lane)
            if (get_global_id(0) * WIDTH + lane < n)
                out[4 * (get_global_id(0) * WIDTH + lane) + i] = ((const uint *)&r.w[i])[lane];
}
"""
# Random123's kat_vectors: counter, key, words.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(device: Device, key: int, counters: np.ndarray) -> np.ndarray:
    program = device.build(RUN)
    given, out = np.ascontiguousarray(counters, np.uint32), np.empty(counters.shape, np.uint32)
    buffer = cl.Buffer(device.context, cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR, hostbuf=given)
    result = cl.Buffer(device.context, cl.mem_flags.WRITE_ONLY, out.nbytes)
    halves = np.array([key & 0xFFFFFFFF, key >> 32], np.uint32)
    arguments = halves, buffer, np.int32(len(given)), result
    device.launch(cl.Kernel(program, "words"), (-(-len(given) // device.lanes),), (4,), *arguments)
    cl.enqueue_copy(device.queue, out, result)
    return out


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
@pytest.mark.parametrize(("counter", "key", "want"), KNOWN)
def test_known_answers(lanes: str, counter: str, key: str, want: str, request: pytest.FixtureRequest) -> None:
    low, high = (int(word, 16) for word in key.split())
    given = np.array([[int(word, 16) for word in counter.split()]])
    got = words(request.getfixturevalue(lanes), high << 32 | low, given)
    assert [f"{word:08x}" for word in got[0]] == want.split()
    assert np.array_equal(oracle.philox(high << 32 | low, given), got)


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_the_hosts_generator_gives_the_same_words(lanes: str, request: pytest.FixtureRequest) -> None:
    key = 0xFEDCBA9876543210
    counters = np.random.default_rng(1).integers(0, 1 << 32, (1003, 4), dtype=np.uint64)
    got = words(request.getfixturevalue(lanes), key, counters)
    assert np.array_equal(got, philox(key, counters.T).T)
