"""The probe atom of a tip: the one given, the one at the grid's first point, or the lowest."""

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import InvalidInput
from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid
from afmbatch.grids.refusal import refusal
from afmbatch.structures.elements import elements

CLEARLY_LOWER = 0.1  # Å; atoms at about the same height leave open which one is the probe
ACCEPTED = "the number of an atom, from 1, or the symbol of an element that only one atom has"


def choose_probe(grid: Grid, name: str, given: str | None) -> tuple[int, tuple[Finding, ...]]:
    """Return the index of a tip's probe atom, and the findings about it.

    given: the number of the atom, from 1, or the symbol of its element; None: an atom within half a voxel of grid point
    (0, 0, 0), or else the lowest atom. Raises InvalidInput if that is no atom, or several.
    """
    if given is not None:
        chosen, why = _given_atom(grid, given.strip()), "as requested"
    else:
        chosen, why = _usual_atom(grid, name)
    heights = _relative_heights(grid, chosen)
    symbols = elements().symbols
    offset = _offset(grid, chosen)
    text = (
        f"the probe atom is atom {chosen + 1} ({symbols[grid.z[chosen]]}), {why}; it is "
        f"{float(np.linalg.norm(offset)):.4f} Å from the nearest grid point"
    )
    others = [f"{symbols[z]} {h:+.3f}" for i, (z, h) in enumerate(zip(grid.z, heights, strict=True)) if i != chosen]
    if others:
        text += f". Heights of the other atoms above it, in Å: {', '.join(others[:10])}"
    below = bool((heights < -CLEARLY_LOWER).any())
    if below:
        text += ". Some are below it: is the tip upside down? The sample is at negative z"
    numbers = {"atom": float(chosen + 1), **{f"offset_{a}_A": float(v) for a, v in zip("xyz", offset, strict=True)}}
    return chosen, (Finding("probe", text, numbers, warning=below),)


def _given_atom(grid: Grid, given: str) -> int:
    """Return the index of the atom that a user gave. Raises InvalidInput."""
    n = len(grid.z)
    if given.isdecimal():
        if 1 <= int(given) <= n:
            return int(given) - 1
        raise _refused(given, f"the tip has {n} atoms", f"1 to {n}")
    symbols = elements().symbols
    z = elements().number(given.capitalize())
    found = np.flatnonzero(grid.z == z) if z is not None else np.empty(0, np.int64)
    if len(found) == 1:
        return int(found[0])
    present = ", ".join(f"{i} ({symbols[z]})" for i, z in enumerate(grid.z[:20].tolist(), start=1))
    reason = f"{len(found)} atoms of the tip are of this element" if len(found) else "the tip has no such atom"
    raise _refused(given, reason, f"{ACCEPTED}; the atoms are {present}")


def _usual_atom(grid: Grid, name: str) -> tuple[int, str]:
    """Return the index of the atom that is the probe by convention, and why. Raises InvalidInput."""
    fractions = grid.fractions
    apart = fractions - np.rint(fractions)
    at_first_point = np.flatnonzero((np.abs(apart) * grid.shape <= 0.5 + 1e-6).all(axis=1))
    if len(at_first_point):
        return int(at_first_point[0]), "at grid point (0, 0, 0)"
    order = np.argsort(grid.xyz[:, 2])
    lowest = int(order[0])
    if len(order) > 1:
        gap = float(grid.xyz[order[1], 2] - grid.xyz[lowest, 2])
        if gap < CLEARLY_LOWER:
            reason = (
                f"no atom of {name} is at grid point (0, 0, 0), and atoms {lowest + 1} and {int(order[1]) + 1} are "
                f"both the lowest ({gap:.3f} Å apart in height): which one is the probe?"
            )
            raise _refused("", reason, ACCEPTED)
    return lowest, "the lowest one"


def _relative_heights(grid: Grid, probe: int) -> NDArray[np.float64]:
    """Return the heights z of the nearest images of all atoms above the probe atom: (n,) f8, Å."""
    apart = grid.fractions - grid.fractions[probe]
    apart -= np.rint(apart)
    return np.asarray((apart @ grid.lattice)[:, 2])


def _offset(grid: Grid, probe: int) -> NDArray[np.float64]:
    """Return the position of an atom relative to the nearest grid point: (3,) f8, Å."""
    index = grid.fractions[probe] * grid.shape
    return np.asarray(((index - np.rint(index)) / grid.shape) @ grid.lattice)


def _refused(value: str, reason: str, accepted: str) -> InvalidInput:
    return refusal("probe", value, reason, accepted)
