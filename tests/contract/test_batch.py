import io
import zipfile

import numpy as np
import pytest

from service.contract.batch import digest, encode

ARRAYS = {"afm": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "meta": np.array('{"Δf": 1}')}


def test_opens_without_pickle_and_keeps_shapes_and_types():
    with np.load(io.BytesIO(encode(ARRAYS)), allow_pickle=False) as f:
        assert list(f) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert f[name].dtype == array.dtype
            assert f[name].shape == array.shape
            assert np.array_equal(f[name], array)


def test_bytes_follow_from_the_arrays_alone():
    strided = {"afm": np.asfortranarray(ARRAYS["afm"]), "meta": ARRAYS["meta"]}
    assert digest(encode(ARRAYS)) == digest(encode(strided))
    with zipfile.ZipFile(io.BytesIO(encode(ARRAYS))) as z:
        assert {i.date_time for i in z.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {i.compress_type for i in z.infolist()} == {zipfile.ZIP_STORED}


def test_objects_are_refused():
    with pytest.raises(ValueError, match="Object arrays"):
        encode({"x": np.array([{}], dtype=object)})
