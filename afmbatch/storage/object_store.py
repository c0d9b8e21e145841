"""Where datasets and batches are kept: a local directory or any S3-compatible bucket, through obstore.

Objects are immutable and their keys say what they are; nothing else in the house makes up keys.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store, from_url

from afmbatch.errors import CannotStart
from afmbatch.storage.zip_writer import Piece

CHUNK_BYTES = 1 << 20  # 64 KiB pieces cost a factor 3.6 in download rate (design.md)


def dataset_key(dataset_id: str) -> str:
    """Key of a dataset's structures."""
    return f"datasets/{dataset_id}.npz"


def job_prefix(job_id: str) -> str:
    """Prefix of everything kept for a job."""
    return f"jobs/{job_id}/"


def batch_key(job_id: str, batch: int, sha256: str) -> str:
    """Key of a batch file of this content.

    Two workers may make the same batch, on different kinds of device with different bytes: whoever comes late must not
    write over what was announced.
    """
    return f"{job_prefix(job_id)}batch-{batch:08d}-{sha256[:16]}.npz"


@dataclass
class Content:
    """What went by: its size and hash, from the same look at the data that writes it."""

    bytes: int = 0
    _hash: Any = field(default_factory=hashlib.sha256, repr=False)

    @property
    def sha256(self) -> str:
        """Hexadecimal; the ETag of a batch file."""
        return str(self._hash.hexdigest())

    def of(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """These pieces, noting what they are."""
        for piece in pieces:
            self._hash.update(piece)
            self.bytes += len(piece)
            yield piece


class ObjectStore:
    """A small interface on an object store. Raises FileNotFoundError for a key that is not there."""

    def __init__(self, url: str) -> None:
        """Open the store at a URL; a local directory is made. Raises CannotStart."""
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
        """Raise unless the store answers: FileNotFoundError, obstore's BaseError or another OSError."""
        if self._directory is not None and not self._directory.is_dir():
            raise FileNotFoundError(f"{self._directory} is not a directory")
        next(iter(obstore.list(self._store, "ping/")), None)

    def put(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """Write an object; readers see all of it or nothing."""
        obstore.put(self._store, key, data)

    def put_batch(self, job_id: str, batch: int, pieces: Iterable[Piece]) -> Content:
        """Write a batch file under the key of its content; nothing is left of one whose pieces end in an error.

        Raises FileNotFoundError if the job's files are being removed.
        """
        content = Content()
        if self._directory is None:  # a bucket renames by copying: there a second look at the memory is cheaper
            held = list(content.of(pieces))
            obstore.put(self._store, batch_key(job_id, batch, content.sha256), iter(held))
            return content
        # Under the job's prefix, so that what a killed worker leaves goes with the job.
        part = self._directory / job_prefix(job_id) / f"{secrets.token_hex(8)}.part"
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as file:
                for piece in content.of(pieces):
                    file.write(piece)
            part.replace(self._directory / batch_key(job_id, batch, content.sha256))
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return content

    def get(self, key: str) -> bytes:
        """Read an object whole."""
        return bytes(obstore.get(self._store, key).bytes())

    def open(self, key: str) -> IO[bytes]:
        """An object to read from and to seek in, for a thread. Raises FileNotFoundError."""
        if self._directory is not None:
            return (self._directory / key).open("rb")
        # A quacking file: all that zipfile and numpy ask for.
        return cast(IO[bytes], obstore.open_reader(self._store, key, buffer_size=CHUNK_BYTES))

    async def check(self, key: str) -> None:
        """Raise FileNotFoundError unless the object is there."""
        if self._directory is None:
            await obstore.head_async(self._store, key)
        else:  # obstore's threads take 0.2 ms longer
            await asyncio.to_thread((self._directory / key).stat)

    async def link(self, key: str, seconds: float) -> str | None:
        """A link by which anybody may GET an object for so long; None where the store gives none, as a directory.

        Raises FileNotFoundError.
        """
        if not isinstance(self._store, S3Store):
            return None
        await self.check(key)  # whoever follows it could not tell a lost object from a link that has expired
        return await obstore.sign_async(self._store, "GET", key, timedelta(seconds=seconds))

    def path(self, key: str) -> Path | None:
        """Where an object is, whether it exists or not; None in a bucket."""
        return None if self._directory is None else self._directory / key

    async def stream(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Bytes [start, end) of an object, in chunks."""
        answer = await obstore.get_async(self._store, key, options={"range": (start, end)})
        async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
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
            except FileNotFoundError:  # somebody else is removing them too
                for path in paths:
                    self.delete(path)

    def keys(self, prefix: str) -> list[str]:
        """Keys under a prefix, sorted."""
        return sorted(item["path"] for page in obstore.list(self._store, prefix) for item in page)
