"""The plan of a job: its samples, batches and shards, and the parameters of each sample, from its recipe.

Samples are numbered by, from the slowest to the fastest: extent, epoch, structure, rotation, combination of the sweep.
Their numbers do not depend on the order in which they are made. Any sample can be made alone and is the same.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.noise import StepParameters, sample_noise
from afmbatch.sampling.parameters import ParameterSampler, SampleParameters, SamplePlaces
from afmbatch.sampling.permutation import Permutation
from afmbatch.sampling.random_numbers import Ints, RandomStream, SampleKeys
from afmbatch.sampling.recipe import Extent, Recipe
from afmbatch.spec.job import JobSpec


@dataclass(frozen=True, slots=True)
class _PlacedExtent:
    """An extent of a job, with the numbers at which its samples, batches, shards and epochs begin."""

    extent: Extent
    per_structure: int  #: samples of a structure in an epoch
    samples: int  #: samples that are made, which a limit may make fewer than there are
    first_number: int
    first_batch: int
    first_shard: int
    first_pass: int  #: number of epochs of all extents before, which makes the order of each epoch another
    batches: int
    batches_per_shard: int

    @property
    def per_epoch(self) -> int:
        """The number of samples in an epoch."""
        return self.extent.structures * self.per_structure

    @property
    def shards(self) -> int:
        """The number of shards."""
        return -(-self.batches // self.batches_per_shard)


@dataclass(frozen=True)
class Plan:
    """The plan that follows from a recipe."""

    recipe: Recipe

    @property
    def spec(self) -> JobSpec:
        """The spec of the job."""
        return self.recipe.spec

    @cached_property
    def _extents(self) -> list[_PlacedExtent]:
        spec, placed = self.spec, list[_PlacedExtent]()
        per_structure = spec.rotations.n * spec.sweep.n
        number = batch = shard = passes = 0
        for i, extent in enumerate(self.recipe.extents):
            available = extent.structures * per_structure * extent.epochs
            samples = available if spec.samples is None or i else min(spec.samples, available)
            batches = -(-samples // spec.batch_size)
            per_shard = self._batches_per_shard(samples)
            this = _PlacedExtent(extent, per_structure, samples, number, batch, shard, passes, batches, per_shard)
            placed.append(this)
            number, passes = number + available, passes + extent.epochs
            batch, shard = batch + batches, shard + this.shards
        return placed

    def _batches_per_shard(self, samples: int) -> int:
        """Return the size of a shard: jobs take turns by shards, so the largest take a worker on a CPU some seconds."""
        if (stream := self.recipe.stream) is not None:
            return stream.shard_batches
        return -(-min(max(100, samples // 256), 500) // self.spec.batch_size)

    @property
    def mean_atoms(self) -> float:
        """The mean number of atoms of a structure, at most, with its periodic images."""
        copies = self.spec.periodic.copies if self.spec.periodic else 1
        return copies * self.recipe.atoms / self.recipe.structures

    @property
    def available(self) -> int:
        """The number of different samples there are; all sample numbers are below it."""
        last = self._extents[-1]
        return last.first_number + last.per_epoch * last.extent.epochs

    @property
    def samples(self) -> int:
        """The number of samples the job makes."""
        if self.recipe.only is not None:
            return len(self.recipe.only)
        return sum(placed.samples for placed in self._extents)

    @property
    def batches(self) -> int:
        """The number of batches the job makes."""
        if self.recipe.only is not None:
            return -(-len(self.recipe.only) // self.spec.batch_size)
        return self._extents[-1].first_batch + self._extents[-1].batches

    @property
    def shards(self) -> int:
        """The number of shards, each of which is a task of the queue."""
        return 1 if self.recipe.only is not None else self._extents[-1].first_shard + self._extents[-1].shards

    def shard(self, shard: int) -> range:
        """Return the batch numbers of a shard."""
        if self.recipe.only is not None:
            return range(self.batches)
        placed = next(placed for placed in reversed(self._extents) if placed.first_shard <= shard)
        first = (shard - placed.first_shard) * placed.batches_per_shard
        last = min(first + placed.batches_per_shard, placed.batches)
        return range(placed.first_batch + first, placed.first_batch + last)

    def shard_of(self, batch: int) -> int:
        """Return the number of the shard that a batch is in."""
        if self.recipe.only is not None:
            return 0
        placed = self._extent_of(batch)
        return placed.first_shard + (batch - placed.first_batch) // placed.batches_per_shard

    def size(self, batch: int) -> int:
        """Return the number of samples in a batch."""
        size = self.spec.batch_size
        if self.recipe.only is not None:
            return min(size, len(self.recipe.only) - batch * size)
        placed = self._extent_of(batch)
        return min(size, placed.samples - (batch - placed.first_batch) * size)

    def _extent_of(self, batch: int) -> _PlacedExtent:
        return next(placed for placed in reversed(self._extents) if placed.first_batch <= batch)

    def numbers(self, *batches: int) -> Ints:
        """Return the sample numbers of batches, one batch after the other, each in its order: (Σ size,) int64."""
        size, only = self.spec.batch_size, self.recipe.only
        if only is not None:
            return np.array([number for b in batches for number in only[b * size : (b + 1) * size]], dtype=np.int64)
        by_extent = groupby(batches, self._extent_of)
        return np.concatenate([self._numbers_in(placed, list(group)) for placed, group in by_extent])

    def _numbers_in(self, placed: _PlacedExtent, batches: list[int]) -> Ints:
        """Return the sample numbers of batches that are all in one extent."""
        size = self.spec.batch_size
        begins = [(b - placed.first_batch) * size for b in batches]
        ends = [min(begin + size, placed.samples) for begin in begins]
        positions = np.concatenate([np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)])
        if not self.spec.shuffle:
            return placed.first_number + positions
        epoch, place = np.divmod(positions, placed.per_epoch)
        for e in np.unique(epoch):
            place[epoch == e] = self._order(placed, int(e)).apply(place[epoch == e])
        return placed.first_number + epoch * placed.per_epoch + place

    def _order(self, placed: _PlacedExtent, epoch: int) -> Permutation:
        """Return the random order of the samples in an epoch of an extent."""
        return Permutation(placed.per_epoch, self.spec.seed, RandomStream.ORDER, placed.first_pass + epoch)

    def batch_of(self, sample: Ints) -> Ints:
        """Return the batch of the whole job that each sample is in, or would be in if spec.samples did not end the job.

        sample, result: (n,) int64.
        """
        out = np.empty(len(sample), dtype=np.int64)
        for placed, selected, local in self._by_extent(sample):
            epoch, place = np.divmod(local, placed.per_epoch)
            if self.spec.shuffle:
                for e in np.unique(epoch):
                    place[epoch == e] = self._order(placed, int(e)).inverse(place[epoch == e])
            out[selected] = placed.first_batch + (epoch * placed.per_epoch + place) // self.spec.batch_size
        return out

    def _by_extent(self, sample: Ints) -> list[tuple[_PlacedExtent, NDArray[np.bool_] | slice, Ints]]:
        """Return the extents that samples are in: which of the samples those are, and their numbers in the extent."""
        if len(self._extents) == 1:
            return [(self._extents[0], slice(None), sample.copy())]
        starts = [placed.first_number for placed in self._extents]
        index = np.searchsorted(starts, sample, side="right") - 1
        return [
            (placed, index == i, sample[index == i] - placed.first_number)
            for i, placed in enumerate(self._extents)
            if (index == i).any()
        ]

    def sample_parameters(self, sample: Ints) -> SampleParameters:
        """Return the parameters of the samples with these numbers, without their noise. sample: (n,) int64."""
        batch = self.batch_of(sample) if self.spec.randomise.by_batch else sample
        return ParameterSampler(self.spec, self._places(sample), batch).result()

    def _places(self, sample: Ints) -> SamplePlaces:
        out = np.empty((4, len(sample)), dtype=np.int64)
        for placed, selected, local in self._by_extent(sample):
            epoch, rest = np.divmod(local, placed.per_epoch)
            structure, rest = np.divmod(rest, placed.per_structure)
            rank, combination = np.divmod(rest, self.spec.sweep.n)
            out[0, selected] = structure + placed.extent.first_structure
            out[1, selected] = epoch + placed.extent.first_epoch
            out[2, selected], out[3, selected] = rank, combination
        return SamplePlaces(sample, *out)

    def sample_noise(self, sample: Ints) -> list[StepParameters]:
        """Return the parameters of each noise step, in order, for samples with these numbers. sample: (n,) int64."""
        batch = self.batch_of(sample) if any(step.by_batch for step in self.spec.noise) else sample
        return sample_noise(self.spec, SampleKeys(self.spec.seed, sample, batch, len(self.spec.tips)))
