"""Places samples under the tip (physics.md §5, "moving the sample"), in float64, a batch at a time."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import FieldError, InvalidInput

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
TOPMOST = 2.0  # Å below the highest atom


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Placed samples.

    xyz: f8 (ΣN, 3), Å, positions as the last tip images them
    window: f8 (B, T, 2, 3), Å, lower and upper corner of each tip's scan window, in the frame of xyz
    """

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
    anchor: Literal["top", "bottom"] = "top",
    centre: Literal["mean", "top"] = "mean",
) -> Placement:
    """Centre samples laterally in the window and put each at its tip-sample distance.

    xyz: f8 (ΣN, 3), Å; sample b has the atoms offsets[b]:offsets[b+1]
    offsets: i8 (B+1,)
    counted: bool (ΣN,), atoms whose elements are not ignored; only these determine the sample's centre and height
    original: bool (ΣN,), atoms that are not periodic images; only these determine the sample's centre
    lj_radius: f8 (ΣN,), Å, Lennard-Jones radii of the atoms; f8 (ΣN, T) if they differ between tips
    window: f8 (2, 3), Å, lower and upper corner of the scan window
    heights: i8 (B, T), number of tip heights, dz apart: downwards from the window's upper edge, or with the anchor
        'bottom' upwards from its lower edge
    dz: vertical step, Å
    distance: f8 (B, T), Å, tip-sample distances
    probe_radius: f8 (B, T), Å, Lennard-Jones radii of the probe particles
    offset: f8 (B, 2), Å, added to the lateral position
    anchor: the edge of the window that the distance counts up to
    centre: the atoms whose mean position comes under the centre of the window: all, or the topmost

    By the rule of physics.md §5, z1 − z_max = distance + R_m + R_p − (z_max − z_m) for the atom m that maximises z + R.
    It follows that this maximum is at z1 − distance − R_p; with the anchor 'bottom' z0 takes the place of z1. The rule
    holds for each tip: a sample is placed for the last tip, and the windows of the other tips move by the difference.

    Raises InvalidInput for a sample without an atom that is both counted and original.
    """
    first, sizes = offsets[:-1], np.diff(offsets)
    bottom, top = window
    xy, members = xyz[:, :2], sizes
    level = (xyz[:, 2] if lj_radius.ndim == 1 else xyz[:, 2:]) + lj_radius
    if not (counted.all() and original.all()) or centre == "top":
        centred = counted & original
        if centre == "top":
            centred &= _topmost(xyz[:, 2], centred, first, sizes)
        xy, members = np.where(centred[:, None], xy, 0.0), np.add.reduceat(centred, first, dtype=np.int64)
        level[~counted] = -np.inf
        if not members.all():
            raise InvalidInput(_no_atom_to_place_by())
    level = np.maximum.reduceat(level, first).reshape(len(sizes), -1)  # (B, 1), or (B, T)
    reach = distance + probe_radius
    above = (reach - reach[:, -1:]) + (level - level[:, -1:])  # upper edge of each window above that of the last tip
    shift = np.empty((len(sizes), 3))
    shift[:, :2] = (bottom[:2] + top[:2]) / 2.0 + offset - np.add.reduceat(xy, first) / members[:, None]
    shift[:, 2] = (top if anchor == "top" else bottom)[2] - reach[:, -1] - level[:, -1]
    windows = np.empty((*distance.shape, 2, 3))
    windows[...] = window
    windows[..., 2] += above[..., None]
    more = (heights - round((top[2] - bottom[2]) / dz)) * dz  # 0 where the window has the heights that are given
    if anchor == "top":
        windows[..., 0, 2] -= more
    else:
        windows[..., 1, 2] += more
    moved = np.repeat(shift, sizes, axis=0)
    moved += xyz
    return Placement(xyz=moved, window=windows)


def _topmost(z: Floats, centred: Mask, first: Ints, sizes: Ints) -> Mask:
    """Return which atoms are at most TOPMOST below the highest `centred` atom of their sample: bool (ΣN,)."""
    highest = np.maximum.reduceat(np.where(centred, z, -np.inf), first)
    return np.asarray(z >= np.repeat(highest, sizes) - TOPMOST)


def _no_atom_to_place_by() -> FieldError:
    accepted = "elements that leave at least one atom of every structure"
    return FieldError("ignored_elements", "", "a structure has no atom left that determines its place", accepted)
