"""A random permutation of 0 … n−1 of which any element can be computed alone, in constant memory.

A balanced Feistel network over the smallest even number of bits that holds n, walked until it lands below n
(cycle walking: Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002).
"""

import numpy as np
from numpy.typing import NDArray

from service.contract.philox import philox

_ROUNDS = 6


def permute(positions: NDArray[np.int64], n: int, key: int, stream: int) -> NDArray[np.int64]:
    """Where a permutation of n elements sends each position.

    positions: any shape, int64 in [0, n). The permutation is a pure function of (n, key, stream).
    """
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    out = positions.astype(np.uint64)
    walking = np.ones(out.shape, dtype=bool)
    while walking.any():
        out[walking] = _feistel(out[walking], half, key, stream)
        walking = out >= np.uint64(n)
    return out.astype(np.int64)


def _feistel(x: NDArray[np.uint64], half: int, key: int, stream: int) -> NDArray[np.uint64]:
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    zero = np.zeros_like(x)
    left, right = x >> shift, x & mask
    for r in range(_ROUNDS):
        mixed, *_ = philox(key, right, zero + np.uint64(r), zero, zero + np.uint64(stream))
        left, right = right, left ^ (mixed & mask)
    return (left << shift) | right
