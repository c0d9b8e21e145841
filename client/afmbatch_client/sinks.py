"""Destinations of a download: memory, or a file that a later process can continue."""

import contextlib
import hashlib
import io
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from afmbatch_client.errors import CorruptData

_READ_BYTES = 1 << 20


class Sink(ABC):
    """Receives a file piece by piece, and checks its size and its sha256."""

    def __init__(self, check: bool) -> None:
        self.received = 0  # bytes
        self.size = 0  # bytes, as announced
        self.sha256 = ""  # as announced
        self._check = check
        self._hash = hashlib.sha256()

    def begin(self, size: int, sha256: str) -> None:
        """Drop what was received and prepare for a whole file of this size and sha256."""
        self.received, self.size, self.sha256 = 0, size, sha256
        self._hash = hashlib.sha256()
        self._begin()

    def write(self, chunk: bytes) -> None:
        """Append the next bytes. Raises CorruptData if they are more than announced."""
        if self.received + len(chunk) > self.size:
            raise CorruptData(f"received more than the {self.size} bytes that were announced")
        self._write(chunk)
        self._count(chunk)

    def finish(self) -> None:
        """Check and keep the complete file. Raises CorruptData if its sha256 is not the announced one."""
        if self._check and self._hash.hexdigest() != self.sha256:
            self.received = 0
            raise CorruptData(f"sha256 is {self._hash.hexdigest()} instead of {self.sha256}")
        self._finish()

    def _count(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self._check:
            self._hash.update(chunk)

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _write(self, chunk: bytes) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...


class MemorySink(Sink):
    """Receives a file into one buffer of its size."""

    def __init__(self, check: bool) -> None:
        super().__init__(check)
        self.buffer: NDArray[np.uint8] = np.empty(0, np.uint8)

    def _begin(self) -> None:
        if len(self.buffer) != self.size:
            self.buffer = np.empty(self.size, np.uint8)
        self._view = self.buffer.data

    def _write(self, chunk: bytes) -> None:
        self._view[self.received : self.received + len(chunk)] = chunk

    def _finish(self) -> None:
        pass


class FileSink(Sink):
    """Receives a file into `.<name>.<sha256>.part` beside `path`, and renames it when it is complete and correct.

    A part file that an earlier process left is continued. Used in a with statement.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(check=True)
        self.path = path
        self.existing_sha256 = _file_sha256(path)
        self._file: BinaryIO = io.BytesIO()  # until there is a part file
        for part in self._part_files()[:1]:
            self.sha256 = part.name.split(".")[-2]
            self._file = part.open("r+b")
            while chunk := self._file.read(_READ_BYTES):
                self._count(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _begin(self) -> None:
        self._file.close()
        for part in self._part_files():
            part.unlink()
        self._file = self._part_path.open("w+b")

    def _write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def _finish(self) -> None:
        self._file.close()
        self._part_path.replace(self.path)

    @property
    def _part_path(self) -> Path:
        return self.path.with_name(f".{self.path.name}.{self.sha256}.part")

    def _part_files(self) -> list[Path]:
        """Return the part files of `path`, of any sha256."""
        pattern = re.compile(re.escape(f".{self.path.name}.") + r"[0-9a-f]{64}\.part")
        return [path for path in self.path.parent.iterdir() if pattern.fullmatch(path.name)]


def _file_sha256(path: Path) -> str:
    """Return the sha256 of a file, or "" if it does not exist."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
    return ""
