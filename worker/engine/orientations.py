"""The orientation of each sample of a job (physics.md §6)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.directions import best_directions, directions
from afmbatch.sampling.parameters import SampleParameters
from afmbatch.sampling.random_numbers import Floats, Ints
from afmbatch.spec.job import JobSpec
from afmbatch.spec.rotations import BestDirections, GivenRotations
from afmbatch.structures.structures import Structures

_KEPT_BYTES = 64 << 20  # chosen directions that a job keeps in memory: 2.2 million structures of the common job


class Orientations:
    """The rotation of each sample of a job. Not for use by several threads.

    A structure's directions are chosen when it is first asked for, and kept as long as there is room: a job on many
    structures has none for all of them, and then begins anew.
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
        room = min(len(structures), max(1, _KEPT_BYTES // (n * kind.itemsize)))
        self._chosen = np.empty((room, n), dtype=kind)  # of the system's memory it takes what is written to
        self._row = np.full(len(structures), -1, dtype=np.int32)  # where a structure's choice is kept
        self._kept = 0

    def of(self, drawn: SampleParameters) -> Floats:
        """Rotation matrices of n samples: (n, 3, 3). Positions turn as x' = R x; a mirrored one has determinant −1."""
        if drawn.rotation is not None:
            rotation = drawn.rotation
        elif self._choose:
            rotation = self.best(drawn.structure, drawn.rank)
        else:
            rotation = self._all[drawn.rank]
        if drawn.turn is None:
            return rotation
        columns = [drawn.turn[:, :, k, None] * rotation[:, None, k, :] for k in range(3)]
        return np.asarray(columns[0] + columns[1] + columns[2])

    def best(self, structure: Ints, rank: Ints) -> Floats:
        """The directions of n structures at these ranks: (n,) and (n,) to (n, 3, 3)."""
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
