"""Repeated end points: some programs write the first plane of a periodic axis again as its last plane."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.finding import Finding

SAME = 1e-5  # of a plane's largest absolute value; files have five to eleven digits
MAX_MIRRORED_ATOMS = 500
# in spacings; for a symmetric structure the one asymmetry is 0 and the other 1
MAX_ASYMMETRY = 0.25
MIN_CONTRAST = 0.5
AXES = "abc"


class EndPoint(Enum):
    """The result of comparing the planes at both ends of an axis."""

    REPEATED = "repeated"
    ABSENT = "absent"
    #: Constant or mirror-symmetric values look the same with and without a repeated end point.
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class SpannedAtoms:
    """The n atoms of a grid whose spanning vectors are known, while its spacing depends on the end point."""

    #: Atomic numbers: (n,).
    z: NDArray[np.int64]
    #: Positions in units of the spanning vectors from the grid's origin: float64 (n, 3).
    fractions: NDArray[np.float64]

    def end_point(self, axis: int, n: int) -> EndPoint:
        """Return what the atoms show where the values of n points along an axis are symmetric.

        The values' plane of symmetry is in the middle of the points: at 1/2 of the spanning vector with a repeated
        end point, half a spacing before it without. The atoms have theirs at the same place.
        """
        if not 0 < len(self.z) <= MAX_MIRRORED_ATOMS:
            return EndPoint.UNDECIDED
        with_end, without_end = self._asymmetry(axis, 1.0), self._asymmetry(axis, (n - 1) / n)
        if min(with_end, without_end) * n > MAX_ASYMMETRY or abs(with_end - without_end) * n < MIN_CONTRAST:
            return EndPoint.UNDECIDED
        return EndPoint.REPEATED if with_end < without_end else EndPoint.ABSENT

    def _asymmetry(self, axis: int, total: float) -> float:
        """Return how far from any atom of its element an atom comes to lie, at most, when f becomes total − f."""
        mirrored = self.fractions.copy()
        mirrored[:, axis] = total - mirrored[:, axis]
        apart = mirrored[:, None] - self.fractions
        distances = np.abs(apart - np.rint(apart)).max(axis=2)
        distances[self.z[:, None] != self.z] = np.inf
        return float(distances.min(axis=1).max())


def find_end_point(values: NDArray[np.float32], axis: int) -> EndPoint:
    """Return whether the last plane along an axis repeats the first one. values: (nx, ny, nz)."""
    if values.shape[axis] < 3:
        return EndPoint.ABSENT

    def plane(i: int) -> NDArray[np.float32]:
        return np.asarray(values.take(i, axis=axis))

    def same(i: int, j: int) -> bool:
        p, q = plane(i), plane(j)
        return bool(np.abs(p - q).max() <= SAME * max(np.abs(p).max(), np.abs(q).max()))

    if not same(0, -1):
        return EndPoint.ABSENT
    if same(1, -2):
        # A molecule in the middle of its box gives the same planes on both sides.
        return EndPoint.UNDECIDED
    return EndPoint.REPEATED


def remove_end_points(
    values: NDArray[np.float32], usual: bool, atoms: SpannedAtoms | None = None
) -> tuple[NDArray[np.float32], tuple[Finding, ...]]:
    """Drop repeated end points along each axis; return the values without them, and a finding for each axis.

    usual: whether files of this format repeat the end point; decides where neither values nor atoms show it. The
    result is compacted in place and shares memory with `values`, which must be C-contiguous.
    """
    findings, repeated = [], []
    for axis, name in enumerate(AXES):
        n = values.shape[axis]
        shown, reason = find_end_point(values, axis), ""
        if shown is EndPoint.UNDECIDED and atoms is not None:
            shown = atoms.end_point(axis, n)
            reason = "; the symmetry of the atoms decided, as that of the values shows nothing"
        undecided = shown is EndPoint.UNDECIDED
        if undecided:
            reason = "; the custom of the format decided, as the values are symmetric or constant at this axis' ends"
        repeated.append(shown is EndPoint.REPEATED or (undecided and usual))
        text = "the last plane repeats the first one and was dropped" if repeated[axis] else "no repeated end point"
        numbers = {"points": n, "repeated": float(repeated[axis])}
        warning = undecided and usual
        findings.append(Finding("end_point", f"axis {name}, {n} points: {text}{reason}", numbers, warning))
    shape = tuple(n - r for n, r in zip(values.shape, repeated, strict=True))
    return _cropped_in_place(values, shape), tuple(findings)


def _cropped_in_place(values: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Move the first points along each axis together at the start of the array, and return them: C-contiguous."""
    if tuple(shape) == values.shape:
        return values
    nx, ny, nz = shape
    flat = values.reshape(-1)
    for i in range(nx):  # plane i moves to where earlier planes, already moved, were
        flat[i * ny * nz : (i + 1) * ny * nz] = values[i, :ny, :nz].ravel()
    return flat[: nx * ny * nz].reshape(nx, ny, nz)
