"""Tips as charge and electron densities around the probe particle, on the planes of a grid."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.atoms import Floats
from kernels.errors import InvalidInput
from kernels.force_fields.grid.plane_grid import PlaneGrid
from kernels.force_fields.grid.splines import TAPS, bspline_weights, padded, periodic_coefficients

#: Planes that a point charge is spread over.
POLYNOMIAL_POINTS = 10
#: Points of the polynomials that `halved` is exact for.
MIDDLE_POINTS = 12


class Tip(ABC):
    """A tip's densities, from which plane_products makes energies."""

    @abstractmethod
    def charge_planes(self, plan: PlaneGrid) -> Floats:
        """Return the charge density in e/Å³ on the tip's planes, from the lowest up: (n, size_x, size_y) f8.

        There are at least tip_planes of them, and as many more as the tip is high. The probe is at
        [below, size_x // 2, size_y // 2].
        """

    def density_planes(self, plan: PlaneGrid, exponent: float) -> Floats:
        """Return the electron density in e/Å³ to the power `exponent`: (density_tip_planes, size_x, size_y) f8.

        The probe is at [density_below, size_x // 2, size_y // 2]. Raises InvalidInput if the tip has no density.
        """
        raise InvalidInput("tip: it has a charge density, but no electron density, which overlaps the sample's")


@dataclass(frozen=True, eq=False)
class GridTip(Tip):
    """A tip whose densities are given on a grid, periodic in a box, the probe at or near point [0, 0, 0].

    lattice: (3, 3) f8, Å, the box's edges in rows. Beyond half of an edge from point [0, 0, 0] the tip is zero.
    charge: (a, b, c), e/Å³, positive for positive charge.
    density: (a, b, c), electrons per Å³, or None.
    origin: (3,) f8, Å, the position of point [0, 0, 0] relative to the probe.
    """

    lattice: Floats
    charge: npt.NDArray[np.floating]
    density: npt.NDArray[np.floating] | None = None
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def charge_planes(self, plan: PlaneGrid) -> Floats:
        """Return the charge density, interpolated by quintic splines."""
        top = np.abs(self.lattice[:, 2]).sum() / 2
        planes = max(plan.tip_planes, plan.below + 1 + int(top / plan.step))
        return self._planes(self.charge, plan, plan.below, planes)

    def density_planes(self, plan: PlaneGrid, exponent: float) -> Floats:
        """Return the density, interpolated by quintic splines, then raised; negative values count as 0."""
        if self.density is None:
            return super().density_planes(plan, exponent)
        return self._planes(self.density, plan, plan.density_below, plan.density_tip_planes, exponent)

    def _planes(
        self, field: npt.NDArray[np.floating], plan: PlaneGrid, below: int, planes: int, exponent: float | None = None
    ) -> Floats:
        """Return a field, raised to a power if one is given, from twice as many points along each axis (`halved`)."""
        reach = np.abs(self.lattice).sum(axis=0) / 2 + np.abs(self.origin) + MIDDLE_POINTS // 2 * plan.step
        middle_x, middle_y = plan.size_x // 2, plan.size_y // 2
        half_x, half_y = (
            min(middle, int(np.ceil(length / plan.step)))
            for middle, length in ((middle_x, reach[0]), (middle_y, reach[1]))
        )
        x, y, z = (
            plan.step / 2 * np.arange(-2 * before, 2 * after, dtype=np.float64)
            for before, after in ((half_x, half_x), (half_y, half_y), (below, planes - below))
        )
        values = self._sampled(field, x, y, z)
        if exponent is not None:
            values = np.maximum(values, 0) ** exponent
        out = np.zeros((planes, plan.size_x, plan.size_y))
        inner = out[:, middle_x - half_x : middle_x + half_x, middle_y - half_y : middle_y + half_y]
        inner[:] = halved(halved(halved(values, 0), 1), 2).transpose(2, 0, 1)
        return out

    def _sampled(self, field: npt.NDArray[np.floating], x: Floats, y: Floats, z: Floats) -> Floats:
        """Return the spline of a field on the points of three axes, Å from the probe: (len(x), len(y), len(z)) f8."""
        coefficients = periodic_coefficients(field)
        edges = np.diag(self.lattice)
        if (self.lattice == np.diag(edges)).all():
            for axis, position in enumerate((x, y, z)):
                fraction = (position - self.origin[axis]) / edges[axis]
                weights = _axis_weights(fraction, field.shape[axis])
                coefficients = np.moveaxis(np.tensordot(weights, coefficients, axes=(1, axis)), 0, axis)
            return coefficients
        position = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1)
        fraction = (position - np.array(self.origin)) @ np.linalg.inv(self.lattice)
        inside = (np.abs(fraction) <= 0.5 + 1e-9).all(axis=-1)
        out = np.zeros(inside.shape)
        out[inside] = sample_spline(padded(coefficients, np.float64), field.shape, fraction[inside])
        return out


@dataclass(frozen=True)
class MultipoleTip(Tip):
    """Multipoles of Gaussians around the probe (physics.md §8).

    moments: by name (s, px, py, pz, dz2, …), in e times a polynomial of x, y, z over σ; sigma: the width σ in Å.
    """

    moments: Mapping[str, float]
    sigma: float

    def charge_planes(self, plan: PlaneGrid) -> Floats:
        """Return the charge density of all moments."""
        x, y, z = (a / self.sigma for a in points(plan, plan.below, plan.tip_planes))
        gaussian = np.exp(-(x**2 + y**2 + z**2) / 2) / ((2 * np.pi) ** 1.5 * self.sigma**3)
        polynomials = {
            "s": np.ones_like(x), "px": x, "py": y, "pz": z, "dxy": x * y, "dxz": x * z, "dyz": y * z,
            "dx2": x**2, "dy2": y**2, "dz2": (2 * z**2 - x**2 - y**2) / 4,
        }  # fmt: skip
        total = np.zeros_like(x)
        for name, moment in self.moments.items():
            total += moment * polynomials[name]
        return np.asarray(gaussian * total)


@dataclass(frozen=True, eq=False)
class PointChargeTip(Tip):
    """Point charges on the probe's axis in the sample's potential.

    charges: (C,) f8, e; heights: (C,) f8, Å, above the probe's centre.
    """

    charges: Floats
    heights: Floats

    def charge_planes(self, plan: PlaneGrid) -> Floats:
        """Return the charges spread over planes so that the sum over these interpolates along z.

        Polynomials are local: a spline through all planes would pick up what the potential has at the nuclei below.
        """
        weights = np.zeros(plan.tip_planes)
        for charge, height in zip(self.charges, self.heights, strict=True):
            place = height / plan.step + plan.below
            first = int(np.floor(place)) - POLYNOMIAL_POINTS // 2 + 1
            weights[first : first + POLYNOMIAL_POINTS] += charge * polynomial_weights(place - first)
        planes = np.zeros((plan.tip_planes, plan.size_x, plan.size_y))
        planes[:, plan.size_x // 2, plan.size_y // 2] = weights / plan.step**3
        return planes


def polynomial_weights(place: float, n: int = POLYNOMIAL_POINTS) -> Floats:
    """Return the weights (n,) f8 of values at 0, 1, 2, … in the polynomial through them, at `place`."""
    at = np.arange(n)
    return np.array([np.prod((place - at[at != i]) / (i - at[at != i])) for i in at])


def _axis_weights(fraction: Floats, n: int) -> Floats:
    """Return the matrix f8 from n coefficients, periodic along an axis, to points in fractions of it; 0 beyond half."""
    index = (fraction % 1.0) * n
    floor = np.minimum(np.floor(index).astype(np.int64), n - 1)
    weights = bspline_weights(index - floor) * (np.abs(fraction) <= 0.5 + 1e-9)[:, None]
    out = np.zeros((len(fraction), n))
    for tap in range(TAPS):
        np.add.at(out, (np.arange(len(fraction)), (floor + tap - 2) % n), weights[:, tap])
    return out


def halved(values: Floats, axis: int) -> Floats:
    """Return every second of an even number of points along an axis, so that sums over products stay what they were.

    That is so for products with any field that polynomials through twelve of the points left give between these, as
    they do a sample's near a probe. The core of a tip has more structure than points 0.2 Å apart can tell.
    """
    values = np.moveaxis(values, axis, 0)
    out, half = 0.5 * values[::2], MIDDLE_POINTS // 2
    between = np.pad(0.5 * values[1::2], ((half, half), (0, 0), (0, 0)))
    for m, weight in enumerate(polynomial_weights(half - 0.5, MIDDLE_POINTS)):
        first = 2 * half - 1 - m  # of the points half-way that act on those left
        out += weight * between[first : first + len(out)]
    return np.moveaxis(out, 0, axis)


def points(plan: PlaneGrid, below: int, planes: int) -> tuple[Floats, Floats, Floats]:
    """Return x, y and z of the tip's points, Å from the probe, each (planes, size_x, size_y) f8."""
    z, x, y = np.meshgrid(
        plan.step * (np.arange(planes) - below),
        plan.step * (np.arange(plan.size_x) - plan.size_x // 2),
        plan.step * (np.arange(plan.size_y) - plan.size_y // 2),
        indexing="ij",
    )
    return x, y, z


def sample_spline(coefficients: Floats, shape: tuple[int, ...], fraction: Floats) -> Floats:
    """Return the values f8 of a periodic spline at points (n, 3), in fractions of the cell.

    coefficients: as `padded` returns them, of a grid of this shape.
    """
    index = (fraction % 1.0) * shape
    floor = np.minimum(np.floor(index).astype(np.int64), np.array(shape) - 1)
    weights = [bspline_weights(index[:, axis] - floor[:, axis]) for axis in range(3)]
    out = np.zeros(len(index))
    for i in range(TAPS):
        for j in range(TAPS):
            for k in range(TAPS):
                taps = coefficients[floor[:, 0] + i, floor[:, 1] + j, floor[:, 2] + k]
                out += weights[0][:, i] * weights[1][:, j] * weights[2][:, k] * taps
    return out
