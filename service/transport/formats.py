"""Batch files in other forms, made while they are sent: half precision, a WebDataset tar, zstd.

Never more than a sample, or a piece of one MiB, is in memory. They have no length beforehand and no ranges.
"""

import json
import tarfile
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Any

import numpy as np
import zstandard
from numpy.typing import NDArray
from starlette.concurrency import iterate_in_threadpool

from afmbatch.storage import batch_file as batch
from afmbatch.storage.npz_reader import NpzReader
from afmbatch.storage.zip_writer import CHUNK_BYTES, Chunk, zip_chunks

TAR = "application/x-tar"
_LEVEL = 3  # zstd's own default
_BY_ATOM = ("mols", "lj")
_OF_ALL = ("desc_names", "meta")


class Kind(StrEnum):
    """What is around the arrays."""

    NPZ = "npz"
    WEBDATASET = "webdataset"


class Precision(StrEnum):
    """Of images and descriptors."""

    F4 = "f4"
    F2 = "f2"


class Encoding(StrEnum):
    """Around all of it."""

    IDENTITY = "identity"
    ZSTD = "zstd"


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked for."""

    kind: Kind
    precision: Precision
    encoding: Encoding

    @property
    def stored(self) -> bool:
        """Whether it is the file itself."""
        return self == Form(Kind.NPZ, Precision.F4, Encoding.IDENTITY)

    def tag(self, sha256: str) -> str:
        """The opaque part of its ETag, a weak one: another zstd may write other bytes."""
        return f'"{sha256}-{self.kind}-{self.precision}-{self.encoding}"'

    @property
    def media_type(self) -> str:
        """Of what is in the encoding."""
        return TAR if self.kind is Kind.WEBDATASET else batch.MEDIA_TYPE

    def chunks(self, file: IO[bytes]) -> AsyncIterator[bytes]:
        """The batch file in this form; it is closed at the end, or with the iterator."""
        return iterate_in_threadpool(self._bytes(file))

    def _bytes(self, file: IO[bytes]) -> Iterator[bytes]:
        try:
            made = self._pieces(file)
            if self.encoding is Encoding.ZSTD:
                made = _compressed(made)
            yield from map(bytes, made)
        finally:
            file.close()

    def _pieces(self, file: IO[bytes]) -> Iterator[Chunk]:
        match self.kind, self.precision:
            case Kind.WEBDATASET, _:
                return _tar(NpzReader(file), self.precision)
            case _, Precision.F2:
                return _npz(NpzReader(file))
        return _as_it_is(file)


def _as_it_is(file: IO[bytes]) -> Iterator[Chunk]:
    while piece := bytes(file.read(CHUNK_BYTES)):
        yield piece


def _compressed(pieces: Iterable[Chunk]) -> Iterator[Chunk]:
    compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
    for piece in pieces:
        if packed := compressor.compress(piece):
            yield packed
    yield compressor.flush()


def _halved(name: str, array: NDArray[Any], precision: Precision) -> NDArray[Any]:
    if precision is Precision.F4 or not _is_image(name):
        return array
    with np.errstate(over="ignore"):  # beyond 65504 it is infinite
        return array.astype("<f2")


def _is_image(name: str) -> bool:
    return name == "afm" or (name.startswith("desc") and name != "desc_names")


def _npz(npz: NpzReader) -> Iterator[Chunk]:
    return zip_chunks((f"{name}.npy", _half(npz, name)) for name in npz.arrays)


def _half(npz: NpzReader, name: str) -> Iterator[Chunk]:
    lying = npz.arrays[name]
    yield batch.npy_header(np.dtype("<f2") if _is_image(name) else lying.dtype, lying.shape)
    if not lying.shape:
        yield npz.whole(name).tobytes()
        return
    step = max(1, CHUNK_BYTES // max(1, lying.row_bytes))
    for begin in range(0, lying.shape[0], step):
        rows = npz.rows(name, begin, min(begin + step, lying.shape[0]))
        yield _halved(name, rows, Precision.F2).tobytes()


def _tar(npz: NpzReader, precision: Precision) -> Iterator[Chunk]:
    """Entries of a sample: its number in the job, a dot, `<array>.npy` for images and atoms, `json` for the rest."""
    numbers, offsets = npz.whole("sample"), npz.whole("mol_offsets")
    common = {"desc_names": npz.whole("desc_names").tolist(), **json.loads(npz.whole("meta").item())}
    for b, number in enumerate(numbers.tolist()):
        rest: dict[str, Any] = {}
        for name in npz.arrays:
            if name in _BY_ATOM:
                array = npz.rows(name, int(offsets[b]), int(offsets[b + 1]))
            elif name in (*_OF_ALL, "mol_offsets"):
                continue
            else:
                array = npz.rows(name, b, b + 1)[0]
            if name in _BY_ATOM or _is_image(name):
                array = _halved(name, array, precision)
                yield from _entry(
                    f"{number:08d}.{name}.npy", batch.npy_header(array.dtype, array.shape), array.tobytes()
                )
            else:
                rest[name] = _listed(array)
        yield from _entry(f"{number:08d}.json", json.dumps(rest | common).encode())
    yield bytes(2 * tarfile.BLOCKSIZE)


def _listed(array: NDArray[Any]) -> Any:
    """For JSON, which has null but no NaN."""
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        array = array.astype(object)
        array[~finite] = None
    return array.tolist()


def _entry(name: str, *contents: bytes) -> Iterator[Chunk]:
    info = tarfile.TarInfo(name)  # of 1970: the bytes must not tell when they were made
    info.size = sum(map(len, contents))
    yield info.tobuf(tarfile.USTAR_FORMAT)
    yield from contents
    yield bytes(-info.size % tarfile.BLOCKSIZE)
