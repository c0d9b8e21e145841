"""A random permutation of 0 … n−1. Any element can be computed alone, in both directions, in constant memory.

It is a Feistel network over a rectangle just large enough for n, applied until the result is below n ("generalized
Feistel" and cycle walking: Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). A network over
whole bits would cover up to four times n, and the slowest sample of a batch would take a dozen more steps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.philox import Words, philox

_ROUNDS = 6  # an even number: after it both halves are back in their places


@dataclass(frozen=True, slots=True)
class Permutation:
    """A permutation of n elements, which is a pure function of (n, key, stream, variant)."""

    n: int
    key: int
    stream: int
    variant: int = 0

    def apply(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the element at each position. positions, result: (k,) int64 in [0, n)."""
        return self._walk(positions, self._forward)

    def inverse(self, elements: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the position of each element. elements, result: (k,) int64 in [0, n)."""
        return self._walk(elements, self._backward)

    def _walk(self, start: NDArray[np.int64], step: Callable[[Words], Words]) -> NDArray[np.int64]:
        """Apply a step until every result is below n (cycle walking)."""
        out = start.astype(np.uint64)
        walking = np.arange(len(out))
        while len(walking):
            out[walking] = step(out[walking])
            walking = walking[out[walking] >= self.n]
        return out.astype(np.int64)

    @property
    def _sides(self) -> tuple[np.uint64, np.uint64]:
        rows = math.isqrt(self.n - 1) + 1
        return np.uint64(rows), np.uint64(-(-self.n // rows))  # the rectangle exceeds n by less than √n + 1

    def _forward(self, x: Words) -> Words:
        rows, columns = self._sides
        right, left = np.divmod(x, rows)
        for r in range(_ROUNDS):
            left, right = right, (left + self._round(right, r)) % (columns if r % 2 else rows)
        return left + rows * right

    def _backward(self, x: Words) -> Words:
        rows, columns = self._sides
        right, left = np.divmod(x, rows)
        for r in reversed(range(_ROUNDS)):
            side = columns if r % 2 else rows
            left, right = (right + side - self._round(left, r) % side) % side, left
        return left + rows * right

    def _round(self, half: Words, r: int) -> Words:
        counter = np.zeros((4, len(half)), dtype=np.uint64)
        counter[0], counter[1], counter[2], counter[3] = half, r, self.variant, self.stream
        word: Words = philox(self.key, counter)[0]
        return word
