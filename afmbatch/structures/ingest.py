"""Datasets: uploaded files to structures, checked, with the faults named.

Order: the uploads as they came, the members of an archive by name, the structures as in their file. So the same files
are the same dataset however an archive of them was packed.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError, InvalidInput, TooLarge
from afmbatch.settings import Settings
from afmbatch.structures.archives import ACCEPTED, MAX_NAME, Budget, Upload, members
from afmbatch.structures.overlap import TOO_CLOSE, nearest_image, too_close
from afmbatch.structures.readers.xyz import Frame, Readable, frames, shown
from afmbatch.structures.structures import Structures

__all__ = ["Upload", "dataset_id", "read_structures"]

MAX_FAULTS = 20
MAX_STRUCTURES = 1_000_000
MAX_COORDINATE = 1e4  # Å
MAX_EXTENT = 1e3  # Å
MAX_CHARGE = 100.0  # e
_NO_LATTICE = np.full((3, 3), np.nan).tobytes()


def dataset_id(structures: Structures) -> str:
    """The id of a dataset: the same structures under the same names, in the same order, have the same id."""
    return f"ds-{structures.digest[:20]}"


def read_structures(uploads: Sequence[Upload], settings: Settings) -> Structures:
    """All structures in the uploaded files: xyz, extended xyz, and archives of them.

    Plain xyz may have a fifth column, the charge in e; extended xyz names it (`xyz.CHARGES`), and may give a lattice. A
    structure without charges is read, with q = NaN, as is one without lattice. A structure is called after its file:
    "file", or "file#2" where the file has several (counted from 1); "archive.zip/sub/file.xyz" in an archive.

    Raises InvalidInput with one fault for each structure or file refused, MAX_FAULTS of them and one that counts the
    rest; TooLarge as soon as a limit is passed.
    """
    reading, budget = _Reading(), Budget(settings)
    if not uploads:
        reading.refuse(FieldError("files", "", "no file was uploaded", ACCEPTED))
    for i, upload in enumerate(uploads):
        name = shown(upload.name, MAX_NAME) or f"upload {i + 1}"
        try:
            empty = True
            for member in members(upload, name, budget):
                empty = False
                if isinstance(member, FieldError):
                    reading.refuse(member)
                else:
                    reading.read(i, name, *member)
        except InvalidInput as e:
            reading.refuse(*e.field_errors)
        else:
            if empty:
                reading.refuse(FieldError(name, shown(name), "there is no .xyz or .extxyz file in it", ACCEPTED))
    return reading.result()


class _Packed:
    """The structures of one file as bytes: at 10⁶ molecules, three arrays for each would be most of the memory."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.z, self.xyz, self.q = bytearray(), bytearray(), bytearray()
        self._lattice = bytearray()  # up to the last structure that has one

    def add(self, frame: Frame) -> None:
        if frame.lattice is not None:
            self._lattice += self._none_since() + frame.lattice.tobytes()
        self.counts.append(len(frame.z))
        self.z += frame.z.tobytes()
        self.xyz += frame.xyz.tobytes()
        self.q += np.full(len(frame.z), np.nan).tobytes() if frame.q is None else frame.q.tobytes()

    @property
    def periodic(self) -> bool:
        """Whether a structure has a lattice."""
        return bool(self._lattice)

    @property
    def lattice(self) -> bytes:
        return bytes(self._lattice + self._none_since())

    def _none_since(self) -> bytes:
        return _NO_LATTICE * (len(self.counts) - len(self._lattice) // len(_NO_LATTICE))


class _Reading:
    """What was read so far, and the faults in it."""

    def __init__(self) -> None:
        self._faults: list[FieldError] = []
        self._unlisted = 0
        self._structures = 0
        self._files: list[tuple[int, str, _Packed]] = []  # upload, name

    def refuse(self, *faults: FieldError) -> None:
        room = MAX_FAULTS - len(self._faults)
        self._faults += faults[:room]
        self._unlisted += len(faults[room:])

    def read(self, upload: int, name: str, member: str, file: Readable) -> None:
        """Add the structures of one file (`member` "": of the upload itself)."""
        where = f"{name}:{member}" if member else name
        packed = _Packed()
        before = self._structures
        for frame in frames(file, where):
            self._structures += 1
            if self._structures > MAX_STRUCTURES:
                limit = f"at most {MAX_STRUCTURES} structures in a dataset"
                raise TooLarge(
                    FieldError(where, f"more than {MAX_STRUCTURES}", "the upload has too many structures", limit)
                )
            if isinstance(frame, FieldError):
                self.refuse(frame)
            elif fault := _fault(frame):
                self.refuse(fault)
            elif not self._faults:  # with a fault nothing will be returned
                packed.add(frame)
        if self._structures == before:
            self.refuse(FieldError(where, "", "there is no structure in the file", ACCEPTED))
        self._files.append((upload, f"{name}/{member}" if member else name, packed))

    def result(self) -> Structures:
        if self._unlisted:
            text = f"{self._unlisted} more faults are not listed"
            self._faults.append(FieldError("files", str(self._unlisted), text, "files without faults"))
        if self._faults:
            raise InvalidInput(*self._faults)
        self._files.sort(key=lambda file: file[:2])
        counts = [n for _, _, packed in self._files for n in packed.counts]
        names = [
            f"{name}#{k}" if len(packed.counts) > 1 else name
            for _, name, packed in self._files
            for k in range(1, len(packed.counts) + 1)
        ]
        structures = Structures(
            xyz=np.frombuffer(b"".join(p.xyz for _, _, p in self._files)).reshape(-1, 3),
            q=np.frombuffer(b"".join(p.q for _, _, p in self._files)),
            z=np.frombuffer(b"".join(p.z for _, _, p in self._files), dtype=np.int64),
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            names=np.array(names),
        )
        if not any(p.periodic for _, _, p in self._files):
            return structures
        lattice = np.frombuffer(b"".join(p.lattice for _, _, p in self._files)).reshape(-1, 3, 3)
        return replace(structures, lattice=lattice)


def _fault(frame: Frame) -> FieldError | None:
    """What is wrong with the values of a structure, None if nothing is."""
    largest = np.abs(frame.xyz).max()
    if not largest <= MAX_COORDINATE:  # also where it is NaN
        i, k = np.argwhere(~(np.abs(frame.xyz) <= MAX_COORDINATE))[0]
        accepted = f"finite coordinates, at most {MAX_COORDINATE:g} Å from 0"
        return _at(frame, i, f"{frame.xyz[i, k]:g}", f"the {'xyz'[k]} coordinate is out of range", accepted)
    if largest > MAX_EXTENT / 2 and (extent := np.ptp(frame.xyz, axis=0).max()) > MAX_EXTENT:
        accepted = f"an extent of at most {MAX_EXTENT:g} Å"
        return FieldError(frame.where, f"{extent:g} Å", "the structure is too large", accepted)
    if frame.q is not None and not np.abs(frame.q).max() <= MAX_CHARGE:
        i = np.flatnonzero(~(np.abs(frame.q) <= MAX_CHARGE))[0]
        accepted = f"finite charges, at most {MAX_CHARGE:g} e either way"
        return _at(frame, i, f"{frame.q[i]:g}", "the charge is out of range", accepted)
    if frame.lattice is not None and (fault := _lattice_fault(frame, frame.lattice)):
        return fault
    if pair := too_close(frame.xyz):
        i, j = pair
        distance = float(np.linalg.norm(frame.xyz[i] - frame.xyz[j]))
        reason = f"this atom and that of line {frame.line + i} are on top of each other"
        return _at(frame, j, f"{distance:.3g} Å", reason, f"atoms at least {TOO_CLOSE:g} Å apart")
    return None


def _lattice_fault(frame: Frame, lattice: NDArray[np.float64]) -> FieldError | None:
    length = np.hypot.reduce(lattice, axis=1)  # of squares 1e±200 has none
    length = length[length > 0]
    if length.max() <= MAX_COORDINATE and length.min() >= TOO_CLOSE:
        near = nearest_image(lattice, (1, 1, 1))
        if near >= TOO_CLOSE:
            return None
        accepted = f"lattice vectors that keep them {TOO_CLOSE:g} Å apart"
        return _at(frame, -1, f"{near:.3g} Å", "images of an atom are on top of each other", accepted)
    value = ", ".join(f"{vector:g} Å" for vector in length)
    accepted = f"lattice vectors of {TOO_CLOSE:g} to {MAX_COORDINATE:g} Å, or of zeros where it is not periodic"
    return _at(frame, -1, value, "the length of a lattice vector is out of range", accepted)


def _at(frame: Frame, atom: int, value: str, reason: str, accepted: str) -> FieldError:
    return FieldError(f"{frame.where}, line {frame.line + atom}", value, reason, accepted)
