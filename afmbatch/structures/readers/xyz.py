"""Reading xyz: a stream of bytes to structures, everything doubtful refused.

ASE's reader drops a fifth column, takes forces for anything, ends in silence at a blank line, fills missing positions
with zeros, loops for hours over a header of 10¹² and reads 3,000 molecules a second. What has to be looked at before
it may be trusted is the whole file, so the file is read here, once; the tests hold this reader against ASE's.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.structures.elements import elements

BLOCK_BYTES = 1 << 20  # read at once; no line may be longer
MAX_ATOMS = 100_000  # in one structure: a header can't make us hold more lines than this
MAX_FRAME_BYTES = 32 << 20  # of atom lines in one structure: split into words they need many times that

CHARGES = ("initial_charges", "charges", "charge", "q")
# what a column of this name gives, and the types it may have
ROLES = dict.fromkeys(("species", "symbols"), ("element", "S:1"))
ROLES |= dict.fromkeys(("Z", "numbers"), ("element", "I:1"))
ROLES |= dict.fromkeys(("pos", "positions"), ("xyz", "R:3"))
ROLES |= dict.fromkeys(CHARGES, ("charge", "R:1 I:1"))

PLAIN = "'element x y z' or 'element x y z charge' in every line; name other columns by Properties=… (extended xyz)"
NAMED = "Properties=species:S:1:pos:R:3, further columns as name:type:count, a charge as " + ", ".join(CHARGES)
HEADER = f"the number of atoms, 1 to {MAX_ATOMS}, alone in its line"
NUMBER = "a decimal number such as -1.25 or 3e-4"
VECTORS = 'Lattice="ax ay az bx by bz cx cy cz", Å: three independent vectors, 0 0 0 where it is not periodic'
GIVEN = rb"""(?i)(?<![^\s,])%s\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|\[([^]]*)\]|(\S+))"""
PROPERTIES, LATTICE = re.compile(GIVEN % b"properties"), re.compile(GIVEN % b"lattice")
INDEPENDENT = 1e-6  # the least singular value of independent vectors whose largest component is 1


class Readable(Protocol):
    """What a file is to this reader."""

    def read(self, n: int, /) -> bytes:
        """Up to n bytes, none at its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One structure of n atoms: z (n,) int64; xyz (n, 3) float64, Å; q (n,) float64, e, or None without charges.

    lattice: (3, 3) float64, rows a, b, c in Å, one of zeros where the structure is not periodic; None without lattice.
    where names file and structure; line is the number of the first atom's line, counted from 1.
    """

    z: NDArray[np.int64]
    xyz: NDArray[np.float64]
    q: NDArray[np.float64] | None
    lattice: NDArray[np.float64] | None
    where: str
    line: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what; `width` columns in all."""

    element: int
    xyz: int
    charge: int | None
    width: int


def frames(file: Readable, name: str) -> Iterator[Frame | FieldError]:
    """The structures of an xyz file in order; in place of one that can't be read its first fault.

    Ends early where the faults leave it unclear where the next structure begins. Blank lines between structures are
    skipped. Values of atoms are not judged: NaN and 1e300 are numbers here. What `pbc` says is not looked at: as in
    ASE's repeat, how many images there are is said by whoever asks for them.
    Raises InvalidInput for a line without end, and what `file.read` raises.
    """
    lines = _lines(file, name)
    number = structure = 0
    said = ""
    for header in lines:
        number += 1
        if not (text := header.strip()):
            continue
        structure += 1
        where = f"{name}, structure {structure}"
        if not text.isdigit():
            reason = "the number of atoms is expected here" + (f"; {said}" if said and len(text.split()) > 3 else "")
            yield FieldError(f"{where}, line {number}", shown(text), reason, HEADER)
            return
        if len(text) > 9 or int(text) > MAX_ATOMS:
            yield FieldError(f"{where}, line {number}", shown(text), "too many atoms for one structure", HEADER)
            return
        n, first = int(text), number + 2
        said = f"the header in line {number} says {n} atoms"
        comment = next(lines, None)
        table = list(islice(lines, n))
        if comment is None or len(table) < n:
            reason = f"the file ends after {len(table)} of {n} atoms"
            yield FieldError(f"{where}, line {number}", shown(text), reason, "as many atom lines as the header says")
            return
        number += 1 + n
        if n == 0 or sum(map(len, table)) > MAX_FRAME_BYTES:
            reason = f"its atom lines have more than {MAX_FRAME_BYTES} bytes" if n else "a structure without atoms"
            yield FieldError(f"{where}, line {first - 2}", shown(text), reason, HEADER)
            continue
        rows = [line.split() for line in b"\n".join(table).decode("ascii", "backslashreplace").split("\n")]
        try:
            frame = _frame(comment, rows, where, first)
        except InvalidInput as e:
            yield e.field_errors[0]
            if any(len(row) < 4 for row in rows):  # no atoms: header and lines have come apart
                return
        else:
            yield frame


def _lines(file: Readable, name: str) -> Iterator[bytes]:
    """Lines without their ends and without a byte order mark. Raises InvalidInput for one longer than a block."""
    tail = file.read(BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf")
    number = 0
    while block := file.read(BLOCK_BYTES):
        *lines, tail = (tail + block).split(b"\n")
        yield from lines
        number += len(lines)
        if len(tail) > BLOCK_BYTES:
            raise InvalidInput(
                FieldError(f"{name}, line {number + 1}", shown(tail), "this line does not end", "xyz text")
            )
    if tail:
        yield from tail.removesuffix(b"\n").split(b"\n")


def _frame(comment: bytes, rows: Sequence[list[str]], where: str, first: int) -> Frame:
    """A structure from its comment and its split lines. Raises InvalidInput with one fault."""
    columns = _named(comment, f"{where}, line {first - 1}") or _plain(rows, where, first)
    lattice = _lattice(comment, f"{where}, line {first - 1}")
    for i, row in enumerate(rows):
        if len(row) != columns.width:
            reason = (
                f"{len(row)} columns, {columns.width} expected; the header in line {first - 2} says {len(rows)} atoms"
            )
            accepted = PLAIN if columns.width < 6 else NAMED
            raise InvalidInput(FieldError(f"{where}, line {first + i}", shown(" ".join(row)), reason, accepted))
    by_column = list(zip(*rows, strict=True))
    numeric = by_column[columns.xyz : columns.xyz + 3]
    if columns.charge is not None:
        numeric.append(by_column[columns.charge])
    try:
        z = [_numbers()[symbol] for symbol in by_column[columns.element]]
        values = np.array([list(map(float, column)) for column in numeric])
    except (KeyError, ValueError):
        raise InvalidInput(_culprit(rows, columns, where, first)) from None
    if any("_" in "".join(column) for column in numeric):  # 1_0 is a number to Python alone
        raise InvalidInput(_culprit(rows, columns, where, first))
    return Frame(np.array(z), values[:3].T, None if columns.charge is None else values[3], lattice, where, first)


def _plain(rows: Sequence[list[str]], where: str, first: int) -> Columns:
    """Columns of plain xyz: four, or five with a charge, the same for all atoms."""
    widths = list(map(len, rows))
    if set(widths) == {4, 5}:
        reason = f"{widths.count(5)} of {len(rows)} atoms have a charge"
        i = widths.index(9 - widths[0])
        raise InvalidInput(FieldError(f"{where}, line {first + i}", shown(" ".join(rows[i])), reason, PLAIN))
    width = widths[0]
    if width not in (4, 5):
        reason = f"{width} columns, 4 or 5 expected; the header in line {first - 2} says {len(rows)} atoms"
        raise InvalidInput(FieldError(f"{where}, line {first}", shown(" ".join(rows[0])), reason, PLAIN))
    return Columns(0, 1, 4 if width == 5 else None, width)


def _named(comment: bytes, where: str) -> Columns | None:
    """Columns named by `Properties=…` in the comment, None where there is none. Raises InvalidInput with one fault."""
    try:
        properties = _given(PROPERTIES, "Properties", comment)
        return None if properties is None else _columns(properties)
    except ValueError as e:
        raise InvalidInput(FieldError(where, shown(comment.strip()), str(e), NAMED)) from None


def _lattice(comment: bytes, where: str) -> NDArray[np.float64] | None:
    """Vectors given by `Lattice=…` in the comment, None where there are none. Raises InvalidInput with one fault."""
    try:
        lattice = _given(LATTICE, "Lattice", comment)
        return None if lattice is None else _vectors(lattice)
    except ValueError as e:
        raise InvalidInput(FieldError(where, shown(comment.strip()), str(e), VECTORS)) from None


def _given(key: re.Pattern[bytes], name: str, comment: bytes) -> bytes | None:
    """What the comment says for a key, None where it says nothing. Raises ValueError if it does so more than once."""
    found = key.findall(comment)
    if len(found) > 1:
        raise ValueError(f"{name} is given more than once")
    return b"".join(found[0]).strip() if found else None


@lru_cache(maxsize=64)
def _columns(properties: bytes) -> Columns:
    """Columns from 'name:type:count:…'. Raises ValueError saying what is wrong with it."""
    parts = properties.decode("utf-8", "backslashreplace").split(":")
    at: dict[str, int] = {}
    width = 0
    for name, kind, count in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        if kind not in ("R", "I", "S", "L"):
            raise ValueError(f"column type {shown(kind)} of {shown(name)} is none of R, I, S, L")
        if not (count.isdecimal() and len(count) < 5 and int(count)):
            raise ValueError(f"{shown(count)} is no number of columns for {shown(name)}")
        key = name.lower() if name.lower() in CHARGES else name
        if key in ROLES:
            role, types = ROLES[key]
            if f"{kind}:{count}" not in types.split():
                raise ValueError(f"{name} must be {name}:{types[:3]}, not {name}:{kind}:{count}")
            if role in at:
                raise ValueError(f"{name} is the second column that gives the {role}: which one holds is unclear")
            at[role] = width
        width += int(count)
    if len(parts) % 3:
        raise ValueError("Properties is no list of name:type:count")
    if "element" not in at or "xyz" not in at:
        raise ValueError("Properties names no " + ("pos" if "element" in at else "species"))
    return Columns(at["element"], at["xyz"], at.get("charge"), width)


@lru_cache(maxsize=64)
def _vectors(lattice: bytes) -> NDArray[np.float64] | None:
    """Vectors (3, 3) from 'ax ay az …', None for zeros throughout. Raises ValueError saying what is wrong with it."""
    words = lattice.decode("ascii", "backslashreplace").replace(",", " ").split()
    if len(words) != 9:
        raise ValueError(f"Lattice has {len(words)} numbers, 9 expected")
    numbers = [_number(word) for word in words]
    vectors = np.array(numbers).reshape(3, 3)
    vectors.setflags(write=False)  # other structures get the same
    along = vectors[vectors.any(axis=1)]
    if not len(along):
        return None
    along = along / np.abs(along).max(axis=1, keepdims=True)
    if np.linalg.matrix_rank(along, tol=INDEPENDENT) < len(along):
        raise ValueError("the vectors of Lattice are not independent")
    return vectors


def _number(word: str) -> float:
    """A finite number. Raises ValueError naming what is none."""
    try:
        number = float(word.replace("_", "?"))  # 1_0 is a number to Python alone
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{shown(word)} in Lattice is not a number")
    return number


@cache
def _numbers() -> dict[str, int]:
    """Atomic number by what may stand for it: symbol (also all lower or upper case) or the number."""
    known = list(enumerate(elements().symbols))[1:]
    texts = ((z, text) for z, s in known for text in (s, s.lower(), s.upper(), str(z)))
    return {text: z for z, text in texts}


def _culprit(rows: Sequence[list[str]], columns: Columns, where: str, first: int) -> FieldError:
    """The first field that is not what its column needs."""
    numeric = [columns.xyz, columns.xyz + 1, columns.xyz + 2]
    if columns.charge is not None:
        numeric.append(columns.charge)
    for i, row in enumerate(rows):
        line = f"{where}, line {first + i}"
        if row[columns.element] not in _numbers():
            symbols = elements().symbols
            accepted = f"a symbol, {symbols[1]} to {symbols[-1]}, or an atomic number, 1 to {len(symbols) - 1}"
            return FieldError(line, shown(row[columns.element]), "unknown element, or one without parameters", accepted)
        for k in numeric:
            try:
                float(row[k].replace("_", "?"))
            except ValueError:
                return FieldError(line, shown(row[k]), f"column {k + 1} is not a number", NUMBER)
    raise AssertionError("only called for rows with a fault")


def shown(text: bytes | str, most: int = 80) -> str:
    """Text of a user's as it can stand in an answer: printable, at most `most` characters of it."""
    if isinstance(text, bytes):
        text = text[: 4 * most].decode("utf-8", "backslashreplace")
    text = text[: most + 1]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe if len(safe) <= most else safe[: most - 1] + "…"
