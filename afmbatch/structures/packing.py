"""Structures of uploaded files packed into flat arrays."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from afmbatch.structures.readers.base import Frame
from afmbatch.structures.structures import Structures

_NO_LATTICE = np.full((3, 3), np.nan).tobytes()


class PackedFile:
    """The structures of a file as bytes: with 10⁶ molecules, the overhead of three arrays for each would dominate."""

    def __init__(self) -> None:
        self.counts: list[int] = []  #: atoms of each structure
        self.z, self.xyz, self.q = bytearray(), bytearray(), bytearray()
        self._lattice = bytearray()  # up to the last structure that has one

    def add(self, frame: Frame) -> None:
        """Add a structure."""
        if frame.lattice is not None:
            self._lattice += self._missing_lattices() + frame.lattice.tobytes()
        self.counts.append(len(frame.z))
        self.z += frame.z.tobytes()
        self.xyz += frame.xyz.tobytes()
        self.q += np.full(len(frame.z), np.nan).tobytes() if frame.q is None else frame.q.tobytes()

    @property
    def periodic(self) -> bool:
        """True if a structure has a lattice."""
        return bool(self._lattice)

    @property
    def lattice(self) -> bytes:
        """The lattices of all structures, NaN for those without one."""
        return bytes(self._lattice + self._missing_lattices())

    def _missing_lattices(self) -> bytes:
        """Return the lattices of the structures since the last that has one."""
        return _NO_LATTICE * (len(self.counts) - len(self._lattice) // len(_NO_LATTICE))


def packed_structures(files: Sequence[tuple[str, PackedFile]]) -> Structures:
    """Return the structures of files (name, structures), in order. Each is named after its file."""
    counts = [n for _, packed in files for n in packed.counts]
    names = [
        f"{name}#{k}" if len(packed.counts) > 1 else name
        for name, packed in files
        for k in range(1, len(packed.counts) + 1)
    ]
    structures = Structures(
        xyz=np.frombuffer(b"".join(packed.xyz for _, packed in files)).reshape(-1, 3),
        q=np.frombuffer(b"".join(packed.q for _, packed in files)),
        z=np.frombuffer(b"".join(packed.z for _, packed in files), dtype=np.int64),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        names=np.array(names),
    )
    if not any(packed.periodic for _, packed in files):
        return structures
    lattice = np.frombuffer(b"".join(packed.lattice for _, packed in files)).reshape(-1, 3, 3)
    return replace(structures, lattice=lattice)
