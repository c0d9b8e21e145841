"""The plan: from (spec, number of structures) to samples, batches and shards, and to all that is drawn for a sample.

A sample's number is structure · rotations + rank of its rotation, whatever the order in which samples come. Every draw
is a pure function of (seed, sample number, tip, what is drawn): any sample can be made alone and is the same.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.contract.philox import philox, unit
from service.contract.rotations import best, directions
from service.contract.shuffle import permute
from service.contract.spec import BestDirections, JobSpec
from service.contract.structures import Structures

_KEPT_BYTES = 64 << 20  # chosen directions that a job keeps in memory: 2.2 million structures of the common job
EVERY_TIP = 0xFFFFFFFF  # the tip word of a draw that all tips of a sample share


class Stream(IntEnum):
    """What is drawn: the last counter word. A number once given is never used for anything else."""

    ORDER = 0
    DISTANCE = 1
    TILT = 2


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What was chosen for n samples under T tips.

    sample, structure: (n,) int64; rank: (n,) int64, which of the structure's rotations; distance: (n, T) float64, Å;
    tilt: (n, T, 2) float64, Å.
    """

    sample: NDArray[np.int64]
    structure: NDArray[np.int64]
    rank: NDArray[np.int64]
    distance: NDArray[np.float64]
    tilt: NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """A spec applied to a dataset of n structures."""

    spec: JobSpec
    structures: int

    @property
    def available(self) -> int:
        """How many different samples there are."""
        return self.structures * self.spec.rotations.n

    @property
    def samples(self) -> int:
        """How many samples the job makes."""
        return self.available if self.spec.samples is None else min(self.spec.samples, self.available)

    @property
    def batches(self) -> int:
        """How many batches they fill."""
        return -(-self.samples // self.spec.batch_size)

    @cached_property
    def batches_per_shard(self) -> int:
        """Batches of one task: small jobs spread over several workers, large ones stay at a few hundred tasks."""
        samples = min(max(100, self.samples // 256), 10_000)
        return -(-samples // self.spec.batch_size)

    @property
    def shards(self) -> int:
        """How many queue tasks the job is cut into."""
        return -(-self.batches // self.batches_per_shard)

    def shard(self, shard: int) -> range:
        """Batch numbers of a shard."""
        first = shard * self.batches_per_shard
        return range(first, min(first + self.batches_per_shard, self.batches))

    def size(self, batch: int) -> int:
        """Samples of a batch."""
        return min(self.spec.batch_size, self.samples - batch * self.spec.batch_size)

    def numbers(self, *batches: int) -> NDArray[np.int64]:
        """Sample numbers of batches, one after the other, each in its order: (Σ size,) int64."""
        size = self.spec.batch_size
        positions = np.concatenate([np.arange(b * size, b * size + self.size(b)) for b in batches])
        if not self.spec.shuffle:
            return positions
        return permute(positions, self.available, self.spec.seed, Stream.ORDER)

    def draw(self, sample: NDArray[np.int64]) -> Draws:
        """Everything drawn for the samples with these numbers."""
        spec, n, tips = self.spec, len(sample), len(self.spec.tips)
        structure, rank = np.divmod(sample, spec.rotations.n)
        distance = np.full((n, tips), spec.distance)
        tilt = np.tile(np.array([tip.tilt for tip in spec.tips]), (n, 1, 1))
        (d, _), (u, v) = self._units(sample, Stream.DISTANCE, Stream.TILT)
        if (uniform := spec.randomise.distance) is not None:
            distance += (uniform.low + (uniform.high - uniform.low) * d)[:, None]
        if (disk := spec.randomise.tilt) is not None:
            radius, angle = disk.radius * np.sqrt(u), 2.0 * np.pi * v
            tilt += np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)[:, None]
        return Draws(sample=sample, structure=structure, rank=rank, distance=distance, tilt=tilt)

    def _units(self, sample: NDArray[np.int64], *streams: Stream) -> NDArray[np.float64]:
        """Two uniform numbers on [0, 1) for each sample and stream: (streams, 2, n). One call for all: calls cost."""
        counter = np.empty((4, len(streams), len(sample)), dtype=np.uint64)
        counter[0], counter[1], counter[2] = sample & 0xFFFFFFFF, sample >> 32, EVERY_TIP
        counter[3] = np.array(streams)[:, None]
        a, b, c, d = philox(self.spec.seed, counter.reshape(4, -1)).reshape(counter.shape)
        return np.stack([unit(a, b), unit(c, d)], axis=1)


class Rotations:
    """The rotation of each (structure, rank) of a job. Not for use by several threads.

    A structure's directions are chosen when it is first asked for, and kept as long as there is room: a job on many
    structures has none for all of them, and then begins anew.
    """

    def __init__(self, spec: JobSpec, structures: Structures) -> None:
        self._structures = structures
        n = spec.rotations.n
        self._all = (
            directions(spec.rotations.directions)
            if isinstance(spec.rotations, BestDirections)
            else np.eye(3)[None]  # the best of one
        )
        kind = np.min_scalar_type(len(self._all) - 1)
        room = min(len(structures), max(1, _KEPT_BYTES // (n * kind.itemsize)))
        self._chosen = np.empty((room, n), dtype=kind)  # of the system's memory it takes what is written to
        self._row = np.full(len(structures), -1, dtype=np.int32)  # where a structure's choice is kept
        self._kept = 0

    def of(self, structure: NDArray[np.int64], rank: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rotation matrices of n structures at these ranks: (n,) and (n,) to (n, 3, 3)."""
        room = len(self._chosen)
        pieces = [slice(i, i + room) for i in range(0, len(structure), room)]
        number = np.concatenate([self._choices(structure[p], rank[p]) for p in pieces])
        rotation: NDArray[np.float64] = self._all[number]
        return rotation

    def _choices(self, structure: NDArray[np.int64], rank: NDArray[np.int64]) -> NDArray[np.unsignedinteger[Any]]:
        new = np.unique(structure[self._row[structure] < 0])
        if self._kept + len(new) > len(self._chosen):
            self._row.fill(-1)
            self._kept = 0
            new = np.unique(structure)
        if len(new):
            end = self._kept + len(new)
            self._chosen[self._kept : end] = best(self._structures, new, self._all, self._chosen.shape[1])
            self._row[new] = np.arange(self._kept, end)
            self._kept = end
        return self._chosen[self._row[structure], rank]
