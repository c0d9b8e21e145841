"""A file whose content is in several objects of the store."""

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import IO, TYPE_CHECKING

from afmbatch.storage.object_store import ObjectStore

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class PartFile(io.RawIOBase):
    """A file that reads objects one after the other; one of them is open at a time."""

    def __init__(self, store: ObjectStore, parts: Sequence[tuple[str, int]]) -> None:
        """parts: the key and the size in bytes of each object."""
        self._store = store
        self._keys = [key for key, _ in parts]
        self._starts = [0, *accumulate(size for _, size in parts)]
        self._position = 0
        self._part = -1  # the open one
        self._file: IO[bytes] | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the file, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position and return it."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        if origin + offset < 0:
            raise ValueError(f"position {origin + offset} is before the start of the file")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read up to the end of the buffer or of a part, and return the number of bytes; 0 at the end of the file."""
        if self._position >= self._starts[-1]:
            return 0
        part = bisect_right(self._starts, self._position) - 1
        if part != self._part or self._file is None:
            self._close_part()
            self._file, self._part = self._store.open(self._keys[part]), part
        view = memoryview(buffer).cast("B")
        self._file.seek(self._position - self._starts[part])
        data = bytes(self._file.read(min(len(view), self._starts[part + 1] - self._position)))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._close_part()
        super().close()

    def _close_part(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
