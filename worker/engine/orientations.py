"""Computes the orientations of a job's samples (physics.md §6)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.directions import best_directions, directions
from afmbatch.sampling.parameters import SampleParameters
from afmbatch.sampling.random_numbers import Floats, Ints
from afmbatch.spec.job import JobSpec
from afmbatch.spec.rotations import BestDirections, GivenRotations
from afmbatch.structures.structures import Structures

_CACHE_BYTES = 64 << 20  # enough for 2.2 million structures of the common job


class Orientations:
    """Computes the rotation matrices of a job's samples. Not thread-safe.

    The best directions of a structure are chosen when the structure is first requested, and kept in a cache. The cache
    is emptied when it is full, which happens only in jobs on millions of structures.
    """

    def __init__(self, spec: JobSpec, structures: Structures) -> None:
        self._structures = structures
        n = spec.rotations.n
        match spec.rotations:
            case BestDirections():
                self._all = directions(spec.rotations.directions)
            case GivenRotations():
                self._all = np.array(spec.rotations.rotations)
            case _:
                self._all = np.eye(3)[None]
        self._choose = isinstance(spec.rotations, BestDirections)
        kind = np.min_scalar_type(len(self._all) - 1)
        room = min(len(structures), max(1, _CACHE_BYTES // (n * kind.itemsize)))
        self._chosen = np.empty((room, n), dtype=kind)  # only the part that is written to takes memory
        self._row = np.full(len(structures), -1, dtype=np.int32)  # row of a structure in _chosen; -1: none
        self._kept = 0

    def rotation_matrices(self, parameters: SampleParameters) -> Floats:
        """Return the rotation matrices R of n samples: f8 (n, 3, 3). Positions become x' = R x.

        The matrix of a mirrored sample has determinant −1.
        """
        if parameters.rotation is not None:
            rotation = parameters.rotation
        elif self._choose:
            rotation = self.best(parameters.structure, parameters.rank)
        else:
            rotation = self._all[parameters.rank]
        if parameters.turn is None:
            return rotation
        columns = [parameters.turn[:, :, k, None] * rotation[:, None, k, :] for k in range(3)]
        return np.asarray(columns[0] + columns[1] + columns[2])

    def best(self, structure: Ints, rank: Ints) -> Floats:
        """Return the rotation matrices of n pairs of a structure and the rank of one of its directions: f8 (n, 3, 3).

        structure: i8 (n,), numbers of the structures
        rank: i8 (n,), 0 for the best direction of a structure
        """
        room = len(self._chosen)
        pieces = [slice(i, i + room) for i in range(0, len(structure), room)]
        number = np.concatenate([self._choices(structure[p], rank[p]) for p in pieces])
        rotation: Floats = self._all[number]
        return rotation

    def _choices(self, structure: Ints, rank: Ints) -> NDArray[np.unsignedinteger[Any]]:
        new = np.unique(structure[self._row[structure] < 0])
        if self._kept + len(new) > len(self._chosen):
            self._row.fill(-1)
            self._kept = 0
            new = np.unique(structure)
        if len(new):
            end = self._kept + len(new)
            self._chosen[self._kept : end] = best_directions(self._structures, new, self._all, self._chosen.shape[1])
            self._row[new] = np.arange(self._kept, end)
            self._kept = end
        return self._chosen[self._row[structure], rank]
