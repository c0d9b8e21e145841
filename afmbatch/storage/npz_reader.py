"""Reads arrays of a batch file in place, a few samples at a time."""

import zipfile
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_LOCAL_BYTES = 30  # of a local file header without name and extra field, whose lengths are its last two words


@dataclass(frozen=True, slots=True)
class ArrayLocation:
    """The place of an array in the file, its dtype and its shape."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int  #: of the first item in the file, bytes

    @property
    def row_bytes(self) -> int:
        """The size of an item along the first axis, in bytes."""
        return self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))


class NpzReader:
    """A batch file as `afmbatch.storage.batch_file` writes it: members are stored, arrays are in C order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.arrays: dict[str, ArrayLocation] = {}
        for member in zipfile.ZipFile(file).infolist():
            file.seek(member.header_offset + _LOCAL_BYTES - 4)
            lengths = np.frombuffer(bytes(file.read(4)), "<u2")
            file.seek(member.header_offset + _LOCAL_BYTES + int(lengths.sum()))
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            self.arrays[member.filename.removesuffix(".npy")] = ArrayLocation(dtype, shape, file.tell())

    def rows(self, name: str, begin: int, end: int) -> NDArray[Any]:
        """Return the items begin to end − 1 of an array along its first axis."""
        location = self.arrays[name]
        self._file.seek(location.offset + begin * location.row_bytes)
        data = bytes(self._file.read((end - begin) * location.row_bytes))
        return np.frombuffer(data, location.dtype).reshape(end - begin, *location.shape[1:])

    def whole(self, name: str) -> NDArray[Any]:
        """Return a whole array."""
        location = self.arrays[name]
        if location.shape:
            return self.rows(name, 0, location.shape[0])
        self._file.seek(location.offset)
        return np.frombuffer(bytes(self._file.read(location.dtype.itemsize)), location.dtype).reshape(())
