"""Placing molecules under the tip (physics.md §5, "moving the sample"), in float64, a batch at a time."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """xyz: (ΣN, 3), Å, as the last tip images it; window: (B, T, 2, 3), Å, each tip's scan window in that frame."""

    xyz: Floats
    window: Floats


def place(
    xyz: Floats, offsets: NDArray[np.int64], lj_radius: Floats, window: Floats, distance: Floats, probe_radius: Floats
) -> Placement:
    """Molecules centred laterally in the window, each at its tip-sample distance.

    xyz: (ΣN, 3) and lj_radius: (ΣN,) of molecules offsets[b]:offsets[b+1]; window: (2, 3); distance: (B, T);
    probe_radius: (T,) Lennard-Jones radii of the probe particles; all Å.

    The rule of §5, z1 − z_max = distance + R_m + R_p − (z_max − z_m) for the atom m that maximises z + R, says that
    this maximum comes to lie at z1 − distance − R_p. It holds for each tip: a molecule has one place, the last tip's,
    and the windows of the others move by the difference.
    """
    first = offsets[:-1]
    sizes = np.diff(offsets)
    centre = np.add.reduceat(xyz, first, axis=0) / sizes[:, None]
    top = np.maximum.reduceat(xyz[:, 2] + lj_radius, first)
    reach = distance + probe_radius
    shift = np.empty((len(sizes), 3))
    shift[:, :2] = (window[0, :2] + window[1, :2]) / 2.0 - centre[:, :2]
    shift[:, 2] = window[1, 2] - reach[:, -1] - top
    windows = np.broadcast_to(window, (*distance.shape, 2, 3)).copy()
    windows[..., 2] += (reach - reach[:, -1:])[..., None]
    return Placement(xyz=xyz + np.repeat(shift, sizes, axis=0), window=windows)
