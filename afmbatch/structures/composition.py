"""Kinds of structures: all that is asked of a dataset before a job on it is accepted, small enough for its record."""

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError, TooLarge
from afmbatch.ledger.records import StructureKind
from afmbatch.structures.structures import Structures

MAX_KINDS = 10_000  # a record of some megabytes; merged kinds would hide, or invent, what a job refuses
NAMED = 3  # so many structures of a kind are named
_BITS = 64
_CHARGED, _LATTICE = np.uint64(1 << 62), np.uint64(1 << 63)  # of the high word, whose elements end far below
_BLOCK = 1 << 18  # structures looked at pipe: what is worked out for each atom takes 16 bytes


def kinds_of(structures: Structures) -> tuple[StructureKind, ...]:
    """The kinds of structures there are, the most frequent first, those alike in the order of the structures.

    Raises TooLarge for more than MAX_KINDS.
    """
    low, high = _words(structures)
    first, order, count = _groups(low, high)
    if len(first) > MAX_KINDS:
        reason = "the structures have too many different combinations of elements"
        accepted = f"at most {MAX_KINDS} combinations in a dataset: several datasets"
        raise TooLarge(FieldError("files", f"{len(first)} combinations", reason, accepted))
    begin = np.cumsum(count) - count
    return tuple(
        StructureKind(
            elements=_elements(int(low[first[k]]), int(high[first[k]])),
            charged=bool(high[first[k]] & _CHARGED),
            lattice=bool(high[first[k]] & _LATTICE),
            structures=int(count[k]),
            examples=tuple(map(str, structures.names[order[begin[k] : begin[k] + min(NAMED, count[k])]])),
        )
        for k in np.lexsort((first, -count))
    )


def _words(structures: Structures) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """For each structure a bit for each element, 1 to 63 and those after, and for charges and lattice."""
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
    """Which number is the first of each group alike, all numbers group by group, and how many a group has."""
    order = np.lexsort((low, high))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    begin = np.flatnonzero(new)
    return order[begin], order, np.diff(begin, append=len(order))


def _elements(low: int, high: int) -> tuple[int, ...]:
    both = low | (high & ~int(_CHARGED | _LATTICE)) << _BITS
    return tuple(z for z in range(1, 2 * _BITS) if both >> z & 1)
