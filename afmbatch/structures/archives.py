"""Finds the structure files in an upload, which is such a file itself or a zip or tar archive of them.

Archives are read as streams and never unpacked to disk. Their headers are not trusted: sizes are measured while bytes
come out of the decompressor, the kind of archive is recognised by its content, and every error of zipfile, tarfile and
zlib is reported as an error of the upload.
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

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.structures.budget import Budget
from afmbatch.structures.printable import printable
from afmbatch.structures.readers import accepted_formats, accepted_suffixes, named_suffixes
from afmbatch.structures.readers.base import BLOCK_BYTES, HEAD_BYTES, Readable

ARCHIVE_SUFFIXES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
SYSTEM_FILES = ("__MACOSX", "Thumbs.db", "desktop.ini")  # added by operating systems, like hidden files
MAGICS = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gzip"}
MAGICS |= {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"Rar!": "rar", b"\x28\xb5\x2f\xfd": "zstd"}
ZIP_ENTRY = b"PK\x01\x02"
MAX_NAME = 200  # characters; every structure is stored with the name of its file
MAX_HEADER_BYTES = 1 << 16  # of a tar member's long name or extended header

# Errors that zipfile, tarfile, gzip and zlib raise for broken content. RuntimeError is raised for unknown compression
# methods and for deeply nested headers.
BROKEN_CONTENT = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
)


@dataclass(frozen=True)
class Upload:
    """An uploaded file as it was sent; `file` is seekable and read from its start."""

    name: str
    file: BinaryIO


def accepted_uploads() -> str:
    """Return the accepted kinds of upload, for error messages."""
    return f"{accepted_formats()}, or a .zip, .tar, .tar.gz or .tgz of {named_suffixes('and')} files"


class CountedFile:
    """A file whose bytes are counted against a budget as they are read."""

    def __init__(self, file: Readable, where: str, budget: Budget | None) -> None:
        self._file = file
        self._where = where
        self._budget = budget

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes. Raises InvalidInput for broken content, TooLarge beyond the budget."""
        with broken_content_refused(self._where):
            data = self._file.read(n)
        if self._budget is not None:
            self._budget.take_bytes(len(data), self._where)
        return data


@contextmanager
def broken_content_refused(where: str) -> Iterator[None]:
    """Raise InvalidInput in place of the errors of the archive libraries for broken content."""
    try:
        yield
    except BROKEN_CONTENT as e:
        reason = f"the file is damaged, cut off or not what it seems ({type(e).__name__}: {printable(str(e))})"
        raise InvalidInput(FieldError(where, printable(where), reason, accepted_uploads())) from e


def members(upload: Upload, name: str, budget: Budget) -> Iterator[tuple[str, Readable] | FieldError]:
    """Yield the name and content of each structure file in an upload, or the error of a member that is refused.

    Members come in the order of the archive; the name is "" for an upload that is not an archive. Each file must be
    read before the next one is requested. Directories, hidden files and files added by operating systems are skipped.
    Raises InvalidInput for an upload that is damaged or unsupported, and TooLarge beyond the limits.
    """
    upload.file.seek(0)
    head = upload.file.read(HEAD_BYTES)
    upload.file.seek(0)
    kind = next((kind for magic, kind in MAGICS.items() if head.startswith(magic)), "")
    if kind == "zip":
        yield from _zip(upload.file, name, budget)
    elif kind == "gzip":
        yield from _tar(gzip.GzipFile(fileobj=upload.file, mode="rb"), name, budget)
    elif head[257:262] == b"ustar" or (name.lower().endswith(".tar") and b"\0" in head):
        yield from _tar(upload.file, name, budget)
    elif kind:
        raise InvalidInput(FieldError(name, printable(name), f"{kind} files can't be read", accepted_uploads()))
    else:
        budget.take_files(1, name)
        yield "", CountedFile(upload.file, name, budget)


def _zip(file: BinaryIO, name: str, budget: Budget) -> Iterator[tuple[str, Readable] | FieldError]:
    # Count the entries first: zipfile makes an object of every entry before it returns.
    entries = sum(block.count(ZIP_ENTRY) for block in iter(partial(file.read, BLOCK_BYTES), b""))
    budget.take_files(entries, name)
    with broken_content_refused(name):
        archive = zipfile.ZipFile(file)
    seen = set[str]()
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        reason = ""
        if info.flag_bits & 1:
            reason = "the member is encrypted"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            reason = "the member is a link or a device"
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            reason = "the member is neither stored nor deflated"
        member = _member_name(name, info.orig_filename, reason, seen)  # info.filename is cut off at a NUL
        if isinstance(member, FieldError):
            yield member
        elif member:
            where = f"{name}:{member}"
            with broken_content_refused(where):
                content = archive.open(info)
            yield member, CountedFile(content, where, budget)


def _tar(file: Readable, name: str, budget: Budget) -> Iterator[tuple[str, Readable] | FieldError]:
    raw = CountedFile(file, name, budget)
    seen = set[str]()
    with broken_content_refused(name), tarfile.open(fileobj=raw, mode="r|", tarinfo=StrictTarInfo) as archive:  # type: ignore[call-overload]
        while (info := archive.next()) is not None:
            archive.members = []  # tarfile would keep every member in memory
            budget.take_files(1, name)
            reason = ""
            if not (info.isreg() or info.isdir()):
                reason = "the member is a link or a device"
            elif info.issparse():
                reason = "the member is a sparse file"
            member = _member_name(name, info.name + "/" * info.isdir(), reason, seen)
            if isinstance(member, FieldError):
                yield member
            elif member:
                yield member, CountedFile(archive.extractfile(info), f"{name}:{member}", None)  # raw counts the bytes
    while raw.read(BLOCK_BYTES):  # gzip compares its checksum at the end
        pass


def _member_name(archive: str, name: str, reason: str, seen: set[str]) -> str | FieldError:
    """Return a member's name with forward slashes, "" if the member is skipped, or the error if it is refused.

    reason: why the member is refused for its kind or encoding; "" if only its name has to be checked.
    seen: names of the earlier members; the name of this member is added.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    plain = "/".join(parts)
    accepted = accepted_uploads()
    if name.startswith(("/", "\\")) or ".." in parts or name[1:2] == ":":
        reason = "the member's name leads out of the archive"
        accepted = f"names such as sub/benzene{accepted_suffixes()[0]}"
    elif "\0" in name:
        reason = "the member's name contains a NUL"
        accepted = f"names such as sub/benzene{accepted_suffixes()[0]}"
    elif any(part.startswith(".") or part in SYSTEM_FILES for part in parts) or (
        name.endswith(("/", "\\")) and not reason
    ):
        return ""
    elif plain in seen:
        reason = "two members have this name"
        accepted = "each name once"
    elif len(plain) > MAX_NAME:
        reason = "the member's name is too long"
        accepted = f"names of at most {MAX_NAME} characters"
    elif plain.lower().endswith(ARCHIVE_SUFFIXES):
        reason = "an archive within an archive can't be read"
    elif not reason and PurePosixPath(plain).suffix.lower() not in accepted_suffixes():
        reason = f"the member is not a {named_suffixes('or')} file"
    seen.add(plain)
    if reason:
        return FieldError(f"{archive}:{printable(plain)}", printable(name), reason, accepted)
    return printable(plain, MAX_NAME)


class StrictTarInfo(tarfile.TarInfo):
    """A tar header that refuses damage; tarfile's own takes a damaged or missing header for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as e:
            raise tarfile.ReadError(f"no tar member where one should be: {e}") from e

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # The documented place to inspect a header; its callers differ between patch versions of Python.
        if not self.isreg() and self.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[no-any-return,misc]
