"""Batch files in a directory and in a bucket are stored under the key of their content, completely or not at all."""

import hashlib

import pytest

from afmbatch.storage.object_store import ObjectStore, batch_key, job_prefix

CHUNKS = [b"ab", memoryview(b"c" * 3_000_000), b"d"]
DATA = b"".join(CHUNKS)


@pytest.fixture
def directory(tmp_path):
    return ObjectStore(tmp_path.as_uri())


@pytest.fixture(params=["directory", "bucket"])
def store(request, directory):
    return directory if request.param == "directory" else ObjectStore("memory:///")


def test_a_batch_is_stored_under_the_key_of_its_content(store):
    content = store.put_batch("job-1", 7, iter(CHUNKS))
    assert (content.bytes, content.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    key = batch_key("job-1", 7, content.sha256)
    assert store.keys("") == [key]
    assert store.get(key) == DATA


def test_two_files_of_a_batch_do_not_overwrite_each_other(store):
    contents = [store.put_batch("job-1", 7, [data]) for data in (b"of a CPU", b"of a GPU", b"of a CPU")]
    assert [store.get(batch_key("job-1", 7, c.sha256)) for c in contents] == [b"of a CPU", b"of a GPU", b"of a CPU"]
    assert len(store.keys("")) == 2


def test_an_error_leaves_no_file_behind(store):
    def failing():
        yield b"begun"
        raise MemoryError

    with pytest.raises(MemoryError):
        store.put_batch("job-1", 7, failing())
    assert store.keys("") == []


def test_a_job_removed_while_its_batch_is_written(directory):
    def removing():
        yield b"begun"
        directory.delete_prefix(job_prefix("job-1"))
        yield b"ended"

    with pytest.raises(FileNotFoundError):
        directory.put_batch("job-1", 7, removing())
    assert directory.keys("") == []


def test_an_object_in_chunks(store):
    store.put_chunks("some/key", iter(CHUNKS))
    store.put_chunks("some/key", iter(CHUNKS))
    assert store.get("some/key") == DATA
    assert store.keys("") == ["some/key"]


def test_chunks_that_fail_leave_no_object(directory):
    def failing():
        yield b"begun"
        raise MemoryError

    with pytest.raises(MemoryError):
        directory.put_chunks("some/key", failing())
    assert directory.keys("") == []
