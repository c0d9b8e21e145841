"""Caches the bonded pairs of atoms of structures. They are the same in every orientation."""

import numpy as np
from numpy.typing import NDArray

import kernels
from afmbatch.structures.elements import elements
from afmbatch.structures.structures import Structures


class BondCache:
    """Finds the bonded pairs of a structure when it is first requested, and keeps them. Not thread-safe."""

    def __init__(self, structures: Structures) -> None:
        self._structures = structures
        self._first = np.full(len(structures), -1)  # index of a structure's first pair; -1: not looked up yet
        self._count = np.zeros(len(structures), dtype=np.int64)
        self._pairs = np.empty((1024, 2), dtype=np.int32)  # numbers of atoms within their structure
        self._end = 0

    def bonded_pairs(self, structure: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the P bonded pairs of atoms of n structures whose atoms are concatenated: i8 (P, 2), indices of atoms.

        structure: i8 (n,), numbers of the structures
        offsets: i8 (n+1,), index of each structure's first atom, and the number of all atoms
        """
        new = np.unique(structure[self._first[structure] < 0])
        if len(new):
            self._find(new)
        count = self._count[structure]
        ends = np.cumsum(count)
        at = np.arange(ends[-1]) + np.repeat(self._first[structure] - (ends - count), count)
        pairs: NDArray[np.int64] = self._pairs[at] + np.repeat(offsets[:-1], count)[:, None]
        return pairs

    def _find(self, new: NDArray[np.int64]) -> None:
        index, offsets = self._structures.gather(new)
        radius = elements().covalent_radius[self._structures.z[index]]
        pairs = kernels.find_bonds(self._structures.xyz[index], radius, offsets)
        of = np.searchsorted(offsets, pairs[:, 0], side="right") - 1
        end = self._end + len(pairs)
        if end > len(self._pairs):
            self._pairs = np.resize(self._pairs, (2 * end, 2))
        self._pairs[self._end : end] = pairs - offsets[of, None]
        self._count[new] = np.bincount(of, minlength=len(new))
        self._first[new] = self._end + np.cumsum(self._count[new]) - self._count[new]
        self._end = end
