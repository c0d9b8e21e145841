"""Keeps datasets and batches in a store, which is a local directory or any S3-compatible bucket, through obstore.

Objects are immutable. All keys of the store are made in this module and in `afmbatch.grids.stored`.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store, from_url

from afmbatch.errors import CannotStart
from afmbatch.storage.zip_writer import Chunk

if TYPE_CHECKING:
    from obstore import ObjectMeta

READ_BYTES = 1 << 20  # chunks of 64 KiB are downloaded 3.6 times more slowly


def dataset_key(dataset_id: str) -> str:
    """Return the key of a dataset's structures."""
    return f"datasets/{dataset_id}.npz"


def upload_prefix(upload_id: str) -> str:
    """Return the prefix of all parts of an upload."""
    return f"uploads/{upload_id}/"


def upload_part_key(upload_id: str, offset: int, sha256: str) -> str:
    """Return the key of the part of an upload that begins at this byte and has this content."""
    return f"{upload_prefix(upload_id)}{offset:016d}-{sha256[:16]}"


def job_prefix(job_id: str) -> str:
    """Return the prefix of all objects of a job."""
    return f"jobs/{job_id}/"


def batch_key(job_id: str, batch: int, sha256: str) -> str:
    """Return the key of a batch file with this content.

    Two workers may make the same batch on different kinds of device, with different bytes. The later file must not
    overwrite the one that was announced.
    """
    return f"{job_prefix(job_id)}batch-{batch:08d}-{sha256[:16]}.npz"


@dataclass
class Content:
    """The size and the hash of data, computed in the same pass that writes the data."""

    bytes: int = 0  #: size of the data, in bytes
    _hash: Any = field(default_factory=hashlib.sha256, repr=False)

    @property
    def sha256(self) -> str:
        """The sha256 of the data in hexadecimal, which is the ETag of a batch file."""
        return str(self._hash.hexdigest())

    def measure(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yield chunks unchanged and add them to the size and the hash."""
        for chunk in chunks:
            self._hash.update(chunk)
            self.bytes += len(chunk)
            yield chunk


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Describes an object of the store."""

    #: Key of the object.
    key: str
    #: Size of the object, in bytes.
    bytes: int
    #: Time at which the object was written, Unix time in seconds.
    modified_at: float


def _stored_object(found: "ObjectMeta") -> StoredObject:
    return StoredObject(found["path"], found["size"], found["last_modified"].timestamp())


@contextmanager
def _whole_file(folder: Path, chunks: Iterable[Chunk]) -> Iterator[Path]:
    """Write chunks to a new file in a folder and give its path, which the caller renames. An error leaves no file."""
    part = folder / f"{secrets.token_hex(8)}.part"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
        yield part
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class ObjectStore:
    """A small interface to an object store. Methods raise FileNotFoundError for a key that does not exist."""

    def __init__(self, url: str) -> None:
        """Open the store at a URL, and make a local directory if it does not exist. Raises CannotStart."""
        parts = urlsplit(url)
        self._directory = Path(unquote(parts.path)) if parts.scheme == "file" else None
        try:
            if self._directory is not None:
                self._directory.mkdir(parents=True, exist_ok=True)
            self._store = from_url(url)
        except (OSError, ValueError, BaseError) as error:
            reason = str(error).splitlines()[0]
            raise CannotStart(f"the store {url} can't be opened ({reason}); file:///… or s3://… is accepted") from None

    def ping(self) -> None:
        """Check that the store answers. Raises OSError (or its subclass FileNotFoundError) or obstore's BaseError."""
        if self._directory is not None and not self._directory.is_dir():
            raise FileNotFoundError(f"{self._directory} is not a directory")
        next(iter(obstore.list(self._store, "ping/")), None)

    def put(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """Write an object atomically: readers see the whole object or none."""
        obstore.put(self._store, key, data)

    def put_batch(self, job_id: str, batch: int, chunks: Iterable[Chunk]) -> Content:
        """Write a batch file under the key of its content. An error while chunks are made leaves no file behind.

        Raises FileNotFoundError if the job's files are being removed.
        """
        content = Content()
        if self._directory is None:  # a bucket renames by copying: a second pass over the memory is cheaper
            held = list(content.measure(chunks))
            obstore.put(self._store, batch_key(job_id, batch, content.sha256), iter(held))
            return content
        # The file is under the job's prefix, so that one left by a killed worker is removed with the job.
        folder = self._directory / job_prefix(job_id)
        with _whole_file(folder, content.measure(chunks)) as part:
            part.replace(self._directory / batch_key(job_id, batch, content.sha256))
        return content

    def put_chunks(self, key: str, chunks: Iterable[Chunk]) -> None:
        """Write an object in chunks, without holding all of it in memory. Readers see all of it or nothing."""
        if self._directory is None:
            obstore.put(self._store, key, iter(chunks))
            return
        path = self._directory / key
        with _whole_file(path.parent, chunks) as part:
            part.replace(path)

    def get(self, key: str) -> bytes:
        """Return the content of an object."""
        return bytes(obstore.get(self._store, key).bytes())

    def open(self, key: str) -> IO[bytes]:
        """Return an object as a file that a thread can read and seek. Raises FileNotFoundError."""
        if self._directory is not None:
            return (self._directory / key).open("rb")
        # obstore's reader has the methods of a file that zipfile and numpy use.
        return cast(IO[bytes], obstore.open_reader(self._store, key, buffer_size=READ_BYTES))

    async def size(self, key: str) -> int:
        """Return the size of an object in bytes. Raises FileNotFoundError."""
        if self._directory is None:
            return (await obstore.head_async(self._store, key))["size"]
        # obstore's own threads take 0.2 ms longer
        return (await asyncio.to_thread((self._directory / key).stat)).st_size

    async def link(self, key: str, seconds: float) -> str | None:
        """Return a link by which anyone can GET an object for `seconds`; None if the store is a directory.

        The object need not exist.
        """
        if not isinstance(self._store, S3Store):
            return None
        return await obstore.sign_async(self._store, "GET", key, timedelta(seconds=seconds))

    def path(self, key: str) -> Path | None:
        """Return the path of an object, whether it exists or not; None if the store is a bucket."""
        return None if self._directory is None else self._directory / key

    async def stream(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes [start, end) of an object in chunks."""
        answer = await obstore.get_async(self._store, key, options={"range": (start, end)})
        async for chunk in answer.stream(min_chunk_size=READ_BYTES):
            yield bytes(chunk)

    def delete(self, key: str) -> None:
        """Remove an object if it exists."""
        if self._directory is not None:
            (self._directory / key).unlink(missing_ok=True)
            return
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def delete_prefix(self, prefix: str) -> None:
        """Remove every object under a prefix."""
        for page in obstore.list(self._store, prefix):
            paths = [item["path"] for item in page]
            try:
                obstore.delete(self._store, paths)
            except FileNotFoundError:  # another process is removing them too
                for path in paths:
                    self.delete(path)

    def objects(self) -> Iterator[StoredObject]:
        """Yield all objects and, in a directory, also the unfinished files of writers that were killed."""
        if self._directory is None:
            for page in obstore.list(self._store):
                yield from map(_stored_object, page)
            return
        for path in self._directory.rglob("*"):
            found = None if path.is_dir() else self.describe(path.relative_to(self._directory).as_posix())
            if found is not None:
                yield found

    def describe(self, key: str) -> StoredObject | None:
        """Return the size and age of an object; None if it does not exist."""
        try:
            if self._directory is None:
                return _stored_object(obstore.head(self._store, key))
            found = (self._directory / key).stat()
        except FileNotFoundError:
            return None
        return StoredObject(key, found.st_size, found.st_mtime)

    def remove_empty_folders(self, prefix: str) -> None:
        """Remove the folders at and below a prefix that have no files. A bucket has no folders."""
        if self._directory is None:
            return
        for folder, _, _ in os.walk(self._directory / prefix, topdown=False):
            with suppress(OSError):  # it has files
                Path(folder).rmdir()

    def keys(self, prefix: str) -> list[str]:
        """Return the keys under a prefix, sorted."""
        return sorted(item["path"] for page in obstore.list(self._store, prefix) for item in page)
