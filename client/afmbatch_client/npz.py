"""Read an npz file in memory as arrays that are views of it. Uncompressed arrays are not copied."""

import io
import struct
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from afmbatch_client.errors import CorruptData

_LOCAL_HEADER = struct.Struct("<26x2H")  # of a zip member; gives the lengths of its name and of its extra field


class Npz(Mapping[str, NDArray[Any]]):
    """The arrays of an npz file by name, each made when it is first asked for.

    Raises CorruptData if the bytes are not an npz file.
    """

    def __init__(self, buffer: NDArray[np.uint8]) -> None:
        self._buffer = buffer
        try:
            self._zip = zipfile.ZipFile(_MemoryFile(buffer.data))
        except zipfile.BadZipFile as e:
            raise CorruptData(f"the bytes are not an npz file: {e}") from e
        self._members = {info.filename.removesuffix(".npy"): info for info in self._zip.infolist()}
        self._arrays: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._arrays:
            self._arrays[name] = self._array(self._members[name])
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def _array(self, member: zipfile.ZipInfo) -> NDArray[Any]:
        try:
            if member.compress_type != zipfile.ZIP_STORED:
                with self._zip.open(member) as f:
                    return npy.read_array(f, allow_pickle=False)
            return self._view(member)
        except (ValueError, TypeError, struct.error, zipfile.BadZipFile) as e:
            raise CorruptData(f"{member.filename}: {e}") from e

    def _view(self, member: zipfile.ZipInfo) -> NDArray[Any]:
        name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(self._buffer.data, member.header_offset)
        start = member.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
        content = self._buffer[start : start + member.file_size]
        dtype, shape, fortran, offset = _parse_header(bytes(content[: _header_bytes(content)]))
        return np.ndarray(shape, dtype, content.data, offset, order="F" if fortran else "C")


def _header_bytes(content: NDArray[np.uint8]) -> int:
    """Return the length of the header of an npy file (numpy.lib.format): magic, version, length of the text, text."""
    major = npy.read_magic(io.BytesIO(content[: npy.MAGIC_LEN].tobytes()))[0]
    length = struct.Struct("<H" if major == 1 else "<I")
    return npy.MAGIC_LEN + length.size + int(length.unpack_from(content.data, npy.MAGIC_LEN)[0])


@lru_cache(maxsize=1024)
def _parse_header(header: bytes) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """Return dtype, shape, whether the order is Fortran's, and the length of an npy header.

    Cached, because parsing the headers takes most of the time of reading a batch.
    """
    f = io.BytesIO(header)
    read = npy.read_array_header_1_0 if npy.read_magic(f)[0] == 1 else npy.read_array_header_2_0
    shape, fortran, dtype = read(f)
    if dtype.hasobject:
        raise ValueError("arrays of Python objects are not supported")
    return dtype, shape, fortran, f.tell()


class _MemoryFile(io.RawIOBase):
    """A read-only file over bytes in memory, which are not copied."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = max(0, offset + (0, self._position, len(self._data))[whence])
        return self._position

    def readinto(self, target: Any) -> int:
        part = self._data[self._position : self._position + len(target)]
        target[: len(part)] = part
        self._position += len(part)
        return len(part)
