"""Batch: arrays as attributes, meta as a document, pickling."""

import pickle

import numpy as np
import pytest

from afmbatch.storage.batch_file import npz_chunks
from afmbatch_client import Batch


@pytest.fixture
def batch():
    arrays = {"afm": np.ones((2, 1, 3), np.float32), "meta": np.array('{"format": 1}')}
    return Batch(7, "0" * 64, np.frombuffer(bytearray(b"".join(npz_chunks(arrays))), np.uint8))


def test_arrays_by_name(batch):
    assert batch.afm is batch["afm"]
    assert list(batch) == ["afm", "meta"]
    assert "afm" in dir(batch)
    assert "batch 7: afm float32 (2, 1, 3)" in repr(batch)


def test_meta_is_read(batch):
    assert batch.meta == {"format": 1}


def test_a_name_that_is_not_there(batch):
    with pytest.raises(AttributeError, match="desc"):
        batch.desc  # noqa: B018
    with pytest.raises(KeyError):
        batch["desc"]


def test_it_can_be_sent_to_another_process(batch):
    again = pickle.loads(pickle.dumps(batch))  # noqa: S301
    np.testing.assert_array_equal(again.afm, batch.afm)
    assert (again.number, again.sha256) == (7, "0" * 64)
