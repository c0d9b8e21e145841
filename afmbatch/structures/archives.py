"""What an upload holds: itself, or the xyz files of a zip or tar archive, read in passing and never unpacked to disk.

What an archive says about itself is not believed: sizes are measured while bytes come out of the decompressor, the
kind is told by the content, and anything zipfile, tarfile or zlib stumble over is a fault of the upload.
"""

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, Self

from afmbatch.errors import FieldError, InvalidInput, TooLarge
from afmbatch.settings import Settings
from afmbatch.structures.readers.xyz import BLOCK_BYTES, Readable, shown

SUFFIXES = (".xyz", ".extxyz")
NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
JUNK = ("__MACOSX", "Thumbs.db", "desktop.ini")  # left by operating systems, like all that is hidden
MAGICS = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gzip"}
MAGICS |= {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"Rar!": "rar", b"\x28\xb5\x2f\xfd": "zstd"}
ZIP_ENTRY = b"PK\x01\x02"
MAX_NAME = 200  # characters; every structure carries its file's name
MAX_HEADER_BYTES = 1 << 16  # of a tar member's long name or extended header

ACCEPTED = "xyz or extended xyz text, or a .zip, .tar, .tar.gz or .tgz of .xyz and .extxyz files"
# what zipfile, tarfile, gzip and zlib raise for broken content (RuntimeError: unknown methods, nested headers)
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError, LookupError, RuntimeError)


@dataclass(frozen=True)
class Upload:
    """One uploaded file as it was sent; `file` is seekable and read from its start."""

    name: str
    file: BinaryIO


class Budget:
    """What may still be unpacked, over all uploads of a dataset: bytes and files. Both raise TooLarge."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bytes = settings.max_unpacked_bytes
        self._files = settings.max_members

    def take_bytes(self, n: int, where: str) -> None:
        """Count n bytes that were unpacked."""
        self._bytes -= n
        if self._bytes < 0:
            limit = f"at most {self._settings.max_unpacked_bytes} bytes in all, unpacked"
            raise TooLarge(
                FieldError(where, limit.replace("at most", "more than"), "the upload unpacks to too much", limit)
            )

    def take_files(self, n: int, where: str) -> None:
        """Count n files or archive members."""
        self._files -= n
        if self._files < 0:
            limit = f"at most {self._settings.max_members} files in all"
            raise TooLarge(
                FieldError(where, limit.replace("at most", "more than"), "the upload has too many files", limit)
            )


class Measured:
    """A file whose bytes count against a budget as they are read; broken content raises InvalidInput."""

    def __init__(self, file: Readable, where: str, budget: Budget | None) -> None:
        self._file = file
        self._where = where
        self._budget = budget

    def read(self, n: int, /) -> bytes:
        """Up to n bytes. Raises InvalidInput, TooLarge."""
        with unbroken(self._where):
            data = self._file.read(n)
        if self._budget is not None:
            self._budget.take_bytes(len(data), self._where)
        return data


@contextmanager
def unbroken(where: str) -> Iterator[None]:
    """Turns what the archive libraries raise for broken content into InvalidInput."""
    try:
        yield
    except BROKEN as e:
        reason = f"the file is damaged, cut off or not what it seems ({type(e).__name__}: {shown(str(e))})"
        raise InvalidInput(FieldError(where, shown(where), reason, ACCEPTED)) from e


def members(upload: Upload, name: str, budget: Budget) -> Iterator[tuple[str, Readable] | FieldError]:
    """The xyz files in an upload with their names in it ("" for an upload that is itself one), or why one is refused.

    In the order of the archive. Each file is to be read before the next one is asked for. Directories, hidden files
    and what operating systems leave behind are passed over. Raises InvalidInput for an upload that can't be read on,
    TooLarge for one over the limits.
    """
    upload.file.seek(0)
    head = upload.file.read(512)
    upload.file.seek(0)
    kind = next((kind for magic, kind in MAGICS.items() if head.startswith(magic)), "")
    if kind == "zip":
        yield from _zip(upload.file, name, budget)
    elif kind == "gzip":
        yield from _tar(gzip.GzipFile(fileobj=upload.file, mode="rb"), name, budget)
    elif head[257:262] == b"ustar" or (name.lower().endswith(".tar") and b"\0" in head):
        yield from _tar(upload.file, name, budget)
    elif kind:
        raise InvalidInput(FieldError(name, shown(name), f"{kind} files are not read", ACCEPTED))
    else:
        budget.take_files(1, name)
        yield "", Measured(upload.file, name, budget)


def _zip(file: BinaryIO, name: str, budget: Budget) -> Iterator[tuple[str, Readable] | FieldError]:
    # zipfile makes an object of every entry before we can count them
    entries = sum(block.count(ZIP_ENTRY) for block in iter(partial(file.read, BLOCK_BYTES), b""))
    budget.take_files(entries, name)
    with unbroken(name):
        archive = zipfile.ZipFile(file)
    seen: set[str] = set()
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        reason = ""
        if info.flag_bits & 1:
            reason = "the member is encrypted"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            reason = "the member is a link or a device"
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            reason = "the member is neither stored nor deflated"
        member = _member(name, info.orig_filename, reason, seen)  # filename ends at a NUL
        if isinstance(member, FieldError):
            yield member
        elif member:
            where = f"{name}:{member}"
            with unbroken(where):
                content = archive.open(info)
            yield member, Measured(content, where, budget)


def _tar(file: Readable, name: str, budget: Budget) -> Iterator[tuple[str, Readable] | FieldError]:
    raw = Measured(file, name, budget)
    seen: set[str] = set()
    with unbroken(name), tarfile.open(fileobj=raw, mode="r|", tarinfo=_Header) as archive:  # type: ignore[call-overload]
        while (info := archive.next()) is not None:
            archive.members = []  # tarfile would keep them all
            budget.take_files(1, name)
            reason = ""
            if not (info.isreg() or info.isdir()):
                reason = "the member is a link or a device"
            elif info.issparse():
                reason = "the member is a sparse file"
            member = _member(name, info.name + "/" * info.isdir(), reason, seen)
            if isinstance(member, FieldError):
                yield member
            elif member:
                yield member, Measured(archive.extractfile(info), f"{name}:{member}", None)  # raw counts already
    while raw.read(BLOCK_BYTES):  # to the end: only there gzip compares its checksum
        pass


def _member(archive: str, name: str, reason: str, seen: set[str]) -> str | FieldError:
    """A member's name with plain slashes, "" if it is passed over, a fault if it (or for `reason`) is refused."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    plain = "/".join(parts)
    accepted = ACCEPTED
    if name.startswith(("/", "\\")) or ".." in parts or name[1:2] == ":":
        reason = "the member's name leads out of the archive"
        accepted = "names such as sub/benzene.xyz"
    elif "\0" in name:
        reason = "the member's name contains a NUL"
        accepted = "names such as sub/benzene.xyz"
    elif any(part.startswith(".") or part in JUNK for part in parts) or (name.endswith(("/", "\\")) and not reason):
        return ""
    elif plain in seen:
        reason = "two members have this name"
        accepted = "each name once"
    elif len(plain) > MAX_NAME:
        reason = "the member's name is too long"
        accepted = f"names of at most {MAX_NAME} characters"
    elif plain.lower().endswith(NESTED):
        reason = "an archive within an archive is not read"
    elif not reason and PurePosixPath(plain).suffix.lower() not in SUFFIXES:
        reason = "the member is no .xyz or .extxyz file"
    seen.add(plain)
    return FieldError(f"{archive}:{shown(plain)}", shown(name), reason, accepted) if reason else shown(plain, MAX_NAME)


class _Header(tarfile.TarInfo):
    """A tar header, strictly: tarfile takes a damaged or missing one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as e:
            raise tarfile.ReadError(f"no tar member where one should be: {e}") from e

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # Documented as the place to look at a header; which methods lead here differs between patch versions of Python.
        if not self.isreg() and self.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[no-any-return,misc]
