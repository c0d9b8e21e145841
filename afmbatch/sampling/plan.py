"""The plan: from a recipe to samples, batches and shards, and to all that is drawn for a sample.

A sample's number counts, from the slowest to the fastest: extent, epoch, structure, rotation, combination of the sweep;
whatever the order in which samples come. Any sample can be made alone and is the same.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.draws import Ints, Keys, RandomStream
from afmbatch.sampling.noise import NoiseParameters, draw_noise
from afmbatch.sampling.parameters import ParameterSampler, Places, SampleParameters
from afmbatch.sampling.permutation import Permutation
from afmbatch.sampling.recipe import Extent, Recipe
from afmbatch.spec.job import JobSpec


@dataclass(frozen=True, slots=True)
class _Run:
    """An extent in its place: what of its job comes before it."""

    extent: Extent
    per_structure: int
    samples: int
    first_number: int
    first_batch: int
    first_shard: int
    first_pass: int
    batches: int
    batches_per_shard: int

    @property
    def per_epoch(self) -> int:
        return self.extent.structures * self.per_structure

    @property
    def shards(self) -> int:
        return -(-self.batches // self.batches_per_shard)


@dataclass(frozen=True)
class Plan:
    """A recipe, worked out."""

    recipe: Recipe

    @property
    def spec(self) -> JobSpec:
        """What was asked."""
        return self.recipe.spec

    @cached_property
    def _runs(self) -> list[_Run]:
        spec, runs = self.spec, list[_Run]()
        per_structure = spec.rotations.n * spec.sweep.n
        number = batch = shard = passes = 0
        for i, extent in enumerate(self.recipe.extents):
            available = extent.structures * per_structure * extent.epochs
            samples = available if spec.samples is None or i else min(spec.samples, available)
            batches = -(-samples // spec.batch_size)
            run = _Run(extent, per_structure, samples, number, batch, shard, passes, batches, self._in_shard(samples))
            runs.append(run)
            number, passes = number + available, passes + extent.epochs
            batch, shard = batch + run.batches, shard + run.shards
        return runs

    def _in_shard(self, samples: int) -> int:
        """Batches of a shard: jobs take turns by shards, so the largest take a worker on a CPU some seconds."""
        if (stream := self.recipe.stream) is not None:
            return stream.shard_batches
        return -(-min(max(100, samples // 256), 500) // self.spec.batch_size)

    @property
    def available(self) -> int:
        """How many different samples there are; their numbers are below this."""
        last = self._runs[-1]
        return last.first_number + last.per_epoch * last.extent.epochs

    @property
    def samples(self) -> int:
        """How many samples the job makes."""
        return len(self.recipe.only) if self.recipe.only is not None else sum(run.samples for run in self._runs)

    @property
    def batches(self) -> int:
        """How many batches they fill."""
        if self.recipe.only is not None:
            return -(-len(self.recipe.only) // self.spec.batch_size)
        return self._runs[-1].first_batch + self._runs[-1].batches

    @property
    def shards(self) -> int:
        """How many queue tasks the job is cut into."""
        return 1 if self.recipe.only is not None else self._runs[-1].first_shard + self._runs[-1].shards

    def shard(self, shard: int) -> range:
        """Batch numbers of a shard."""
        if self.recipe.only is not None:
            return range(self.batches)
        run = next(run for run in reversed(self._runs) if run.first_shard <= shard)
        first = (shard - run.first_shard) * run.batches_per_shard
        last = min(first + run.batches_per_shard, run.batches)
        return range(run.first_batch + first, run.first_batch + last)

    def shard_of(self, batch: int) -> int:
        """Which shard a batch is in."""
        if self.recipe.only is not None:
            return 0
        run = self._run_of(batch)
        return run.first_shard + (batch - run.first_batch) // run.batches_per_shard

    def size(self, batch: int) -> int:
        """Samples of a batch."""
        size = self.spec.batch_size
        if self.recipe.only is not None:
            return min(size, len(self.recipe.only) - batch * size)
        run = self._run_of(batch)
        return min(size, run.samples - (batch - run.first_batch) * size)

    def _run_of(self, batch: int) -> _Run:
        return next(run for run in reversed(self._runs) if run.first_batch <= batch)

    def numbers(self, *batches: int) -> Ints:
        """Sample numbers of batches, one after the other, each in its order: (Σ size,) int64."""
        size, only = self.spec.batch_size, self.recipe.only
        if only is not None:
            return np.array([number for b in batches for number in only[b * size : (b + 1) * size]], dtype=np.int64)
        return np.concatenate([self._numbers(run, list(some)) for run, some in groupby(batches, self._run_of)])

    def _numbers(self, run: _Run, batches: list[int]) -> Ints:
        size = self.spec.batch_size
        begins = [(b - run.first_batch) * size for b in batches]
        ends = [min(begin + size, run.samples) for begin in begins]
        ranges = [np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)]
        positions = np.concatenate(ranges)
        if not self.spec.shuffle:
            return run.first_number + positions
        epoch, place = np.divmod(positions, run.per_epoch)
        for e in np.unique(epoch):
            place[epoch == e] = self._order(run, int(e)).of(place[epoch == e])
        return run.first_number + epoch * run.per_epoch + place

    def _order(self, run: _Run, epoch: int) -> Permutation:
        return Permutation(run.per_epoch, self.spec.seed, RandomStream.ORDER, run.first_pass + epoch)

    def batch_of(self, sample: Ints) -> Ints:
        """In which batch of the whole job each of these samples comes, or would if spec.samples did not end it."""
        out = np.empty(len(sample), dtype=np.int64)
        for run, mine, local in self._by_run(sample):
            epoch, place = np.divmod(local, run.per_epoch)
            if self.spec.shuffle:
                for e in np.unique(epoch):
                    place[epoch == e] = self._order(run, int(e)).inverse(place[epoch == e])
            out[mine] = run.first_batch + (epoch * run.per_epoch + place) // self.spec.batch_size
        return out

    def _by_run(self, sample: Ints) -> list[tuple[_Run, NDArray[np.bool_] | slice, Ints]]:
        """The runs that these samples are of, which of them those are, and their numbers in the run."""
        if len(self._runs) == 1:
            return [(self._runs[0], slice(None), sample.copy())]
        starts = [run.first_number for run in self._runs]
        of = np.searchsorted(starts, sample, side="right") - 1
        return [
            (run, of == i, sample[of == i] - run.first_number) for i, run in enumerate(self._runs) if (of == i).any()
        ]

    def draw(self, sample: Ints) -> SampleParameters:
        """Everything drawn for the samples with these numbers, but for their noise."""
        batch = self.batch_of(sample) if self.spec.randomise.by_batch else sample
        return ParameterSampler(self.spec, self._places(sample), batch).result()

    def _places(self, sample: Ints) -> Places:
        out = np.empty((4, len(sample)), dtype=np.int64)
        for run, mine, local in self._by_run(sample):
            epoch, rest = np.divmod(local, run.per_epoch)
            structure, rest = np.divmod(rest, run.per_structure)
            rank, combination = np.divmod(rest, self.spec.sweep.n)
            out[0, mine], out[1, mine] = structure + run.extent.first_structure, epoch + run.extent.first_epoch
            out[2, mine], out[3, mine] = rank, combination
        return Places(sample, *out)

    def draw_noise(self, sample: Ints) -> NoiseParameters:
        """What is drawn of their noise."""
        batch = self.batch_of(sample) if self.spec.noise.by_batch else sample
        return draw_noise(self.spec, Keys(self.spec.seed, sample, batch, len(self.spec.tips)))
