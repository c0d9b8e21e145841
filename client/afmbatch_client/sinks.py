"""Where the bytes of a file go as they arrive: into memory, or into a file that the next process can go on with."""

import contextlib
import hashlib
import io
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from afmbatch_client.errors import Damaged

_READ_BYTES = 1 << 20


class Sink(ABC):
    """The first `at` bytes of a file that has `size` bytes and this sha256."""

    def __init__(self, check: bool) -> None:
        self.at = 0
        self.size = 0
        self.sha256 = ""  # as announced
        self._check = check
        self._hash = hashlib.sha256()

    def begin(self, size: int, sha256: str) -> None:
        """Forget what was there and make room for a whole file."""
        self.at, self.size, self.sha256 = 0, size, sha256
        self._hash = hashlib.sha256()
        self._begin()

    def take(self, chunk: bytes) -> None:
        """The next bytes. Raises Damaged where there are more than announced."""
        if self.at + len(chunk) > self.size:
            raise Damaged(f"more than the {self.size} bytes that were announced")
        self._take(chunk)
        self._count(chunk)

    def finish(self) -> None:
        """All is there. Raises Damaged where it is not what was announced; nothing is kept then."""
        if self._check and self._hash.hexdigest() != self.sha256:
            self.at = 0
            raise Damaged(f"sha256 is {self._hash.hexdigest()} instead of {self.sha256}")
        self._finish()

    def _count(self, chunk: bytes) -> None:
        self.at += len(chunk)
        if self._check:
            self._hash.update(chunk)

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _take(self, chunk: bytes) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...


class Memory(Sink):
    """One buffer of the file's size, made once."""

    def __init__(self, check: bool) -> None:
        super().__init__(check)
        self.buffer: NDArray[np.uint8] = np.empty(0, np.uint8)

    def _begin(self) -> None:
        if len(self.buffer) != self.size:
            self.buffer = np.empty(self.size, np.uint8)
        self._into = self.buffer.data

    def _take(self, chunk: bytes) -> None:
        self._into[self.at : self.at + len(chunk)] = chunk

    def _finish(self) -> None:
        pass


class PartFile(Sink):
    """`.<name>.<sha256>.part` beside the file until it is whole and right; then renamed. Used in a with statement."""

    def __init__(self, path: Path) -> None:
        super().__init__(check=True)
        self.path = path
        self.known = _digest(path)
        self._file: BinaryIO = io.BytesIO()  # until there is a part
        for part in self._parts()[:1]:
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
        for part in self._parts():
            part.unlink()
        self._file = self._part.open("w+b")

    def _take(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def _finish(self) -> None:
        self._file.close()
        self._part.replace(self.path)

    @property
    def _part(self) -> Path:
        return self.path.with_name(f".{self.path.name}.{self.sha256}.part")

    def _parts(self) -> list[Path]:
        ours = re.compile(re.escape(f".{self.path.name}.") + r"[0-9a-f]{64}\.part")
        return [path for path in self.path.parent.iterdir() if ours.fullmatch(path.name)]


def _digest(path: Path) -> str:
    """sha256 of a file, "" where there is none."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
    return ""
