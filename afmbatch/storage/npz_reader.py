"""Arrays of a batch file read where they lie, a few samples at a time."""

import zipfile
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_LOCAL_BYTES = 30  # of a local file header before name and extra field, whose lengths are its last words


@dataclass(frozen=True, slots=True)
class ArrayLocation:
    """Where an array is in the file, and what it is."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    at: int

    @property
    def row_bytes(self) -> int:
        """Of one item along the first axis."""
        return self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))


class Npz:
    """A batch file as afmbatch.storage.batch_file writes it: stored members, C order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.arrays = {}
        for member in zipfile.ZipFile(file).infolist():
            file.seek(member.header_offset + _LOCAL_BYTES - 4)
            lengths = np.frombuffer(bytes(file.read(4)), "<u2")
            file.seek(member.header_offset + _LOCAL_BYTES + int(lengths.sum()))
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            self.arrays[member.filename.removesuffix(".npy")] = ArrayLocation(dtype, shape, file.tell())

    def rows(self, name: str, begin: int, end: int) -> NDArray[Any]:
        """Items begin … end − 1 along the first axis."""
        lying = self.arrays[name]
        self._file.seek(lying.at + begin * lying.row_bytes)
        data = bytes(self._file.read((end - begin) * lying.row_bytes))
        return np.frombuffer(data, lying.dtype).reshape(end - begin, *lying.shape[1:])

    def whole(self, name: str) -> NDArray[Any]:
        """All of an array."""
        lying = self.arrays[name]
        if lying.shape:
            return self.rows(name, 0, lying.shape[0])
        self._file.seek(lying.at)
        return np.frombuffer(bytes(self._file.read(lying.dtype.itemsize)), lying.dtype).reshape(())
