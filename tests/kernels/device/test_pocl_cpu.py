"""A PoCL device object gets a processor name that its compiler knows, and programs can be built."""

import ctypes

import pytest

from kernels.device.pocl_cpu import name_cpu

AVX2 = {"avx2", "fma", "f16c", "bmi1", "bmi2", "movbe"}
AVX512 = AVX2 | {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def device_object(name: bytes):
    """Return a struct like PoCL's, with a pointer to the processor's name among other words, and the name."""
    text = ctypes.create_string_buffer(name, 24)
    words = (ctypes.c_uint64 * 512)(*range(512))
    words[80] = ctypes.addressof(text)
    return words, text


@pytest.mark.parametrize(("flags", "expected"), [(AVX512, "skx"), (AVX2, "haswell"), ({"sse2", "avx"}, "x86-64")])
def test_unknown_processor_gets_a_name_by_its_features(flags, expected):
    words, text = device_object(b"generic")
    assert name_cpu(ctypes.addressof(words), flags) == expected
    assert text.value == expected.encode()


def test_known_processor_keeps_its_name():
    words, text = device_object(b"znver3")
    assert name_cpu(ctypes.addressof(words), AVX512) is None
    assert text.value == b"znver3"


def test_pocl_builds_a_program(device):
    program = device.build("kernel void nothing(global float *a) { a[0] = 1.0f; }")
    assert program.kernel_names == "nothing"
