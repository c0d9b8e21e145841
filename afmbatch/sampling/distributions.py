"""Values of the distributions in `afmbatch.spec.distributions`, from pairs of uniform numbers.

Logarithms, sines and cosines are rounded to nine digits: their last bit differs from machine to machine.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.random_numbers import Floats, Ints
from afmbatch.spec.distributions import (
    Chance,
    Choice,
    Disk,
    IntegerChoice,
    Integers,
    Normal,
    PairChoice,
    Uniform,
)

_DIGITS = 9


def sample_number(distribution: Uniform | Normal | Choice, units: Floats) -> Floats:
    """Return numbers of a distribution, (…) float64, from uniform numbers (2, …)."""
    u, v = units
    match distribution:
        case Uniform():
            return np.asarray(distribution.low + (distribution.high - distribution.low) * u)
        case Normal():
            return _clip(distribution, _normal_radius(u) * np.cos(2.0 * np.pi * v))
        case Choice():
            return np.array(distribution.values)[choose_index(len(distribution.values), distribution.weights, u)]


def sample_pair(distribution: Disk | Uniform | Normal | PairChoice, units: Floats) -> Floats:
    """Return pairs of a distribution, (…, 2) float64, from uniform numbers (2, …)."""
    u, v = units
    angle = 2.0 * np.pi * v
    match distribution:
        case Disk():
            return sample_disk(distribution.radius, units)
        case Uniform():
            return np.asarray(distribution.low + (distribution.high - distribution.low) * np.stack([u, v], axis=-1))
        case Normal():
            both = _normal_radius(u)[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
            return _clip(distribution, both)
        case PairChoice():
            return np.array(distribution.values)[choose_index(len(distribution.values), distribution.weights, u)]


def sample_disk(radius: float, units: Floats) -> Floats:
    """Return pairs that are uniform on a disk around 0, (…, 2) float64, from uniform numbers (2, …)."""
    u, v = units
    angle = 2.0 * np.pi * v
    out = radius * np.sqrt(u)[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.asarray(np.round(out, _DIGITS))


def sample_integer(distribution: Integers | IntegerChoice, units: Floats) -> Ints:
    """Return integers of a distribution, (…) int64, from uniform numbers (2, …)."""
    match distribution:
        case Integers():
            return uniform_integer(distribution.low, distribution.high, units[0])
        case IntegerChoice():
            return np.array(distribution.values)[choose_index(len(distribution.values), distribution.weights, units[0])]


def sample_chance(distribution: Chance, units: Floats) -> NDArray[np.bool_]:
    """Return true with the probability of the distribution, (…) bool, from uniform numbers (2, …)."""
    return np.asarray(units[0] < distribution.probability)


def uniform_integer(low: int, high: int, u: Floats) -> Ints:
    """Return integers from low to high, both included, (…) int64, from uniform numbers (…)."""
    return np.minimum(low + np.floor((high - low + 1) * u).astype(np.int64), high)


def choose_index(n: int, weights: Sequence[float] | None, u: Floats) -> Ints:
    """Return indexes from 0 to n − 1 with these weights, or equally often, (…) int64, from uniform numbers (…)."""
    if weights is None:
        return uniform_integer(0, n - 1, u)
    ends = np.cumsum(weights) / np.sum(weights)
    last = max(i for i, weight in enumerate(weights) if weight > 0)
    return np.asarray(np.minimum(np.searchsorted(ends, u, side="right"), last))


def sample_rotation(units: Floats) -> Floats:
    """Return rotations that are uniform on SO(3), (n, 3, 3) float64, from uniform numbers (2, n, 2).

    The algorithm is Shoemake's (Graphics Gems III, 1992).
    """
    u, a, b = units[0, :, 0], 2.0 * np.pi * units[1, :, 0], 2.0 * np.pi * units[0, :, 1]
    low, high = np.sqrt(1.0 - u), np.sqrt(u)
    x, y, z, w = np.round([low * np.sin(a), low * np.cos(a), high * np.sin(b), high * np.cos(b)], _DIGITS)
    norm = x * x + y * y + z * z + w * w
    rows = [
        [1.0 - 2.0 * (y * y + z * z) / norm, 2.0 * (x * y - z * w) / norm, 2.0 * (x * z + y * w) / norm],
        [2.0 * (x * y + z * w) / norm, 1.0 - 2.0 * (x * x + z * z) / norm, 2.0 * (y * z - x * w) / norm],
        [2.0 * (x * z - y * w) / norm, 2.0 * (y * z + x * w) / norm, 1.0 - 2.0 * (x * x + y * y) / norm],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def cosine_and_sine(degrees: Floats) -> tuple[Floats, Floats]:
    """Return the cosines and the sines of angles in degrees."""
    angle = np.radians(degrees)
    return np.asarray(np.cos(angle).round(_DIGITS)), np.asarray(np.sin(angle).round(_DIGITS))


def _normal_radius(u: Floats) -> Floats:
    """Return the radius of pairs of independent normal numbers (Box and Muller), from uniform numbers."""
    return np.sqrt(-2.0 * np.log1p(-u))


def _clip(distribution: Normal, standard: Floats) -> Floats:
    value = np.round(distribution.mean + distribution.sigma * standard, _DIGITS)
    return np.asarray(value.clip(distribution.low, distribution.high))
