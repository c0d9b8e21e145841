"""An npz file in memory as arrays that look into it: nothing is copied of what is stored uncompressed."""

import io
import struct
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from afmbatch_client.errors import Damaged

_LOCAL = struct.Struct("<26x2H")  # of a member's local header: the lengths of its name and extra field


class Npz(Mapping[str, NDArray[Any]]):
    """The arrays by name, each made when it is first asked for. Raises Damaged where the bytes are no npz file."""

    def __init__(self, buffer: NDArray[np.uint8]) -> None:
        self._buffer = buffer
        try:
            self._zip = zipfile.ZipFile(_Reader(buffer.data))
        except zipfile.BadZipFile as e:
            raise Damaged(f"no npz file: {e}") from e
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
            raise Damaged(f"{member.filename}: {e}") from e

    def _view(self, member: zipfile.ZipInfo) -> NDArray[Any]:
        name, extra = _LOCAL.unpack_from(self._buffer.data, member.header_offset)
        start = member.header_offset + _LOCAL.size + name + extra
        content = self._buffer[start : start + member.file_size]
        dtype, shape, fortran, at = _header(bytes(content[: _header_bytes(content)]))
        return np.ndarray(shape, dtype, content.data, at, order="F" if fortran else "C")


def _header_bytes(content: NDArray[np.uint8]) -> int:
    """Length of an npy file's header (numpy.lib.format): magic, version, then the length of the text."""
    major = npy.read_magic(io.BytesIO(content[: npy.MAGIC_LEN].tobytes()))[0]
    form = struct.Struct("<H" if major == 1 else "<I")
    return npy.MAGIC_LEN + form.size + int(form.unpack_from(content.data, npy.MAGIC_LEN)[0])


@lru_cache(maxsize=1024)
def _header(head: bytes) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """What an npy header says, and where it ends. Most of the time of looking at a batch goes here: hence the cache."""
    f = io.BytesIO(head)
    read = npy.read_array_header_1_0 if npy.read_magic(f)[0] == 1 else npy.read_array_header_2_0
    shape, fortran, dtype = read(f)
    if dtype.hasobject:
        raise ValueError("object arrays are not read")
    return dtype, shape, fortran, f.tell()


class _Reader(io.RawIOBase):
    """Bytes in memory as a file to read, without a copy of all of them."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, len(self._data))[whence])
        return self._at

    def readinto(self, into: Any) -> int:
        part = self._data[self._at : self._at + len(into)]
        into[: len(part)] = part
        self._at += len(part)
        return len(part)
