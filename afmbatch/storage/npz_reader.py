"""Reads arrays of a batch file in place, a few samples at a time."""

import math
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
    def items(self) -> int:
        """The number of items, over all axes."""
        return math.prod(self.shape)

    @property
    def row_items(self) -> int:
        """The number of items at each position along the first axis."""
        return math.prod(self.shape[1:])


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
        """Return the part of an array from position begin to end − 1 along its first axis."""
        location = self.arrays[name]
        flat = self.items(name, begin * location.row_items, end * location.row_items)
        return flat.reshape(end - begin, *location.shape[1:])

    def items(self, name: str, begin: int, end: int) -> NDArray[Any]:
        """Return the items begin to end − 1 of an array, counted over all its axes in C order."""
        location = self.arrays[name]
        self._file.seek(location.offset + begin * location.dtype.itemsize)
        data = bytes(self._file.read((end - begin) * location.dtype.itemsize))
        return np.frombuffer(data, location.dtype)

    def whole(self, name: str) -> NDArray[Any]:
        """Return a whole array."""
        location = self.arrays[name]
        return self.items(name, 0, location.items).reshape(location.shape)
