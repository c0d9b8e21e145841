"""Philox4x32-10, a counter-based generator (Salmon et al., SC'11, doi:10.1145/2063384.2063405), vectorised.

The number at (key, counter) is a pure function of both, so any draw of any sample can be made alone.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)

Words: TypeAlias = NDArray[np.uint64]  # each holds 32 bits


def philox(key: int, c0: Words, c1: Words, c2: Words, c3: Words) -> tuple[Words, Words, Words, Words]:
    """Four 32-bit words for each counter (c0, c1, c2, c3) under a 64-bit key.

    The counter words are uint64 arrays of values below 2³² that broadcast against each other, and so are the results.
    """
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(_ROUNDS):
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (p1 >> _HALF) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _HALF) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def unit(high: Words, low: Words) -> NDArray[np.float64]:
    """Two words as a float64 uniform on [0, 1), of 53 random bits."""
    return ((high << np.uint64(21)) | (low >> np.uint64(11))).astype(np.float64) * 2.0**-53
