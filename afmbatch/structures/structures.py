"""Structures: the molecules of a dataset in flat arrays, their file, and their periodic images."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DEFAULT: Any = None  # replaced when the object is made


@dataclass(frozen=True, eq=False)
class Structures:
    """A sequence of n structures with N atoms in all. The atoms of structure s are `offsets[s]:offsets[s+1]`."""

    xyz: NDArray[np.float64]  #: (N, 3), Å
    q: NDArray[np.float64]  #: (N,) point charges, e; NaN for all atoms of a structure without charges
    z: NDArray[np.int64]  #: (N,) atomic numbers
    offsets: NDArray[np.int64]  #: (n+1,)
    names: NDArray[np.str_]  #: (n,) file each structure came from
    #: (n, 3, 3) rows a, b, c, Å; a row of zeros: not periodic; NaN: a structure without lattice. Default: NaN
    lattice: NDArray[np.float64] = _DEFAULT
    #: (n,) number of each structure's own atoms, which come before their periodic images. Default: all atoms
    originals: NDArray[np.int64] = _DEFAULT

    def __post_init__(self) -> None:
        if self.lattice is None:  # a view that takes no memory
            object.__setattr__(self, "lattice", np.broadcast_to(np.nan, (len(self), 3, 3)))
        if self.originals is None:
            object.__setattr__(self, "originals", np.diff(self.offsets))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def atoms(self, s: int) -> slice:
        """Return the place of structure s in the flat arrays."""
        return slice(int(self.offsets[s]), int(self.offsets[s + 1]))

    def gather(self, structures: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the atoms of k structures one after the other, and where each structure begins.

        structures: (k,) int64; result: (ΣN,) int64 indexes of atoms, and (k+1,) int64 offsets in them.
        """
        sizes = self.offsets[structures + 1] - self.offsets[structures]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        moved = self.offsets[structures] - offsets[:-1]
        return np.arange(offsets[-1]) + np.repeat(moved, sizes), offsets

    def original(self, structures: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of the atoms that `gather` returned are no periodic images: (ΣN,) bool."""
        own, sizes = self.originals[structures], np.diff(offsets)
        if (own == sizes).all():
            return np.ones(offsets[-1], dtype=bool)
        return np.asarray(np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes) < np.repeat(own, sizes))

    @cached_property
    def uncharged(self) -> NDArray[np.int64]:
        """The numbers of the structures without charges, int64."""
        return np.flatnonzero(np.isnan(self.q[self.offsets[:-1]]))

    @cached_property
    def isolated(self) -> NDArray[np.int64]:
        """The numbers of the structures without a lattice, int64."""
        return np.flatnonzero(np.isnan(self.lattice[:, 0, 0]))

    @classmethod
    def concatenated(cls, parts: Sequence["Structures"]) -> "Structures":
        """Return the structures of all parts, of which there is at least one, one part after the other."""
        if len(parts) == 1:
            return parts[0]
        before = np.cumsum([0, *(len(part.z) for part in parts)])
        offsets = [part.offsets[1:] + first for part, first in zip(parts, before[:-1], strict=True)]
        periodic = any(len(part.isolated) < len(part) for part in parts)
        return cls(
            xyz=np.concatenate([part.xyz for part in parts]),
            q=np.concatenate([part.q for part in parts]),
            z=np.concatenate([part.z for part in parts]),
            offsets=np.concatenate([[0], *offsets]),
            names=np.concatenate([part.names for part in parts]),
            lattice=np.concatenate([part.lattice for part in parts]) if periodic else _DEFAULT,
            originals=np.concatenate([part.originals for part in parts]),
        )

    def repeated(
        self, npbc: tuple[int, int, int], lattice: Sequence[Sequence[float]] | NDArray[np.float64] | None = None
    ) -> "Structures":
        """Return each structure with its periodic images (physics.md §2).

        npbc: the number of images each way along the lattice vectors a, b and c; there are none along a vector of
        zeros. lattice: (3, 3), Å, in place of the structures' own. The images come after the original atoms, with the
        index along c varying fastest. Raises ValueError if a structure has no lattice.
        """
        if not any(npbc):
            return self
        cell = self.lattice if lattice is None else np.broadcast_to(np.array(lattice, dtype=float), self.lattice.shape)
        if np.isnan(cell[:, 0, 0]).any():
            raise ValueError(f"{len(self.isolated)} of {len(self)} structures have no lattice")
        steps = np.array(sorted(product(*(range(-n, n + 1) for n in npbc)), key=any))  # (0, 0, 0) first
        there = ((steps == 0) | (cell != 0).any(axis=2)[:, None]).all(axis=2)
        structure, image = np.nonzero(there)
        index, offsets = self.gather(structure)
        shift = (steps[image, :, None] * cell[structure]).sum(axis=1)
        return Structures(
            xyz=self.xyz[index] + np.repeat(shift, np.diff(offsets), axis=0),
            q=self.q[index],
            z=self.z[index],
            offsets=offsets[np.concatenate([[0], np.cumsum(there.sum(axis=1))])],
            names=self.names,
            lattice=cell,
            originals=np.diff(self.offsets),
        )

    def arrays(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        """Yield the arrays by name, in the order of the file; lattice only if a structure has one."""
        yield from (
            ("xyz", self.xyz),
            ("q", self.q),
            ("z", self.z),
            ("offsets", self.offsets),
            ("names", self.names),
        )
        if len(self.isolated) < len(self):
            yield "lattice", self.lattice

    @cached_property
    def digest(self) -> str:
        """The sha256 of the content: equal structures in the same order have the same digest."""
        h = hashlib.sha256()
        for name, a in self.arrays():
            h.update(f"{name} {a.dtype.str} {a.shape}\n".encode())
            h.update(np.ascontiguousarray(a).tobytes())
        return h.hexdigest()

    def to_bytes(self) -> bytes:
        """Return the structures as an npz file."""
        f = io.BytesIO()
        np.savez(f, allow_pickle=False, **dict(self.arrays()))
        return f.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Structures":
        """Return the structures in a file that `to_bytes` made."""
        with np.load(io.BytesIO(data), allow_pickle=False) as f:
            return cls(**{name: f[name] for name in f.files})
