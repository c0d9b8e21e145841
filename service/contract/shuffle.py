"""A random permutation of 0 … n−1 of which any element can be computed alone, in constant memory.

A Feistel network over a rectangle just large enough for n, walked until it lands below n ("generalized Feistel" and
cycle walking: Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). A network over whole bits
covers up to four times n: with so much to walk past, the last of a batch's samples takes a dozen rounds more.
"""

import math

import numpy as np
from numpy.typing import NDArray

from service.contract.philox import Words, philox

_ROUNDS = 6  # even: the halves end where they began


def permute(positions: NDArray[np.int64], n: int, key: int, stream: int) -> NDArray[np.int64]:
    """Where a permutation of n elements sends each position.

    positions: (k,) int64 in [0, n). The permutation is a pure function of (n, key, stream).
    """
    rows = math.isqrt(n - 1) + 1
    columns = -(-n // rows)  # the rectangle exceeds n by less than √n + 1
    out = positions.astype(np.uint64)
    walking = np.arange(len(out))
    while len(walking):
        out[walking] = _feistel(out[walking], rows, columns, key, stream)
        walking = walking[out[walking] >= n]
    return out.astype(np.int64)


def _feistel(x: Words, rows: int, columns: int, key: int, stream: int) -> Words:
    right, left = np.divmod(x, np.uint64(rows))
    counter = np.zeros((4, len(x)), dtype=np.uint64)
    counter[3] = stream
    for r in range(_ROUNDS):
        counter[0], counter[1] = right, r
        left, right = right, (left + philox(key, counter)[0]) % np.uint64(columns if r % 2 else rows)
    return left + np.uint64(rows) * right
