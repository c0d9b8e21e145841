"""Reads xyz and extended xyz text, and refuses everything that is ambiguous.

ASE's reader drops a fifth column, accepts any numbers as forces, stops without an error at a blank line, fills missing
positions with zeros, loops for hours over a header of 10¹² and reads 3,000 molecules a second. Checking a file for all
this before ASE reads it would mean to read it twice; this reader does both in one pass. The tests compare it with ASE.

Plain xyz may have a fifth column, the charge in e. Extended xyz names its columns, and may give a lattice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.structures.elements import elements
from afmbatch.structures.printable import printable
from afmbatch.structures.readers.base import BLOCK_BYTES, Frame, Readable
from afmbatch.structures.readers.xyz_comment import NAMED, Columns, named_columns, named_lattice

MAX_ATOMS = 100_000  # in one structure; it limits the lines that the reader holds in memory
MAX_FRAME_BYTES = 32 << 20  # in the atom lines of one structure; split into words they take many times that memory
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

PLAIN = "'element x y z' or 'element x y z charge' in every line; name other columns by Properties=… (extended xyz)"
HEADER = f"the number of atoms, 1 to {MAX_ATOMS}, alone in its line"
NUMBER = "a decimal number such as -1.25 or 3e-4"


@dataclass(frozen=True, slots=True, eq=False)
class XyzFrame(Frame):
    """A structure of an xyz file, whose atoms are in successive lines."""

    first_line: int  #: number of the first atom's line, counted from 1

    def locate_atom(self, atom: int) -> str:
        """Return the line of an atom."""
        return f"line {self.first_line + atom}"

    def locate_lattice(self) -> str:
        """Return the comment line, which gives the lattice."""
        return f"line {self.first_line - 1}"


class XyzReader:
    """The reader of xyz and extended xyz text."""

    name = "xyz text (element x y z, or element x y z charge) or extended xyz text"
    suffixes = (".xyz", ".extxyz")

    def recognises(self, head: bytes) -> bool:
        """Return whether the first line that is not blank is a number of atoms."""
        text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
        return text.split(b"\n", 1)[0].strip().isdigit()

    def frames(self, file: Readable, name: str) -> Iterator[Frame | FieldError]:
        """Yield the structures of an xyz file in order, or the first error of a structure that can't be read.

        Ends after an error that leaves it unclear where the next structure begins. Blank lines between structures are
        skipped. Values of atoms are not checked: NaN and 1e300 are accepted here. `pbc` is ignored, because the job
        gives the number of periodic images.
        Raises InvalidInput for a line that does not end within a block, and the errors of `file.read`.
        """
        lines = _lines(file, name)
        number = structure = 0
        last_header = ""
        for header in lines:
            number += 1
            if not (text := header.strip()):
                continue
            structure += 1
            where = f"{name}, structure {structure}"
            if reason := _header_reason(text, last_header):
                yield FieldError(f"{where}, line {number}", printable(text), reason, HEADER)
                return
            n, first = int(text), number + 2
            last_header = f"the header in line {number} says {n} atoms"
            comment = next(lines, None)
            table = list(islice(lines, n))
            if comment is None or len(table) < n:
                reason = f"the file ends after {len(table)} of {n} atoms"
                accepted = "as many atom lines as the header says"
                yield FieldError(f"{where}, line {number}", printable(text), reason, accepted)
                return
            number += 1 + n
            if n == 0 or sum(map(len, table)) > MAX_FRAME_BYTES:
                reason = f"its atom lines have more than {MAX_FRAME_BYTES} bytes" if n else "a structure without atoms"
                yield FieldError(f"{where}, line {first - 2}", printable(text), reason, HEADER)
                continue
            rows = [line.split() for line in b"\n".join(table).decode("ascii", "backslashreplace").split("\n")]
            try:
                frame = _frame(comment, rows, where, first)
            except InvalidInput as error:
                yield error.field_errors[0]
                if any(len(row) < 4 for row in rows):  # not an atom line: the header's number must be wrong
                    return
            else:
                yield frame


def _header_reason(text: bytes, last_header: str) -> str:
    """Return why a line is not a header; "" if it is one. last_header: a text about the header before it."""
    if not text.isdigit():
        looks_like_atom = last_header and len(text.split()) > 3
        return "the number of atoms is expected here" + (f"; {last_header}" if looks_like_atom else "")
    return "too many atoms for one structure" if len(text) > 9 or int(text) > MAX_ATOMS else ""


def _lines(file: Readable, name: str) -> Iterator[bytes]:
    """Yield the lines without line ends and without a byte order mark.

    Raises InvalidInput for a line longer than BLOCK_BYTES.
    """
    tail = file.read(BLOCK_BYTES).removeprefix(BYTE_ORDER_MARK)
    number = 0
    while block := file.read(BLOCK_BYTES):
        *lines, tail = (tail + block).split(b"\n")
        yield from lines
        number += len(lines)
        if len(tail) > BLOCK_BYTES:
            where, accepted = f"{name}, line {number + 1}", f"lines of at most {BLOCK_BYTES} bytes"
            raise InvalidInput(FieldError(where, printable(tail), "the line does not end", accepted))
    if tail:
        yield from tail.removesuffix(b"\n").split(b"\n")


def _frame(comment: bytes, rows: Sequence[list[str]], where: str, first: int) -> XyzFrame:
    """Return a structure from its comment and its split lines. Raises InvalidInput with one error."""
    columns = named_columns(comment, f"{where}, line {first - 1}") or _plain(rows, where, first)
    lattice = named_lattice(comment, f"{where}, line {first - 1}")
    for i, row in enumerate(rows):
        if len(row) != columns.width:
            reason = (
                f"{len(row)} columns, {columns.width} expected; the header in line {first - 2} says {len(rows)} atoms"
            )
            accepted = PLAIN if columns.width < 6 else NAMED
            raise InvalidInput(FieldError(f"{where}, line {first + i}", printable(" ".join(row)), reason, accepted))
    by_column = list(zip(*rows, strict=True))
    numeric = by_column[columns.xyz : columns.xyz + 3]
    if columns.charge is not None:
        numeric.append(by_column[columns.charge])
    try:
        z = [_atomic_numbers()[symbol] for symbol in by_column[columns.element]]
        values = np.array([list(map(float, column)) for column in numeric])
    except (KeyError, ValueError):
        raise InvalidInput(_first_error(rows, columns, where, first)) from None
    if any("_" in "".join(column) for column in numeric):  # Python alone takes 1_0 for a number
        raise InvalidInput(_first_error(rows, columns, where, first))
    q = None if columns.charge is None else values[3]
    return XyzFrame(np.array(z), values[:3].T, q, lattice, where, first)


def _plain(rows: Sequence[list[str]], where: str, first: int) -> Columns:
    """Return the columns of plain xyz: four, or five with a charge, the same for all atoms. Raises InvalidInput."""
    widths = list(map(len, rows))
    if set(widths) == {4, 5}:
        reason = f"{widths.count(5)} of {len(rows)} atoms have a charge"
        i = widths.index(9 - widths[0])
        raise InvalidInput(FieldError(f"{where}, line {first + i}", printable(" ".join(rows[i])), reason, PLAIN))
    width = widths[0]
    if width not in (4, 5):
        reason = f"{width} columns, 4 or 5 expected; the header in line {first - 2} says {len(rows)} atoms"
        raise InvalidInput(FieldError(f"{where}, line {first}", printable(" ".join(rows[0])), reason, PLAIN))
    return Columns(0, 1, 4 if width == 5 else None, width)


@cache
def _atomic_numbers() -> dict[str, int]:
    """Return atomic numbers by symbol, by symbol in lower or upper case, and by the number as text."""
    known = list(enumerate(elements().symbols))[1:]
    texts = ((z, text) for z, s in known for text in (s, s.lower(), s.upper(), str(z)))
    return {text: z for z, text in texts}


def _first_error(rows: Sequence[list[str]], columns: Columns, where: str, first: int) -> FieldError:
    """Return the error of the first field that its column does not accept."""
    numeric = [columns.xyz, columns.xyz + 1, columns.xyz + 2]
    if columns.charge is not None:
        numeric.append(columns.charge)
    for i, row in enumerate(rows):
        line = f"{where}, line {first + i}"
        if row[columns.element] not in _atomic_numbers():
            symbols = elements().symbols
            accepted = f"a symbol, {symbols[1]} to {symbols[-1]}, or an atomic number, 1 to {len(symbols) - 1}"
            reason = "unknown element, or one without parameters"
            return FieldError(line, printable(row[columns.element]), reason, accepted)
        for k in numeric:
            try:
                float(row[k].replace("_", "?"))
            except ValueError:
                return FieldError(line, printable(row[k]), f"column {k + 1} is not a number", NUMBER)
    raise AssertionError("called for rows without an error")
