"""Files as they are uploaded: plain or compressed, opened for reading in bounded memory."""

import gzip
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from afmbatch.grids.refusal import refusal, too_large
from afmbatch.structures.archives import ZIP_ENTRY, StrictTarInfo
from afmbatch.structures.readers.base import Readable

HEAD_BYTES = 1 << 13
MAX_XZ_MEMORY = 100 << 20  # of the decoder; `xz -9` needs 65 MiB
MAX_COPY_BYTES = 8 << 30
MAX_MEMBERS = 200_000  # of an archive: zipfile makes an object for each
GZIP, XZ, ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04"
OTHER = {b"BZh": "bzip2", b"7z\xbc\xaf": "7z", b"Rar!": "rar", b"\x28\xb5\x2f\xfd": "zstd"}
ACCEPTED = "plain text or npz files, each plain, .gz or .xz, or a .zip, .tar, .tar.gz or .tar.xz of such files"
#: What zipfile, tarfile, gzip, zlib, lzma and numpy raise for broken content.
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
)


class HeadedFile:
    """A file whose first bytes can be looked at before they are read. Damaged content raises InvalidInput."""

    def __init__(self, file: Readable, name: str, source: BinaryIO | None = None) -> None:
        #: The same content as a file on disk or in memory that can seek cheaply, at its start; None if there is none.
        self.source = source
        self._file = file
        self._name = name
        self._head = b""

    def head(self) -> bytes:
        """Return the first HEAD_BYTES bytes, fewer if the file is shorter; a later read starts with them again."""
        while len(self._head) < HEAD_BYTES and (data := self._read(HEAD_BYTES - len(self._head))):
            self._head += data
        return self._head

    def read(self, n: int = HEAD_BYTES, /) -> bytes:
        """Return up to n bytes, none at the end of the file."""
        if self._head:
            data, self._head = self._head[:n], self._head[n:]
            return data
        return self._read(n)

    def _read(self, n: int) -> bytes:
        with damaged_files_refused(self._name):
            return self._file.read(n)


class XzFile:
    """A decompressed .xz file. A limit on the decoder's memory keeps a hostile header from taking gigabytes."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._decoder = self._new_decoder()
        self._unused = b""

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes, none at the end. Raises LZMAError for damaged and EOFError for cut off files."""
        while True:
            if self._decoder.eof:
                self._unused = (self._unused or self._decoder.unused_data).lstrip(b"\0") or self._file.read(1 << 16)
                if not self._unused:
                    return b""
                if not self._unused.strip(b"\0"):  # padding between streams
                    continue
                self._decoder = self._new_decoder()
            data = b""
            if self._decoder.needs_input:
                data = self._unused or self._file.read(1 << 16)
                self._unused = b""
                if not data:
                    raise EOFError("the compressed file ends before its end mark")
            if out := self._decoder.decompress(data, n):
                return out

    @staticmethod
    def _new_decoder() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY)


@contextmanager
def damaged_files_refused(name: str) -> Iterator[None]:
    """Turn what the decompressing libraries raise for damaged content into InvalidInput."""
    try:
        yield
    except DAMAGED as e:
        reason = f"the file is damaged or cut off ({type(e).__name__}: {e})"
        raise refusal(name, "", reason, "a complete file") from e


def plain_files(file: BinaryIO | Readable, name: str) -> Iterator[tuple[str, HeadedFile]]:
    """Yield the decompressed files in an upload with their names: itself, or the members of a zip or tar archive.

    A member's name is that of the archive, a colon and the path in it. Each file is to be read before the next one is
    asked for. An npz file counts as one file. Raises InvalidInput, TooLarge.
    """
    can_seek = hasattr(file, "seekable") and file.seekable()
    source = cast(BinaryIO, file) if can_seek else None
    headed = HeadedFile(file, name, source)
    head = headed.head()
    if head.startswith(ZIP) and not is_npz(head):
        yield from _zip_members(headed, name)
        return
    plain_name, plain = _decompressed(headed, name)
    if is_tar(plain.head()):
        yield from _tar_members(plain, plain_name)
    else:
        yield plain_name, plain


def _zip_members(file: HeadedFile, name: str) -> Iterator[tuple[str, HeadedFile]]:
    """Yield the decompressed members of a zip archive with their names."""
    with seekable(file, name) as archive_file:
        entries = sum(block.count(ZIP_ENTRY) for block in iter(lambda: archive_file.read(1 << 20), b""))
        if entries > MAX_MEMBERS:
            raise too_large(name, f"{entries} members", "the archive has too many members", f"at most {MAX_MEMBERS}")
        with damaged_files_refused(name):
            archive = zipfile.ZipFile(archive_file)
        members = [info for info in archive.infolist() if not _is_junk(info.filename)]
        if not members:
            raise refusal(name, "", "the archive has no files", ACCEPTED)
        for info in members:
            member = f"{name}:{info.filename}"
            if info.flag_bits & 1:
                raise refusal(member, "encrypted", "the member is encrypted", "members without a password")
            with damaged_files_refused(member):
                content = archive.open(info)
            with content:
                yield _member(content, member)


def _tar_members(file: HeadedFile, name: str) -> Iterator[tuple[str, HeadedFile]]:
    """Yield the decompressed members of a tar archive, read once from its start, with their names."""
    members = 0
    with damaged_files_refused(name), tarfile.open(fileobj=file, mode="r|", tarinfo=StrictTarInfo) as archive:  # type: ignore[call-overload]
        while (info := archive.next()) is not None:
            archive.members = []  # tarfile would keep every member in memory
            if info.isdir() or _is_junk(info.name):
                continue
            members += 1
            member = f"{name}:{info.name}"
            if members > MAX_MEMBERS:
                raise too_large(name, "", "the archive has too many members", f"at most {MAX_MEMBERS}")
            if not info.isreg() or info.issparse():
                raise refusal(member, "", "the member is a link, a device or a sparse file", ACCEPTED)
            yield _member(archive.extractfile(info), member)
    if not members:
        raise refusal(name, "", "the archive has no files", ACCEPTED)


def _member(content: Readable, name: str) -> tuple[str, HeadedFile]:
    """Return the decompressed member of an archive and its name. Raises InvalidInput if it is an archive itself."""
    file = HeadedFile(content, name)
    is_zip = file.head().startswith(ZIP) and not is_npz(file.head())
    plain_name, plain = _decompressed(file, name)
    if is_zip or is_tar(plain.head()):
        raise refusal(name, "zip" if is_zip else "tar", "an archive within an archive is not read", ACCEPTED)
    return plain_name, plain


@contextmanager
def seekable(file: Readable, name: str) -> Iterator[BinaryIO]:
    """Give a file as one that can seek, at its start: itself where that is cheap, else a temporary copy on disk.

    Raises TooLarge for a file of more than MAX_COPY_BYTES.
    """
    source = file.source if isinstance(file, HeadedFile) else None
    if source is not None:
        source.seek(0)
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        while data := file.read(1 << 20):
            copy.write(data)
            if copy.tell() > MAX_COPY_BYTES:
                reason = f"the file has more than {MAX_COPY_BYTES} bytes when decompressed"
                raise too_large(name, "", reason, f"at most {MAX_COPY_BYTES} bytes")
        copy.seek(0)
        yield cast(BinaryIO, copy)


def file_name(name: str) -> str:
    """Return the last part of a file's name: without archive and folders."""
    return PurePosixPath(name.replace("\\", "/").replace(":", "/")).name


def is_npz(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is a zip archive whose first member is a .npy file."""
    return head.startswith(ZIP) and head[30 : 30 + head[26] + 256 * head[27]].endswith(b".npy")


def is_tar(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is a tar archive."""
    return head[257:262] == b"ustar"


def _decompressed(file: HeadedFile, name: str) -> tuple[str, HeadedFile]:
    """Return a file without its compression, and its name without the suffix of that."""
    head = file.head()
    if head.startswith(GZIP):
        plain = gzip.GzipFile(fileobj=cast(IO[bytes], file), mode="rb")
        return _without_suffix(name, ".gz"), HeadedFile(plain, name)
    if head.startswith(XZ):
        return _without_suffix(name, ".xz"), HeadedFile(XzFile(file), name)
    other = next((kind for magic, kind in OTHER.items() if head.startswith(magic)), None)
    if other is not None:
        raise refusal(name, other, f"{other} files are not read", ACCEPTED)
    return name, file


def _without_suffix(name: str, suffix: str) -> str:
    return name[: -len(suffix)] if name.lower().endswith(suffix) else name


def _is_junk(name: str) -> bool:
    """Return whether a member is a folder, hidden, or left behind by an operating system."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return name.endswith("/") or any(part.startswith((".", "__MACOSX")) for part in parts)
