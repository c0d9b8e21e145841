"""A job's batches for PyTorch: a dataset that shares them out, and a DataLoader that knows how far training is."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from afmbatch_client.batch import Batch
from afmbatch_client.job import Job
from afmbatch_client.loader import Shares

Tensors = dict[str, torch.Tensor]


class Batches(IterableDataset[Tensors]):
    """This rank's batches of a job, in order (see afmbatch_client.loader), each a dict of tensors.

    Tensors look into the bytes that were received; where a file does not align its arrays, they are copied once. Texts
    are left out; `batch` is the batch's number. `arrays`: only these. Rank and world size: as given, or of
    torch.distributed, or of RANK and WORLD_SIZE, at the time this is made.

    Iterating goes on from `start`, the number of batches that all ranks together have consumed, and counts it up;
    after the last batch, from 0. In the workers of a DataLoader this process can't count: use Loader.
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
        self.rank, self.world_size = _place(rank, world_size)
        self.start = start
        self._arrays = arrays
        self._prefetch = prefetch

    def state_dict(self) -> dict[str, int]:
        """The one integer; the same on every rank after the same number of steps."""
        return {"start": self.start}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there, with any world size."""
        self.start = state["start"]

    def total(self) -> float:
        """Batches of the job; infinite for a stream without end."""
        total = self.job.status()["counts"]["batches"]
        return float("inf") if total is None else total

    def counted(self, items: Iterator[Tensors]) -> Iterator[Tensors]:
        """The same items, this rank's from `start` on, which counts each as soon as it is handed out."""
        total = self.total()
        for item in items:
            self.start = int(min(self.start + self.world_size, total))
            yield item
        self.start = int(total)

    def __iter__(self) -> Iterator[Tensors]:
        start = 0 if self.start >= self.total() else self.start
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        shares = Shares(self.job, self.rank, self.world_size, worker, workers, start, self._prefetch)
        items: Iterator[Tensors] = (self._tensors(batch) for batch in shares)
        if info is None:
            self.start = start
            items = self.counted(items)
        yield from items

    def _tensors(self, batch: Batch) -> Tensors:
        names = [n for n, a in batch.items() if a.dtype.kind in "fiub"] if self._arrays is None else self._arrays
        return {"batch": torch.tensor(batch.number), **{name: _tensor(batch[name]) for name in names}}


class Loader(DataLoader[Tensors]):
    """A DataLoader of Batches whose state is what this process was given, however far its workers are ahead."""

    dataset: Batches

    def __init__(self, dataset: Batches, **options: Any) -> None:
        if options.get("persistent_workers"):
            raise ValueError("persistent workers would begin where the first pass began")
        super().__init__(dataset, batch_size=None, **options)

    def __iter__(self) -> Iterator[Tensors]:
        if self.num_workers == 0:
            yield from super().__iter__()
            return
        if self.dataset.start >= self.dataset.total():
            self.dataset.start = 0
        yield from self.dataset.counted(super().__iter__())

    def state_dict(self) -> dict[str, int]:
        """The one integer."""
        return self.dataset.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there at the next iteration."""
        self.dataset.load_state_dict(state)


def _tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(array if array.flags.aligned else array.copy())


def _place(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if (rank is None) != (world_size is None):
        raise ValueError("rank and world_size are given together, or neither")
    if rank is not None and world_size is not None:
        return rank, world_size
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
