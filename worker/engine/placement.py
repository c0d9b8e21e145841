"""Placing samples under the tip (physics.md §5, "moving the sample"), in float64, a batch at a time."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError, InvalidInput

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """xyz: (ΣN, 3), Å, as the last tip images it; window: (B, T, 2, 3), Å, each tip's scan window in that frame."""

    xyz: Floats
    window: Floats


def place(
    xyz: Floats,
    offsets: Ints,
    *,
    counted: Mask,
    original: Mask,
    lj_radius: Floats,
    window: Floats,
    heights: Ints,
    dz: float,
    distance: Floats,
    probe_radius: Floats,
    offset: Floats,
) -> Placement:
    """Samples centred laterally in the window, each at its tip-sample distance.

    xyz: (ΣN, 3) of the atoms offsets[b]:offsets[b+1] of B samples; counted: (ΣN,) which take part in centre and height,
    those of no ignored element; original: (ΣN,) which are no periodic images: these alone take part in the centre;
    lj_radius: (ΣN,), or (ΣN, T) where each tip has its own; window: (2, 3); heights: (B, T) number of tip heights, dz
    apart, downwards from the window's upper edge; distance, probe_radius: (B, T), the latter the Lennard-Jones radii
    of the probe particles; offset: (B, 2), added to the lateral position; all Å.

    The rule of §5, z1 − z_max = distance + R_m + R_p − (z_max − z_m) for the atom m that maximises z + R, says that
    this maximum comes to lie at z1 − distance − R_p. It holds for each tip: a sample has one place, the last tip's,
    and the windows of the others move by the difference.

    Raises InvalidInput for a sample without an atom to place it by.
    """
    first, sizes = offsets[:-1], np.diff(offsets)
    bottom, top = window
    xy, members = xyz[:, :2], sizes
    level = (xyz[:, 2] if lj_radius.ndim == 1 else xyz[:, 2:]) + lj_radius
    if not (counted.all() and original.all()):
        centred = counted & original
        xy, members = np.where(centred[:, None], xy, 0.0), np.add.reduceat(centred, first, dtype=np.int64)
        level[~counted] = -np.inf
        if not members.all():
            raise InvalidInput(_nothing_left())
    level = np.maximum.reduceat(level, first).reshape(len(sizes), -1)  # (B, 1), or (B, T)
    reach = distance + probe_radius
    above = (reach - reach[:, -1:]) + (level - level[:, -1:])  # the window's upper edge, above the last tip's
    shift = np.empty((len(sizes), 3))
    shift[:, :2] = (bottom[:2] + top[:2]) / 2.0 + offset - np.add.reduceat(xy, first) / members[:, None]
    shift[:, 2] = top[2] - reach[:, -1] - level[:, -1]
    windows = np.empty((*distance.shape, 2, 3))
    windows[...] = window
    windows[..., 2] += above[..., None]
    windows[..., 0, 2] -= (heights - round((top[2] - bottom[2]) / dz)) * dz  # as given where none more or fewer
    moved = np.repeat(shift, sizes, axis=0)
    moved += xyz
    return Placement(xyz=moved, window=windows)


def _nothing_left() -> FieldError:
    accepted = "elements of which no structure consists throughout"
    return FieldError("ignored_elements", "", "a structure has no atom left to be placed by", accepted)
