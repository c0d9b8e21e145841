"""Generates random numbers as a pure function of (seed, sample, tip, quantity), by the generator Philox4x32-10.

All combinations of a sweep get the same numbers, because these are keyed by the sample's number without its place in
the sweep. Numbers of scope 'batch' are keyed by the number of the batch instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.philox import philox, to_unit_interval
from afmbatch.spec.distributions import Scope

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
EVERY_TIP = 0xFFFFFFFF  # the tip word of numbers that all tips of a sample share
WHOLE_BATCH = 0xFFFFFFFE  # the tip word of numbers that all samples of a batch share


class RandomStream(IntEnum):
    """The uses of random numbers: the low byte of the last counter word.

    The number of a use must never be given to another use. 17 to 111 belong to `afmbatch.sampling.noise.NoiseStream`;
    128 to 255 are free for noise steps from outside this package.
    """

    ORDER = 0
    DISTANCE = 1
    TILT = 2
    DF_STEPS = 3
    R0 = 4
    LATERAL_STIFFNESS = 5
    RADIAL_STIFFNESS = 6
    TIP_CHARGES = 7
    SAMPLE_CHARGES = 8
    LJ_RADIUS = 9
    LJ_EPSILON = 10
    TIP = 11
    OFFSET = 12
    IN_PLANE_ROTATION = 13
    MIRROR = 14
    ROTATION = 15
    CROP = 16
    PAULI_STRENGTH = 112
    PAULI_EXPONENT = 113


@dataclass(frozen=True, slots=True, eq=False)
class UniformRequest:
    """A request for pairs of uniform numbers: `indexes` pairs for each batch, sample or tip, as the scope says."""

    stream: int  #: a RandomStream, or another number from 0 to 255
    scope: Scope
    indexes: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class SampleKeys:
    """The keys under which the random numbers of n samples are generated."""

    seed: int
    sample: Ints  #: (n,) int64, key of each sample's own numbers
    batch: Ints  #: (n,) int64, number of the batch each sample is in, for numbers of scope 'batch'
    tips: int  #: number of tips of each sample

    def uniform(self, requests: Sequence[UniformRequest]) -> list[Floats]:
        """Return uniform numbers on [0, 1) for each request, (2, n, tips, indexes) float64.

        The third axis has length 1 unless the scope is 'tip'. All requests share one call of the generator: for few
        samples the number of calls sets the time.
        """
        if not requests:
            return []
        blocks = [self._counters(request) for request in requests]
        words = philox(self.seed, np.concatenate([block.reshape(4, -1) for block in blocks], axis=1))
        ends = np.cumsum([block[0].size for block in blocks])
        out = []
        for part, block in zip(np.split(words, ends[:-1], axis=1), blocks, strict=True):
            a, b, c, d = part.reshape(block.shape)
            out.append(np.stack([to_unit_interval(a, b), to_unit_interval(c, d)]))
        return out

    def _counters(self, request: UniformRequest) -> NDArray[np.uint64]:
        key = self.batch if request.scope == "batch" else self.sample
        tips = self.tips if request.scope == "tip" else 1
        counter = np.empty((4, len(key), tips, request.indexes), dtype=np.uint64)
        counter[0], counter[1] = (key & 0xFFFFFFFF)[:, None, None], (key >> 32)[:, None, None]
        if request.scope == "tip":
            counter[2] = np.arange(tips)[:, None]
        else:
            counter[2] = WHOLE_BATCH if request.scope == "batch" else EVERY_TIP
        counter[3] = request.stream + (np.arange(request.indexes) << 8)
        return counter
