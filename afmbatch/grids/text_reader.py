"""Text files of numbers, read in blocks of bounded size."""

import re
from collections.abc import Iterator
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import InvalidInput
from afmbatch.grids.refusal import refusal
from afmbatch.structures.readers.base import Readable

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 16  # of a header line
MAX_WORD_BYTES = 256
MAX_BYTES_PER_VALUE = 256  # a file with more bytes per number is padding meant to occupy the server
MAX_REST = 16  # bytes after the values per byte before: spin blocks, further grids

NUMBER = "numbers such as -1.25, 3e-4, 3D-4 or 3-104, separated by blanks"
#: Fortran writes 1.5D-03, and 1.5-103 for exponents of three digits.
FORTRAN = re.compile(rb"(?<=[\d.])(?:[dD](?=[-+\d])|(?=[-+]\d{3}(?!\S)))")


class TextReader:
    """Header lines and then numbers of one text file. Errors name the file and the line, counted from 1."""

    def __init__(self, file: Readable, name: str) -> None:
        self.name = name
        #: The number of the line read last.
        self.line_number = 0
        self._file = file
        self._bytes = 0  # read so far
        self._buffer = b""  # bytes that were read from the file and not yet returned

    def line(self, expected: str) -> str:
        """Return the next line without its end. Raises InvalidInput if there is none; `expected` says what it holds."""
        text = self.optional_line()
        if text is None:
            raise self.refusal("", f"the file ends where {expected} should be", f"a file with {expected}")
        return text

    def optional_line(self) -> str | None:
        """Return the next line without its end, None at the end of the file. Raises InvalidInput if it is too long."""
        while (end := self._buffer.find(b"\n")) < 0 and len(self._buffer) <= MAX_LINE_BYTES:
            block = self._read()
            if not block:
                if not self._buffer:
                    return None
                end = len(self._buffer)
                break
            self._buffer += block
        self.line_number += 1
        if not 0 <= end <= MAX_LINE_BYTES:
            raise self.refusal(
                self._buffer[:100], f"this line has more than {MAX_LINE_BYTES} bytes", "lines of ordinary length"
            )
        text, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        return text.decode("utf-8", "backslashreplace").rstrip("\r")

    def values(self, count: int) -> Iterator[NDArray[np.float64]]:
        """Yield exactly `count` numbers in blocks; what follows them stays in the file.

        Raises InvalidInput if the file ends early, or with the line of a word that is not a number. NaN and infinity
        are numbers here.
        """
        missing, padding = count, MAX_BYTES_PER_VALUE * count + BLOCK_BYTES
        while missing:
            text, at_end = self._whole_words()
            padding -= len(text)
            if padding < 0:
                reason = f"more than {MAX_BYTES_PER_VALUE} bytes per number before number {count - missing + 1}"
                raise self.refusal("", reason, NUMBER)
            numbers, rest = self._numbers(text, missing, count)
            missing -= len(numbers)
            self.line_number += text.count(b"\n") - rest.count(b"\n")
            self._buffer = rest + self._buffer
            if len(numbers):
                yield numbers
            if at_end and missing:
                reason = f"the file ends after {count - missing} of {count} values"
                raise self.refusal("", reason, f"a file with all of its {count} values")

    def rest(self) -> Iterator[bytes]:
        """Yield what is left of the file in blocks, to its end. Raises InvalidInput if it is far more than was read."""
        if self._buffer:
            block, self._buffer = self._buffer, b""
            yield block
        limit = MAX_REST * (self._bytes + BLOCK_BYTES)
        while block := self._read():
            if self._bytes > limit:
                raise self.refusal(
                    "", f"more than {limit} bytes of the file follow the values", "a file without padding"
                )
            yield block

    def refusal(self, value: str | bytes, reason: str, accepted: str) -> InvalidInput:
        """Return an error at the current line."""
        return refusal(f"{self.name}, line {max(self.line_number, 1)}", value, reason, accepted)

    def _read(self) -> bytes:
        block = self._file.read(BLOCK_BYTES)
        self._bytes += len(block)
        return block

    def _whole_words(self) -> tuple[bytes, bool]:
        """Return about a block of the file, cut after a blank, and whether the file ends there."""
        while True:
            cut = 1 + max(self._buffer.rfind(blank) for blank in (b" ", b"\n", b"\t", b"\r"))
            if len(self._buffer) - cut > MAX_WORD_BYTES:
                self.line_number += 1 + self._buffer.count(b"\n", 0, cut)
                raise self.refusal(self._buffer[cut:][:100], f"a word of more than {MAX_WORD_BYTES} bytes", NUMBER)
            if cut and len(self._buffer) >= BLOCK_BYTES:
                text, self._buffer = self._buffer[:cut], self._buffer[cut:]
                return text, False
            block = self._read()
            if not block:
                text, self._buffer = self._buffer, b""
                return text, True
            self._buffer += block

    def _numbers(self, text: bytes, missing: int, count: int) -> tuple[NDArray[np.float64], bytes]:
        """Return at most `missing` numbers from the start of the text, and the text after them."""
        numbers = parse_numbers(text)
        if numbers is not None and len(numbers) <= missing:
            return numbers, b""
        # Either the numbers end within this text or one of its words is not a number.
        words = text.split(None, missing)
        rest = words.pop() if len(words) > missing else b""
        numbers = parse_numbers(b" ".join(words))
        if numbers is None:
            self._refuse_word(text, count - missing)
        return numbers, rest

    def _refuse_word(self, text: bytes, before: int) -> NoReturn:
        """Raise InvalidInput for the first word that is not a number; `before` numbers came before this text."""
        for i, word in enumerate(re.finditer(rb"\S+", text)):
            if parse_numbers(word[0]) is None:
                self.line_number += 1 + text.count(b"\n", 0, word.start())
                raise self.refusal(word[0], f"value {before + i + 1} is not a number", NUMBER)
        raise AssertionError("only called for text with a word that is not a number")


def parse_numbers(text: bytes) -> NDArray[np.float64] | None:
    """Return the numbers in a text, float64 (n,), or None if one of its words is not a number."""
    if not text or text.isspace():  # numpy takes blanks alone for the number -1
        return np.empty(0)
    try:
        return np.fromstring(text, sep=" ")
    except ValueError:
        pass
    try:
        return np.fromstring(FORTRAN.sub(b"E", text), sep=" ")
    except ValueError:
        return None
