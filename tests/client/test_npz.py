"""Npz: the same arrays as numpy reads, without a copy."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from afmbatch.storage.batch_file import npz_chunks
from afmbatch_client import CorruptData
from afmbatch_client.npz import Npz

KINDS = st.sampled_from(["<f4", "<f8", "<i4", "<i8", "|u1", "|b1", "<U5", ">f4"])
ARRAYS = st.dictionaries(
    st.text("abcdefgh_é", min_size=1, max_size=5),
    KINDS.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))),
    min_size=1,
    max_size=5,
)


def buffer_of(data):
    return np.frombuffer(bytearray(data), np.uint8)


def saved(save, **arrays):
    f = io.BytesIO()
    save(f, **arrays)
    return buffer_of(f.getvalue())


@given(ARRAYS)
def test_the_services_files_are_read_as_numpy_reads_them(arrays):
    data = b"".join(npz_chunks(arrays))
    found, expected = Npz(buffer_of(data)), np.load(io.BytesIO(data), allow_pickle=False)
    assert list(found) == list(expected)
    for name in expected:
        assert found[name].dtype == expected[name].dtype
        np.testing.assert_array_equal(found[name], expected[name])


@given(ARRAYS)
def test_files_of_savez_are_read_as_numpy_reads_them(arrays):
    found = Npz(saved(np.savez, **arrays))
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_arrays_are_writable_views_of_the_buffer():
    buffer = saved(np.savez, afm=np.arange(24.0).reshape(2, 3, 4), fortran=np.asfortranarray(np.eye(3)))
    npz = Npz(buffer)
    for array in npz.values():
        assert np.shares_memory(array, buffer)
        assert array.flags.writeable
    assert npz["fortran"].flags.f_contiguous
    assert npz["afm"] is npz["afm"]


def test_compressed_arrays_are_read_too():
    npz = Npz(saved(np.savez_compressed, afm=np.arange(1000.0)))
    np.testing.assert_array_equal(npz["afm"], np.arange(1000.0))
    assert npz["afm"].flags.writeable


def test_arrays_of_objects_are_refused():
    with pytest.raises(CorruptData, match="object"):
        Npz(saved(np.savez, a=np.array([None])))["a"]


def test_bytes_that_are_not_an_npz_file():
    with pytest.raises(CorruptData, match="zip"):
        Npz(buffer_of(b"<html>" * 100))


def test_a_member_that_is_not_an_array():
    f = saved(np.savez, a=np.arange(3))
    f[f.tobytes().index(b"\x93NUMPY")] ^= 0xFF
    with pytest.raises(CorruptData, match=r"a\.npy"):
        Npz(f)["a"]
