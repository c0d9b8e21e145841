"""A zip file of stored members as a stream of chunks, made in one pass over the data.

Size and checksum follow each member (APPNOTE 4.3.9), so that nothing has to be known before it is written: a chunk is
hashed and written while it is in the processor's cache. Every file is a zip64 file, whatever its size.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from isal.isal_zlib import crc32  # eight times as fast as zlib's

Chunk: TypeAlias = bytes | memoryview  # a memoryview of single bytes
ALIGNMENT = 64  # of members in the file: arrays can be used in place once the file is in memory
CHUNK_BYTES = 1 << 20  # fits into a core's cache: on two cores 4 MiB cost 4 % of a worker's rate
_SMALL_BYTES = 1 << 16  # shorter chunks are joined: each costs its consumer a few calls

_LOCAL, _LOCAL_SIZES = struct.Struct("<4s5H3I2H"), struct.Struct("<2H2Q")
_PADDING, _PADDED = struct.Struct("<2H"), 0xD935  # an extra field that Android's zipalign uses for the same purpose
_DESCRIPTOR = struct.Struct("<4sI2Q")
_CENTRAL, _CENTRAL_SIZES = struct.Struct("<4s6H3I5H2I"), struct.Struct("<2H3Q")
_END64, _LOCATOR, _END = struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI"), struct.Struct("<4s4H2IH")
_NEEDS = 45  # the version of the format that has zip64
_MADE_BY = 3 << 8 | _NEEDS  # Unix, so that the mode counts
_MODE = 0o600 << 16
_FLAGS = 0x0808  # sizes follow the data; names are UTF-8
_METHOD_AND_TIME = (0, 0, 0x0021)  # stored, at midnight of 1980-01-01: the bytes must not depend on the time
_H, _I = 0xFFFF, 0xFFFFFFFF  # "see the zip64 field"


def zip_chunks(members: Iterable[tuple[str, Iterable[Chunk]]]) -> Iterator[Chunk]:
    """Yield the zip file of members (name, content) in chunks of at most about CHUNK_BYTES.

    Large contents are not copied: their chunks are views.
    """
    small: list[Chunk] = []
    for chunk in _records(members):
        if len(chunk) < _SMALL_BYTES:
            small.append(chunk)
        else:
            if small:
                yield b"".join(small)
                small.clear()
            yield chunk
    yield b"".join(small)


def _records(members: Iterable[tuple[str, Iterable[Chunk]]]) -> Iterator[Chunk]:
    """Yield the headers, contents and directory of the file, contents in chunks of at most CHUNK_BYTES."""
    directory, offset = [], 0
    for text, contents in members:
        name = text.encode()
        extra = _LOCAL_SIZES.pack(1, _LOCAL_SIZES.size - 4, 0, 0)
        gap = -(offset + _LOCAL.size + len(name) + len(extra) + _PADDING.size) % ALIGNMENT
        extra += _PADDING.pack(_PADDED, gap) + bytes(gap)
        head = (
            _LOCAL.pack(b"PK\3\4", _NEEDS, _FLAGS, *_METHOD_AND_TIME, 0, _I, _I, len(name), len(extra)) + name + extra
        )
        yield head
        crc = size = 0
        for content in contents:
            for start in range(0, len(content), CHUNK_BYTES):
                chunk = content[start : start + CHUNK_BYTES]
                crc = crc32(chunk, crc)
                size += len(chunk)
                yield chunk
        yield _DESCRIPTOR.pack(b"PK\7\10", crc, size, size)
        entry = _CENTRAL.pack(
            b"PK\1\2",
            _MADE_BY,
            _NEEDS,
            _FLAGS,
            *_METHOD_AND_TIME,
            crc,
            _I,
            _I,
            len(name),
            _CENTRAL_SIZES.size,
            0,
            0,
            0,
            _MODE,
            _I,
        )
        directory.append(entry + name + _CENTRAL_SIZES.pack(1, _CENTRAL_SIZES.size - 4, size, size, offset))
        offset += len(head) + size + _DESCRIPTOR.size
    listed, n = b"".join(directory), len(directory)
    yield listed
    yield _END64.pack(b"PK\6\6", _END64.size - 12, _MADE_BY, _NEEDS, 0, 0, n, n, len(listed), offset)
    yield _LOCATOR.pack(b"PK\6\7", 0, offset + len(listed), 1)
    yield _END.pack(b"PK\5\6", 0, 0, _H, _H, _I, _I, 0)
