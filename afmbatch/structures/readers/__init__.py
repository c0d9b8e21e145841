"""Readers of structure files, one module for each format."""

from pathlib import PurePosixPath

from afmbatch.structures.readers.base import Reader
from afmbatch.structures.readers.xyz import XyzReader

#: The readers of all formats that can be uploaded.
READERS: list[Reader] = [XyzReader()]


def find_reader(name: str, head: bytes) -> Reader | None:
    """Return the reader for a file of this name that begins with these bytes, None if no reader fits.

    The suffix decides if exactly one format has it. Otherwise it is the first format that recognises the content.
    """
    suffix = PurePosixPath(name).suffix.lower()
    by_suffix = [reader for reader in READERS if suffix in reader.suffixes]
    if len(by_suffix) == 1:
        return by_suffix[0]
    return next((reader for reader in by_suffix or READERS if reader.recognises(head)), None)


def accepted_suffixes() -> tuple[str, ...]:
    """Return the suffixes of all formats, with the dot."""
    return tuple(dict.fromkeys(suffix for reader in READERS for suffix in reader.suffixes))


def named_suffixes(conjunction: str) -> str:
    """Return the suffixes of all formats for error messages, such as ".xyz or .extxyz" with the conjunction "or"."""
    *others, last = accepted_suffixes()
    return f"{', '.join(others)} {conjunction} {last}" if others else last


def accepted_formats() -> str:
    """Return the names of all formats, for error messages."""
    return ", ".join(reader.name for reader in READERS)
