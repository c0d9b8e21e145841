"""What is drawn for a sample: a pure function of (seed, sample, tip, what is drawn), by a counter-based generator.

Every combination of a sweep has the same draws: what counts is the number of the sample without its place in the sweep.
A draw for a batch is keyed by the batch's number instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.philox import philox, unit
from afmbatch.spec.distributions import (
    Chance,
    Choice,
    Disk,
    IntegerChoice,
    Integers,
    Normal,
    PairChoice,
    Scope,
    Uniform,
)

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
EVERY_TIP = 0xFFFFFFFF  # the tip word of a draw that all tips of a sample share
WHOLE_BATCH = 0xFFFFFFFE  # and that of one that all samples of a batch share
_DIGITS = 9  # of logarithms, sines and cosines, whose last bit differs from machine to machine


class RandomStream(IntEnum):
    """What is drawn: the low byte of the last counter word. A number once given is never used for anything else."""

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
    DRIFT = 17
    GRADIENT = 18
    GRADIENT_DIRECTION = 19
    WHITE_AMPLITUDE = 20
    CUTOUT_SIZE = 21
    CUTOUT_PLACE = 22
    WHITE = 23  # in the kernel, value by value


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """Two uniform numbers for each who (sample, batch or tip, as the scope says) and index."""

    stream: RandomStream
    scope: Scope
    indexes: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """Whom is drawn for: n samples under `tips` tips. sample, batch: (n,) what keys their draws."""

    seed: int
    sample: Ints
    batch: Ints
    tips: int

    def units(self, *wanted: Wanted) -> list[Floats]:
        """Uniform numbers on [0, 1), (2, n, 1 or tips, indexes) each. One call for all: for few samples calls cost."""
        blocks = [self._counter(want) for want in wanted]
        words = philox(self.seed, np.concatenate([block.reshape(4, -1) for block in blocks], axis=1))
        ends = np.cumsum([block[0].size for block in blocks])
        out = []
        for part, block in zip(np.split(words, ends[:-1], axis=1), blocks, strict=True):
            a, b, c, d = part.reshape(block.shape)
            out.append(np.stack([unit(a, b), unit(c, d)]))
        return out

    def _counter(self, want: Wanted) -> NDArray[np.uint64]:
        key = self.batch if want.scope == "batch" else self.sample
        tips = self.tips if want.scope == "tip" else 1
        counter = np.empty((4, len(key), tips, want.indexes), dtype=np.uint64)
        counter[0], counter[1] = (key & 0xFFFFFFFF)[:, None, None], (key >> 32)[:, None, None]
        if want.scope == "tip":
            counter[2] = np.arange(tips)[:, None]
        else:
            counter[2] = WHOLE_BATCH if want.scope == "batch" else EVERY_TIP
        counter[3] = want.stream + (np.arange(want.indexes) << 8)
        return counter


def number(distribution: Uniform | Normal | Choice, units: Floats) -> Floats:
    """Drawn numbers from two uniform ones each: (2, …) to (…)."""
    u, v = units
    match distribution:
        case Uniform():
            return np.asarray(distribution.low + (distribution.high - distribution.low) * u)
        case Normal():
            return _clipped(distribution, _radius(u) * np.cos(2.0 * np.pi * v))
        case Choice():
            return np.array(distribution.values)[chosen(len(distribution.values), distribution.weights, u)]


def pair(distribution: Disk | Uniform | Normal | PairChoice, units: Floats) -> Floats:
    """Drawn pairs: (2, …) to (…, 2)."""
    u, v = units
    angle = 2.0 * np.pi * v
    match distribution:
        case Disk():
            return on_disk(distribution.radius, units)
        case Uniform():
            return np.asarray(distribution.low + (distribution.high - distribution.low) * np.stack([u, v], axis=-1))
        case Normal():
            both = _radius(u)[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
            return _clipped(distribution, both)
        case PairChoice():
            return np.array(distribution.values)[chosen(len(distribution.values), distribution.weights, u)]


def on_disk(radius: float, units: Floats) -> Floats:
    """Pairs uniform on a disk around 0: (2, …) to (…, 2)."""
    u, v = units
    angle = 2.0 * np.pi * v
    out = radius * np.sqrt(u)[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.asarray(np.round(out, _DIGITS))


def integer(distribution: Integers | IntegerChoice, units: Floats) -> Ints:
    """Drawn integers: (2, …) to (…)."""
    match distribution:
        case Integers():
            return evenly(distribution.low, distribution.high, units[0])
        case IntegerChoice():
            return np.array(distribution.values)[chosen(len(distribution.values), distribution.weights, units[0])]


def evenly(low: int, high: int, u: Floats) -> Ints:
    """Integers from low to high, both included, from uniform numbers."""
    return np.minimum(low + np.floor((high - low + 1) * u).astype(np.int64), high)


def chosen(values: int, weights: Sequence[float] | None, u: Floats) -> Ints:
    """Which of so many values, from uniform numbers."""
    if weights is None:
        return evenly(0, values - 1, u)
    ends = np.cumsum(weights) / np.sum(weights)
    last = max(i for i, weight in enumerate(weights) if weight > 0)
    return np.asarray(np.minimum(np.searchsorted(ends, u, side="right"), last))


def happens(distribution: Chance, units: Floats) -> NDArray[np.bool_]:
    """Whether: (2, …) to (…)."""
    return np.asarray(units[0] < distribution.probability)


def rotation(units: Floats) -> Floats:
    """Rotations uniform on SO(3) (Shoemake, Graphics Gems III, 1992): (2, n, 2) uniform numbers to (n, 3, 3)."""
    u, a, b = units[0, :, 0], 2.0 * np.pi * units[1, :, 0], 2.0 * np.pi * units[0, :, 1]
    low, high = np.sqrt(1.0 - u), np.sqrt(u)
    x, y, z, w = np.round([low * np.sin(a), low * np.cos(a), high * np.sin(b), high * np.cos(b)], _DIGITS)
    size = x * x + y * y + z * z + w * w
    rows = [
        [1.0 - 2.0 * (y * y + z * z) / size, 2.0 * (x * y - z * w) / size, 2.0 * (x * z + y * w) / size],
        [2.0 * (x * y + z * w) / size, 1.0 - 2.0 * (x * x + z * z) / size, 2.0 * (y * z - x * w) / size],
        [2.0 * (x * z - y * w) / size, 2.0 * (y * z + x * w) / size, 1.0 - 2.0 * (x * x + y * y) / size],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def turn(degrees: Floats) -> tuple[Floats, Floats]:
    """Cosine and sine of angles."""
    angle = np.radians(degrees)
    return np.asarray(np.cos(angle).round(_DIGITS)), np.asarray(np.sin(angle).round(_DIGITS))


def _radius(u: Floats) -> Floats:
    return np.sqrt(-2.0 * np.log1p(-u))  # Box and Muller: of a pair of normal numbers


def _clipped(distribution: Normal, standard: Floats) -> Floats:
    value = np.round(distribution.mean + distribution.sigma * standard, _DIGITS)
    return np.asarray(value.clip(distribution.low, distribution.high))
