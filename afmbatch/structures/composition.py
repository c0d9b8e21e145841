"""Groups the structures of a dataset into kinds.

The record of a dataset holds its kinds. They decide whether a job on the dataset is accepted.
"""

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError, TooLarge
from afmbatch.ledger.records import StructureKind
from afmbatch.structures.structures import Structures

MAX_KINDS = 10_000  # their record takes some megabytes; merging kinds would hide or invent reasons to refuse a job
MAX_EXAMPLES = 3  # structures of a kind that are named
_BITS = 64
# Bits of the high word; its elements end far below.
_POTENTIAL, _DENSITY, _CHARGED, _LATTICE = (np.uint64(1 << bit) for bit in (60, 61, 62, 63))
_BLOCK = 1 << 18  # structures that are processed at once; they take 16 bytes for each atom


def kinds_of(
    structures: Structures, potential: NDArray[np.bool_] | None = None, density: NDArray[np.bool_] | None = None
) -> tuple[StructureKind, ...]:
    """Return the kinds of structures, the most frequent first; equally frequent kinds in their order.

    potential, density: (n,) bool, which structures have such a grid; None: none has.

    Raises TooLarge for more than MAX_KINDS kinds.
    """
    low, high = _words(structures)
    for bit, present in ((_POTENTIAL, potential), (_DENSITY, density)):
        if present is not None:
            high[present] |= bit
    first, order, count = _groups(low, high)
    if len(first) > MAX_KINDS:
        reason = "the structures have too many different combinations of elements"
        accepted = f"at most {MAX_KINDS} combinations in a dataset; use several datasets"
        raise TooLarge(FieldError("files", f"{len(first)} combinations", reason, accepted))
    begin = np.cumsum(count) - count
    return tuple(
        StructureKind(
            elements=_elements(int(low[first[k]]), int(high[first[k]])),
            charged=bool(high[first[k]] & _CHARGED),
            lattice=bool(high[first[k]] & _LATTICE),
            potential=bool(high[first[k]] & _POTENTIAL),
            density=bool(high[first[k]] & _DENSITY),
            structures=int(count[k]),
            examples=tuple(map(str, structures.names[order[begin[k] : begin[k] + min(MAX_EXAMPLES, count[k])]])),
        )
        for k in np.lexsort((first, -count))
    )


def _words(structures: Structures) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return two words that describe each structure, low and high: (n,) uint64 each.

    They have a bit for each element that occurs, 1 to 63 in the low word, and the bits _CHARGED and _LATTICE.
    """
    number = np.arange(2 * _BITS, dtype=np.uint64)
    bit = np.uint64(1) << number % np.uint64(_BITS)
    tables = np.where(number < _BITS, bit, 0).astype(np.uint64), np.where(number < _BITS, 0, bit).astype(np.uint64)
    low, high = np.empty((2, len(structures)), dtype=np.uint64)
    for s in range(0, len(structures), _BLOCK):
        starts = structures.offsets[s : s + _BLOCK + 1]
        z = structures.z[starts[0] : starts[-1]]
        for word, table in zip((low, high), tables, strict=True):
            np.bitwise_or.reduceat(table[z], starts[:-1] - starts[0], out=word[s : s + _BLOCK])
    high |= _CHARGED | _LATTICE
    high[structures.uncharged] &= ~_CHARGED
    high[structures.isolated] &= ~_LATTICE
    return low, high


def _groups(
    low: NDArray[np.uint64], high: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Group structures with equal words.

    Returns the first index of each group, all indexes group by group, and the sizes of the groups, int64 each.
    """
    order = np.lexsort((low, high))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    begin = np.flatnonzero(new)
    return order[begin], order, np.diff(begin, append=len(order))


def _elements(low: int, high: int) -> tuple[int, ...]:
    """Return the atomic numbers of the elements in a pair of words, ascending."""
    both = low | (high & ~int(_CHARGED | _LATTICE | _POTENTIAL | _DENSITY)) << _BITS
    return tuple(z for z in range(1, 2 * _BITS) if both >> z & 1)
