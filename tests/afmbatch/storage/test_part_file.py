"""A file in several objects reads like one file."""

import io
import random

import pytest

from afmbatch.storage.object_store import ObjectStore
from afmbatch.storage.part_file import PartFile


@pytest.fixture(params=["directory", "bucket"])
def store(request, tmp_path):
    return ObjectStore(tmp_path.as_uri() if request.param == "directory" else "memory:///")


@pytest.mark.parametrize("buffer_bytes", [1, 5, 1 << 16])
def test_reading_and_seeking_as_in_memory(store, buffer_bytes):
    random_numbers = random.Random(1)  # noqa: S311 - positions in a test
    parts = [random_numbers.randbytes(size) for size in (3, 1, 10, 7)]
    for i, part in enumerate(parts):
        store.put(f"p{i}", part)
    with io.BufferedReader(PartFile(store, [(f"p{i}", len(part)) for i, part in enumerate(parts)]), buffer_bytes) as f:
        wanted = io.BytesIO(b"".join(parts))
        for _ in range(200):
            whence = random_numbers.choice((io.SEEK_SET, io.SEEK_CUR, io.SEEK_END))
            low = {io.SEEK_SET: 0, io.SEEK_CUR: -wanted.tell(), io.SEEK_END: -21}[whence]
            offset, size = random_numbers.randint(low, low + 30), random_numbers.randint(0, 25)
            assert f.seek(offset, whence) == wanted.seek(offset, whence)
            assert f.read(size) == wanted.read(size)
        with pytest.raises((ValueError, OSError)):
            f.seek(-100)
