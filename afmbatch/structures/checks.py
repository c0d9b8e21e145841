"""Checks of the values in a structure that was read, whatever its format."""

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError
from afmbatch.structures.overlap import TOO_CLOSE, nearest_image, too_close
from afmbatch.structures.readers.base import Frame

MAX_COORDINATE = 1e4  # Å
MAX_EXTENT = 1e3  # Å
MAX_CHARGE = 100.0  # e


def check_frame(frame: Frame) -> FieldError | None:
    """Return the first error in the values of a structure, None if there is none."""
    largest = np.abs(frame.xyz).max()
    if not largest <= MAX_COORDINATE:  # true also for NaN
        i, k = np.argwhere(~(np.abs(frame.xyz) <= MAX_COORDINATE))[0]
        accepted = f"finite coordinates, at most {MAX_COORDINATE:g} Å from 0"
        reason = f"the {'xyz'[k]} coordinate is out of range"
        return _atom_error(frame, i, f"{frame.xyz[i, k]:g}", reason, accepted)
    if largest > MAX_EXTENT / 2 and (extent := np.ptp(frame.xyz, axis=0).max()) > MAX_EXTENT:
        accepted = f"an extent of at most {MAX_EXTENT:g} Å"
        return FieldError(frame.where, f"{extent:g} Å", "the structure is too large", accepted)
    if frame.q is not None and not np.abs(frame.q).max() <= MAX_CHARGE:
        i = np.flatnonzero(~(np.abs(frame.q) <= MAX_CHARGE))[0]
        accepted = f"finite charges, from −{MAX_CHARGE:g} to {MAX_CHARGE:g} e"
        return _atom_error(frame, i, f"{frame.q[i]:g}", "the charge is out of range", accepted)
    if frame.lattice is not None and (error := _check_lattice(frame, frame.lattice)):
        return error
    if pair := too_close(frame.xyz):
        i, j = pair
        distance = float(np.linalg.norm(frame.xyz[i] - frame.xyz[j]))
        reason = f"the atom is on top of another one ({frame.locate_atom(i)})"
        return _atom_error(frame, j, f"{distance:.3g} Å", reason, f"atoms at least {TOO_CLOSE:g} Å apart")
    return None


def _check_lattice(frame: Frame, lattice: NDArray[np.float64]) -> FieldError | None:
    length = np.hypot.reduce(lattice, axis=1)  # the squares of 1e±200 would over- or underflow
    length = length[length > 0]
    where = f"{frame.where}, {frame.locate_lattice()}"
    if length.max() <= MAX_COORDINATE and length.min() >= TOO_CLOSE:
        nearest = nearest_image(lattice, (1, 1, 1))
        if nearest >= TOO_CLOSE:
            return None
        reason = "images of an atom are on top of each other"
        accepted = f"lattice vectors that keep images {TOO_CLOSE:g} Å apart"
        return FieldError(where, f"{nearest:.3g} Å", reason, accepted)
    value = ", ".join(f"{vector:g} Å" for vector in length)
    accepted = f"lattice vectors of {TOO_CLOSE:g} to {MAX_COORDINATE:g} Å, or of zeros where it is not periodic"
    return FieldError(where, value, "the length of a lattice vector is out of range", accepted)


def _atom_error(frame: Frame, atom: int, value: str, reason: str, accepted: str) -> FieldError:
    return FieldError(f"{frame.where}, {frame.locate_atom(atom)}", value, reason, accepted)
