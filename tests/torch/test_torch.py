"""Batches and Loader: order, division among ranks, the saved state, and that no tensor is copied without need."""

import itertools
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from afmbatch_client import Batch
from afmbatch_client.npz import Npz
from afmbatch_client.torch import Batches, Loader
from tests.client.stand_in import npz_of

from .conftest import BATCHES

ALL = list(range(BATCHES))
WORKERS = [(0, None), (1, "fork"), (2, "spawn")]


def numbers(items):
    """Return the numbers of the batches, after checking their tensors."""
    read = []
    for item in items:
        assert torch.all(item["afm"] == item["batch"])
        assert item["structure"].tolist() == [item["batch"]] * 2
        read.append(int(item["batch"]))
    return read


def loader(job, workers, context, **options):
    return Loader(Batches(job, **options), num_workers=workers, multiprocessing_context=context)


@pytest.mark.parametrize(("workers", "context"), WORKERS)
def test_a_rank_reads_its_batches_in_order_with_any_number_of_workers(job, workers, context):
    for rank in range(2):
        assert numbers(loader(job, workers, context, rank=rank, world_size=2)) == ALL[rank::2]


@pytest.mark.parametrize(("workers", "context"), WORKERS)
def test_the_state_counts_yielded_batches_not_fetched_ones(job, workers, context):
    two = [loader(job, workers, context, rank=rank, world_size=2) for rank in range(2)]
    read = [numbers(itertools.islice(iter(one), 4)) for one in two]
    states = [one.state_dict() for one in two]
    assert states == [{"start": 8}] * 2
    for rank in range(3):
        one = loader(job, workers, context, rank=rank, world_size=3)
        one.load_state_dict(states[0])
        read.append(numbers(one))
    assert sorted(itertools.chain(*read)) == ALL


@pytest.mark.parametrize(("workers", "context"), WORKERS[:2])
def test_after_the_last_batch_a_pass_begins_anew(job, workers, context):
    one = loader(job, workers, context, rank=1, world_size=2, start=20)
    assert numbers(one) == [21]
    assert one.state_dict() == {"start": BATCHES}
    assert numbers(one) == ALL[1::2]


@pytest.mark.parametrize(("workers", "context"), WORKERS[:2])
def test_a_stream(stream, workers, context):
    one = loader(stream, workers, context)
    assert numbers(itertools.islice(iter(one), 30)) == list(range(30))
    one = loader(stream, workers, context, start=10)
    assert numbers(itertools.islice(iter(one), 30)) == list(range(10, 40))


def test_an_ordinary_dataloader_reads_batches_too(job):
    assert numbers(DataLoader(Batches(job), batch_size=None)) == ALL


def test_persistent_workers_are_refused(job):
    with pytest.raises(ValueError, match="persistent"):
        Loader(Batches(job), num_workers=1, persistent_workers=True)


def test_only_the_arrays_asked_for(job):
    assert next(iter(Batches(job, arrays=["afm"]))).keys() == {"batch", "afm"}
    assert next(iter(Batches(job))).keys() == {"batch", "afm", "structure"}


@pytest.mark.filterwarnings("error")
def test_tensors_are_views_of_the_received_bytes(job):
    data = npz_of(3)
    for shift in range(2):  # one of the two is not aligned
        memory = np.zeros(len(data) + 1, np.uint8)
        buffer = memory[shift : shift + len(data)]
        buffer[:] = np.frombuffer(data, np.uint8)
        tensors = Batches(job)._tensors(Batch(3, "", buffer))
        aligned = Npz(buffer)["afm"].flags.aligned
        assert np.shares_memory(tensors["afm"].numpy(), memory) == aligned
        assert tensors["afm"].data_ptr() % 4 == 0
        tensors["afm"] += 1
        assert torch.all(tensors["afm"] == 4)


def test_rank_and_world_size_of_this_process(job, monkeypatch, tmp_path):
    def rank_and_world_size():
        batches = Batches(job)
        return batches.rank, batches.world_size

    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert rank_and_world_size() == (0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert rank_and_world_size() == (2, 4)
    with pytest.raises(ValueError, match="together"):
        Batches(job, rank=1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        assert rank_and_world_size() == (0, 1)
    finally:
        torch.distributed.destroy_process_group()


def test_a_dataset_is_pickled_with_its_rank_and_start(job):
    again = pickle.loads(pickle.dumps(Batches(job, rank=1, world_size=2, start=4)))  # noqa: S301
    assert numbers(itertools.islice(iter(again), 2)) == [5, 7]
