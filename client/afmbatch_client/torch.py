"""A job's batches for PyTorch: a dataset that divides them among the ranks, and a DataLoader that can be resumed."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from afmbatch_client.batch import Batch
from afmbatch_client.job import Job
from afmbatch_client.rank_batches import RankBatches

Tensors = dict[str, torch.Tensor]


class Batches(IterableDataset[Tensors]):
    """The batches of one rank, in order (see afmbatch_client.rank_batches), each as a dict of tensors.

    Tensors are views of the bytes that were received; arrays that are not aligned in the file are copied once. Text
    arrays are left out; `batch` is the batch's number. `arrays` limits the tensors to these names. Rank and world size
    are those given, or else those of torch.distributed, or else RANK and WORLD_SIZE, at the time of construction.

    Iteration continues at `start`, the number of batches that all ranks together have consumed, and counts it up; after
    the last batch the next iteration begins at 0. This process can't count what the worker processes of a DataLoader
    read: use Loader there.
    """

    def __init__(
        self,
        job: Job,
        *,
        arrays: Sequence[str] | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        start: int = 0,
        prefetch: int = 4,
    ) -> None:
        self.job = job
        self.rank, self.world_size = _rank_and_world_size(rank, world_size)
        self.start = start
        self._arrays = arrays
        self._prefetch = prefetch

    def state_dict(self) -> dict[str, int]:
        """Return `start`, which is the same on every rank after the same number of steps."""
        return {"start": self.start}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from a saved state, with any world size."""
        self.start = state["start"]

    def total(self) -> float:
        """Return the number of batches of the job; infinity for an endless stream."""
        total = self.job.status()["counts"]["batches"]
        return float("inf") if total is None else total

    def count_consumed(self, items: Iterator[Tensors]) -> Iterator[Tensors]:
        """Yield the items of this rank from `start` on, advancing `start` with each."""
        total = self.total()
        for item in items:
            self.start = int(min(self.start + self.world_size, total))
            yield item
        self.start = int(total)

    def __iter__(self) -> Iterator[Tensors]:
        start = 0 if self.start >= self.total() else self.start
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        batches = RankBatches(self.job, self.rank, self.world_size, worker, workers, start, self._prefetch)
        items: Iterator[Tensors] = (self._tensors(batch) for batch in batches)
        if info is None:
            self.start = start
            items = self.count_consumed(items)
        yield from items

    def _tensors(self, batch: Batch) -> Tensors:
        names = [n for n, a in batch.items() if a.dtype.kind in "fiub"] if self._arrays is None else self._arrays
        return {"batch": torch.tensor(batch.number), **{name: _tensor(batch[name]) for name in names}}


class Loader(DataLoader[Tensors]):
    """A DataLoader of Batches. Its state counts the batches that it has yielded, not those that its workers fetched."""

    dataset: Batches

    def __init__(self, dataset: Batches, **options: Any) -> None:
        if options.get("persistent_workers"):
            raise ValueError("persistent_workers is not supported: each pass would begin where the first one began")
        super().__init__(dataset, batch_size=None, **options)

    def __iter__(self) -> Iterator[Tensors]:
        if self.num_workers == 0:
            yield from super().__iter__()
            return
        if self.dataset.start >= self.dataset.total():
            self.dataset.start = 0
        yield from self.dataset.count_consumed(super().__iter__())

    def state_dict(self) -> dict[str, int]:
        """Return the state of the dataset: `start`."""
        return self.dataset.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from a saved state at the next iteration."""
        self.dataset.load_state_dict(state)


def _tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(array if array.flags.aligned else array.copy())


def _rank_and_world_size(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if (rank is None) != (world_size is None):
        raise ValueError("give rank and world_size together, or neither")
    if rank is not None and world_size is not None:
        return rank, world_size
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
