"""The comment line of an extended xyz structure, which names its columns and may give its lattice."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.structures.printable import printable

CHARGES = ("initial_charges", "charges", "charge", "q")
# by column name: the role of the column, and the types it may have
ROLES = dict.fromkeys(("species", "symbols"), ("element", "S:1"))
ROLES |= dict.fromkeys(("Z", "numbers"), ("element", "I:1"))
ROLES |= dict.fromkeys(("pos", "positions"), ("xyz", "R:3"))
ROLES |= dict.fromkeys(CHARGES, ("charge", "R:1 I:1"))

NAMED = "Properties=species:S:1:pos:R:3, further columns as name:type:count, a charge as " + ", ".join(CHARGES)
VECTORS = 'Lattice="ax ay az bx by bz cx cy cz", Å: three independent vectors, 0 0 0 where it is not periodic'
GIVEN = rb"""(?i)(?<![^\s,])%s\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|\[([^]]*)\]|(\S+))"""
PROPERTIES, LATTICE = re.compile(GIVEN % b"properties"), re.compile(GIVEN % b"lattice")
INDEPENDENT = 1e-6  # the smallest singular value of independent vectors whose largest component is 1


@dataclass(frozen=True, slots=True)
class Columns:
    """The meaning of the columns of a structure."""

    element: int  #: index of the column with the symbol or the atomic number
    xyz: int  #: index of the first of three columns with the position
    charge: int | None  #: index of the column with the charge; None: there is none
    width: int  #: number of columns


def named_columns(comment: bytes, where: str) -> Columns | None:
    """Return the columns named by `Properties=…` in the comment, None without it. Raises InvalidInput."""
    try:
        properties = _given(PROPERTIES, "Properties", comment)
        return None if properties is None else _columns(properties)
    except ValueError as e:
        raise InvalidInput(FieldError(where, printable(comment.strip()), str(e), NAMED)) from None


def named_lattice(comment: bytes, where: str) -> NDArray[np.float64] | None:
    """Return the vectors given by `Lattice=…` in the comment, None without them. Raises InvalidInput."""
    try:
        lattice = _given(LATTICE, "Lattice", comment)
        return None if lattice is None else _vectors(lattice)
    except ValueError as e:
        raise InvalidInput(FieldError(where, printable(comment.strip()), str(e), VECTORS)) from None


def _given(key: re.Pattern[bytes], name: str, comment: bytes) -> bytes | None:
    """Return the value of a key in the comment, None without it. Raises ValueError if it is given more than once."""
    found = key.findall(comment)
    if len(found) > 1:
        raise ValueError(f"{name} is given more than once")
    return b"".join(found[0]).strip() if found else None


@lru_cache(maxsize=64)
def _columns(properties: bytes) -> Columns:
    """Return the columns of 'name:type:count:…'. Raises ValueError with the reason."""
    parts = properties.decode("utf-8", "backslashreplace").split(":")
    indexes: dict[str, int] = {}
    width = 0
    for name, kind, count in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        if kind not in ("R", "I", "S", "L"):
            raise ValueError(f"column type {printable(kind)} of {printable(name)} is not one of R, I, S, L")
        if not (count.isdecimal() and len(count) < 5 and int(count)):
            raise ValueError(f"{printable(count)} is not a number of columns for {printable(name)}")
        key = name.lower() if name.lower() in CHARGES else name
        if key in ROLES:
            role, types = ROLES[key]
            if f"{kind}:{count}" not in types.split():
                raise ValueError(f"{name} must be {name}:{types[:3]}, not {name}:{kind}:{count}")
            if role in indexes:
                raise ValueError(f"{name} is the second column that gives the {role}")
            indexes[role] = width
        width += int(count)
    if len(parts) % 3:
        raise ValueError("Properties is not a list of name:type:count")
    if "element" not in indexes or "xyz" not in indexes:
        raise ValueError("Properties names no " + ("pos" if "element" in indexes else "species"))
    return Columns(indexes["element"], indexes["xyz"], indexes.get("charge"), width)


@lru_cache(maxsize=64)
def _vectors(lattice: bytes) -> NDArray[np.float64] | None:
    """Return the vectors (3, 3) of 'ax ay az …', None for nine zeros. Raises ValueError with the reason."""
    words = lattice.decode("ascii", "backslashreplace").replace(",", " ").split()
    if len(words) != 9:
        raise ValueError(f"Lattice has {len(words)} numbers, 9 expected")
    numbers = [_lattice_number(word) for word in words]
    vectors = np.array(numbers).reshape(3, 3)
    vectors.setflags(write=False)  # other structures share this array
    nonzero = vectors[vectors.any(axis=1)]
    if not len(nonzero):
        return None
    nonzero = nonzero / np.abs(nonzero).max(axis=1, keepdims=True)
    if np.linalg.matrix_rank(nonzero, tol=INDEPENDENT) < len(nonzero):
        raise ValueError("the vectors of Lattice are not independent")
    return vectors


def _lattice_number(word: str) -> float:
    """Return a finite number. Raises ValueError with the word that is none."""
    try:
        number = float(word.replace("_", "?"))  # Python alone takes 1_0 for a number
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{printable(word)} in Lattice is not a number")
    return number
