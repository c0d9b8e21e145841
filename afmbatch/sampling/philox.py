"""Philox4x32-10, a counter-based generator (Salmon et al., SC'11, doi:10.1145/2063384.2063405), vectorised.

The number at (key, counter) is a pure function of both, so any number of any sample can be generated alone.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]  # words of 32 bits, each in 64

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS: Words = np.array([[0xD2511F53], [0xCD9E8D57]], dtype=np.uint64)
# Added to the key in each of the ten rounds: (10, 2, 1).
_BUMPS: Words = np.arange(10, dtype=np.uint64)[:, None, None] * np.array([[0x9E3779B9], [0xBB67AE85]], dtype=np.uint64)


def philox(key: int, counter: Words) -> Words:
    """Return four random words for each four counter words, (4, n) uint64 below 2³², under a 64-bit key.

    counter: (4, n) uint64, values below 2³².
    """
    keys = (np.array([[key & 0xFFFFFFFF], [key >> 32]], dtype=np.uint64) + _BUMPS) & _LOW
    # Words 0 and 2, and 1 and 3, are treated alike: for few samples it is the number of numpy calls that costs.
    even, odd = counter[::2], counter[1::2]
    for bump in keys:
        product = (_MULTIPLIERS * even)[::-1]
        even, odd = (product >> _HALF) ^ odd ^ bump, product & _LOW
    words = np.empty_like(counter)
    words[::2], words[1::2] = even, odd
    return words


def unit(high: Words, low: Words) -> NDArray[np.float64]:
    """Return numbers that are uniform on [0, 1), (n,) float64 with 53 random bits, from two words each."""
    return ((high << np.uint64(21)) | (low >> np.uint64(11))).astype(np.float64) * 2.0**-53
