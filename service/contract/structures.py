"""Structures: the molecules of a dataset, packed in flat arrays, and their one file form."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Structures:
    """n structures, N atoms in all; structure s owns atoms `offsets[s]:offsets[s+1]`.

    xyz: (N, 3) float64, Å; q: (N,) float64, e, NaN throughout a structure that has no charges;
    z: (N,) int64 atomic numbers; offsets: (n+1,) int64; names: (n,) unicode, where each came from.
    """

    xyz: NDArray[np.float64]
    q: NDArray[np.float64]
    z: NDArray[np.int64]
    offsets: NDArray[np.int64]
    names: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def atoms(self, s: int) -> slice:
        """Where structure s lies in the flat arrays."""
        return slice(int(self.offsets[s]), int(self.offsets[s + 1]))

    def gather(self, structures: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of n structures in a row: the numbers of their atoms, (ΣN,), and where each structure starts, (n+1,)."""
        sizes = np.diff(self.offsets)[structures]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        moved = self.offsets[structures] - offsets[:-1]
        return np.arange(offsets[-1]) + np.repeat(moved, sizes), offsets

    @cached_property
    def uncharged(self) -> NDArray[np.int64]:
        """Numbers of the structures without charges."""
        return np.flatnonzero(np.isnan(self.q[self.offsets[:-1]]))

    def arrays(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        """The arrays by name, in the order of the file."""
        yield from (
            ("xyz", self.xyz),
            ("q", self.q),
            ("z", self.z),
            ("offsets", self.offsets),
            ("names", self.names),
        )

    @cached_property
    def digest(self) -> str:
        """sha256 over the content: equal structures in equal order have equal digests."""
        h = hashlib.sha256()
        for name, a in self.arrays():
            h.update(f"{name} {a.dtype.str} {a.shape}\n".encode())
            h.update(np.ascontiguousarray(a).tobytes())
        return h.hexdigest()

    def to_bytes(self) -> bytes:
        """As an npz file."""
        f = io.BytesIO()
        np.savez(f, allow_pickle=False, **dict(self.arrays()))
        return f.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Structures":
        """Back from `to_bytes`."""
        with np.load(io.BytesIO(data), allow_pickle=False) as f:
            return cls(**{name: f[name] for name in ("xyz", "q", "z", "offsets", "names")})
