import io
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from afmbatch.storage.batch_file import npz_chunks
from afmbatch.storage.zip_writer import CHUNK_BYTES

ARRAYS = {"afm": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "meta": np.array('{"Δf": 1}')}
LARGE = {"afm": np.arange(700_000, dtype=np.float32).reshape(7, -1), "desc": np.ones(3), "tip": np.zeros((90, 1000))}


def file(arrays):
    return b"".join(npz_chunks(arrays))


@given(
    st.dictionaries(
        st.text(st.characters(min_codepoint=97, max_codepoint=0x3C9, categories=["Ll"]), min_size=1, max_size=9),
        arrays_of.arrays(
            st.sampled_from(["f4", "i8", "u1", "U3", "?"]), arrays_of.array_shapes(min_dims=0, max_side=4, min_side=0)
        ),
        min_size=1,
    )
)
def test_opens_without_pickle_and_keeps_shapes_and_types(arrays):
    with np.load(io.BytesIO(file(arrays)), allow_pickle=False) as f:
        assert list(f) == list(arrays)
        for name, array in arrays.items():
            assert f[name].dtype == array.dtype
            assert f[name].shape == array.shape
            assert f[name].tobytes() == array.tobytes()


def test_other_programs_can_read_it(tmp_path):
    (tmp_path / "b.npz").write_bytes(file(LARGE))
    with zipfile.ZipFile(tmp_path / "b.npz") as z:
        assert z.testzip() is None
        assert {i.date_time for i in z.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {i.compress_type for i in z.infolist()} == {zipfile.ZIP_STORED}
    if (unzip := shutil.which("unzip")) is not None:  # test with another program, if it is installed
        tested = subprocess.run([unzip, "-t", tmp_path / "b.npz"], capture_output=True, text=True, check=False)
        assert tested.returncode == 0, tested.stdout + tested.stderr


def test_bytes_follow_from_the_arrays_alone():
    strided = {"afm": np.asfortranarray(ARRAYS["afm"]), "meta": ARRAYS["meta"]}
    assert file(ARRAYS) == file(strided)


def test_large_arrays_are_not_copied():
    view_bytes = 0
    for chunk in npz_chunks(LARGE):
        assert len(chunk) <= 2 * CHUNK_BYTES
        if isinstance(chunk, memoryview):
            assert any(np.shares_memory(np.frombuffer(chunk, np.uint8), array) for array in LARGE.values())
            view_bytes += len(chunk)
    assert view_bytes >= 0.95 * sum(array.nbytes for array in LARGE.values())


def test_objects_are_refused():
    with pytest.raises(ValueError, match="object arrays"):
        file({"x": np.array([{}], dtype=object)})


@given(
    st.lists(
        st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=70), min_size=1, unique=True
    )
)
def test_arrays_are_aligned_so_that_they_can_be_used_in_place(names):
    data = file({name: np.arange(i + 1.0) for i, name in enumerate(names)})
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        for entry in z.infolist():
            name, extra = (int.from_bytes(data[entry.header_offset + at :][:2], "little") for at in (26, 28))
            assert (entry.header_offset + 30 + name + extra) % 64 == 0
