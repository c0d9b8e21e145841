"""Philox4x32-10, a counter-based generator (Salmon et al., SC'11, doi:10.1145/2063384.2063405), vectorised.

The number at (key, counter) is a pure function of both, so any draw of any sample can be made alone.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]  # each holds 32 bits

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS: Words = np.array([[0xD2511F53], [0xCD9E8D57]], dtype=np.uint64)
# What is added to the key in each of the ten rounds: (10, 2, 1).
_BUMPS: Words = np.arange(10, dtype=np.uint64)[:, None, None] * np.array([[0x9E3779B9], [0xBB67AE85]], dtype=np.uint64)


def philox(key: int, counter: Words) -> Words:
    """Four words for each four counter words under a 64-bit key: (4, n) to (4, n), all values below 2³²."""
    keys = (np.array([[key & 0xFFFFFFFF], [key >> 32]], dtype=np.uint64) + _BUMPS) & _LOW
    # Words 0 and 2, and 1 and 3, are treated alike: for a batch's few samples it is the number of calls that costs.
    even, odd = counter[::2], counter[1::2]
    for bump in keys:
        product = (_MULTIPLIERS * even)[::-1]
        even, odd = (product >> _HALF) ^ odd ^ bump, product & _LOW
    words = np.empty_like(counter)
    words[::2], words[1::2] = even, odd
    return words


def unit(high: Words, low: Words) -> NDArray[np.float64]:
    """Two words as a float64 uniform on [0, 1), of 53 random bits."""
    return ((high << np.uint64(21)) | (low >> np.uint64(11))).astype(np.float64) * 2.0**-53
