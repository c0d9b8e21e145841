"""Batch files are converted to other formats while they are sent: half precision, a WebDataset tar, zstd.

At most a piece of 1 MiB is in memory at a time, however large a sample is. The length of such an answer is not known in
advance, so that it has no byte ranges.
"""

import json
import tarfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import IO, Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from afmbatch.storage import batch_file as batch
from afmbatch.storage.npz_reader import NpzReader
from afmbatch.storage.zip_writer import CHUNK_BYTES, Chunk, zip_chunks

TAR_MEDIA_TYPE = "application/x-tar"
_ZSTD_LEVEL = 3  # zstd's own default
_PER_ATOM = ("mols", "lj")  # arrays with one row for each atom
_PER_BATCH = ("desc_names", "meta", "mol_offsets")  # arrays that are not divided into samples


class Container(StrEnum):
    """Names the file format that holds the arrays."""

    NPZ = "npz"
    WEBDATASET = "webdataset"


class Precision(StrEnum):
    """Names the dtype of images and descriptors."""

    F4 = "f4"
    F2 = "f2"


class Encoding(StrEnum):
    """Names the content encoding of the file."""

    IDENTITY = "identity"
    ZSTD = "zstd"


@dataclass(frozen=True, slots=True)
class BatchFormat:
    """Describes the format in which a client requests a batch file."""

    container: Container
    precision: Precision
    encoding: Encoding

    @property
    def is_stored(self) -> bool:
        """Return whether files in the store have this format."""
        return self == BatchFormat(Container.NPZ, Precision.F4, Encoding.IDENTITY)

    def tag(self, sha256: str) -> str:
        """Return the opaque part of the weak ETag; it is weak because another version of zstd writes other bytes."""
        return f'"{sha256}-{self.container}-{self.precision}-{self.encoding}"'

    @property
    def media_type(self) -> str:
        """Return the media type of the file before it is encoded."""
        return TAR_MEDIA_TYPE if self.container is Container.WEBDATASET else batch.MEDIA_TYPE

    def chunks(self, file: IO[bytes]) -> Generator[bytes, None, None]:
        """Convert a stored batch file, which the caller closes."""
        pieces = self._pieces(file)
        if self.encoding is Encoding.ZSTD:
            pieces = _compress(pieces)
        yield from map(bytes, pieces)

    def _pieces(self, file: IO[bytes]) -> Iterator[Chunk]:
        match self.container, self.precision:
            case Container.WEBDATASET, _:
                return _tar(NpzReader(file), self.precision)
            case _, Precision.F2:
                return _half_precision_npz(NpzReader(file))
        return _unchanged(file)


def _unchanged(file: IO[bytes]) -> Iterator[Chunk]:
    while piece := bytes(file.read(CHUNK_BYTES)):
        yield piece


def _compress(pieces: Iterable[Chunk]) -> Iterator[Chunk]:
    compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    for piece in pieces:
        if compressed := compressor.compress(piece):
            yield compressed
    yield compressor.flush()


def _converted_dtype(name: str, dtype: np.dtype[Any], precision: Precision) -> np.dtype[Any]:
    """Return the dtype that an array has in a file of this precision."""
    return np.dtype("<f2") if precision is Precision.F2 and _is_image(name) else dtype


def _converted_items(npz: NpzReader, name: str, begin: int, end: int, precision: Precision) -> Iterator[Chunk]:
    """Yield the items begin to end − 1 of an array, counted over all its axes, in pieces."""
    dtype = npz.arrays[name].dtype
    converted = _converted_dtype(name, dtype, precision)
    step = max(1, CHUNK_BYTES // dtype.itemsize)
    for start in range(begin, end, step):
        items = npz.items(name, start, min(start + step, end))
        with np.errstate(over="ignore"):  # values above 65504 become infinite
            piece = items.astype(converted, copy=False).tobytes()
        yield piece


def _is_image(name: str) -> bool:
    return name == "afm" or (name.startswith("desc") and name != "desc_names")


def _half_precision_npz(npz: NpzReader) -> Iterator[Chunk]:
    return zip_chunks((f"{name}.npy", _half_precision_npy(npz, name)) for name in npz.arrays)


def _half_precision_npy(npz: NpzReader, name: str) -> Iterator[Chunk]:
    location = npz.arrays[name]
    yield batch.npy_header(_converted_dtype(name, location.dtype, Precision.F2), location.shape)
    yield from _converted_items(npz, name, 0, location.items, Precision.F2)


def _tar(npz: NpzReader, precision: Precision) -> Iterator[Chunk]:
    """Yield a WebDataset tar.

    An entry is named by its sample's number in the job, a dot, and `<array>.npy` for images and atoms or `json` for
    everything else.
    """
    numbers, offsets = npz.whole("sample"), npz.whole("mol_offsets")
    common = {"desc_names": npz.whole("desc_names").tolist(), **json.loads(npz.whole("meta").item())}
    for b, number in enumerate(numbers.tolist()):
        values: dict[str, Any] = {}
        for name in npz.arrays:
            if name in _PER_BATCH:
                continue
            location = npz.arrays[name]
            if name in _PER_ATOM:
                begin, end = int(offsets[b]), int(offsets[b + 1])
                shape = (end - begin, *location.shape[1:])
            elif _is_image(name):
                begin, end = b, b + 1
                shape = location.shape[1:]
            else:
                values[name] = _json_value(npz.rows(name, b, b + 1)[0])
                continue
            dtype = _converted_dtype(name, location.dtype, precision)
            header = batch.npy_header(dtype, shape)
            row = location.row_items
            items = _converted_items(npz, name, begin * row, end * row, precision)
            size = len(header) + (end - begin) * row * dtype.itemsize
            yield from _tar_entry(f"{number:08d}.{name}.npy", size, chain([header], items))
        content = json.dumps(values | common).encode()
        yield from _tar_entry(f"{number:08d}.json", len(content), [content])
    yield bytes(2 * tarfile.BLOCKSIZE)


def _json_value(array: NDArray[Any]) -> Any:
    """Return an array as lists, with null for NaN and infinity, which JSON does not have."""
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        array = array.astype(object)
        array[~finite] = None
    return array.tolist()


def _tar_entry(name: str, size: int, contents: Iterable[Chunk]) -> Iterator[Chunk]:
    info = tarfile.TarInfo(name)  # dated 1970, because the bytes must not depend on the time
    info.size = size
    yield info.tobuf(tarfile.USTAR_FORMAT)
    yield from contents
    yield bytes(-info.size % tarfile.BLOCKSIZE)
