"""Samples given as fields on grids, and where the planes of images lie in them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from kernels.atoms import Floats, as_floats
from kernels.device.shared import share_struct
from kernels.errors import InvalidInput

STRUCTURE = share_struct(
    "structure_t",
    [("n", "i4", 3),  # coefficients along each axis of the cell
     ("begin", "i4"),  # where the first coefficient lies, one before the origin along each axis
     ("stride_x", "i4"), ("stride_y", "i4"),
     ("fields", "i4")],  # 2: those of the density and the potential lie side by side; 1: only the potential's
)  # fmt: skip
RESAMPLING = share_struct(
    "resampling_t",
    [("base", "f4", 3),  # the grid index of the middle of the lowest plane
     ("along_x", "f4", 3), ("along_y", "f4", 3), ("along_z", "f4", 3),  # its change by a step along the image's axes
     ("exponent", "f4"),  # of the density
     ("fine", "i4", 2),  # the planes from the first of these up to the second have all points, others every second
     ("structure", "i4")],
)  # fmt: skip
#: Å: between coefficients no further apart, a cubic spline is as good as the quintic one through all values.
FINE = 0.13


@dataclass(frozen=True, eq=False)
class SampleGrid:
    """The fields of a structure, sampled on a grid that is periodic in its cell.

    lattice: (3, 3) f8, Å, the edges of the cell in rows; they may be skewed.
    origin: (3,) f8, Å, the position of point [0, 0, 0].
    potential: (a, b, c), V.
    density: (a, b, c), electrons per Å³; None: the structure has no density.

    Raises InvalidInput if shapes do not fit, the cell has no volume, or an axis has fewer than six points.
    """

    lattice: Floats
    origin: Floats
    potential: npt.NDArray[np.floating]
    density: npt.NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lattice", as_floats("lattice", self.lattice, (3, 3)))
        object.__setattr__(self, "origin", as_floats("origin", self.origin, (3,)))
        if abs(np.linalg.det(self.lattice)) < 1e-6:
            raise InvalidInput("lattice: the edges of the cell span no volume")
        if self.potential.ndim != 3 or min(self.potential.shape) < 6:
            raise InvalidInput(f"potential: expected three axes of at least 6 points, got shape {self.potential.shape}")
        if self.density is not None and self.density.shape != self.potential.shape:
            raise InvalidInput(
                f"density: expected the shape of the potential, {self.potential.shape}, got {self.density.shape}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of points along each axis."""
        return self.potential.shape

    @property
    def fields(self) -> tuple[npt.NDArray[np.floating], ...]:
        """The density, if there is one, and the potential."""
        return (self.potential,) if self.density is None else (self.density, self.potential)

    @cached_property
    def level(self) -> float:
        """About the potential of the vacuum, V. Forces do not depend on it; without it, what is far away is about 0."""
        return float(np.median(self.potential[::3, ::3, ::3]))

    @property
    def nbytes(self) -> int:
        """The bytes of the fields."""
        return sum(field.nbytes for field in self.fields)

    @property
    def factors(self) -> tuple[int, ...]:
        """The coefficients for each point along each axis, 1 or 2."""
        steps = np.linalg.norm(self.lattice, axis=1) / self.shape
        return tuple(2 if step > FINE else 1 for step in steps)

    @property
    def fine_shape(self) -> tuple[int, ...]:
        """The number of coefficients along each axis of the cell."""
        return tuple(n * factor for n, factor in zip(self.shape, self.factors, strict=True))

    @property
    def padded_shape(self) -> tuple[int, ...]:
        """The same with those that are repeated: one before, and two or more after; whole vectors along z."""
        x, y, z = self.fine_shape
        return x + 3, y + 3, -(-(z + 8) // 8) * 8

    @property
    def coefficients(self) -> int:
        """The number of coefficients of all fields."""
        x, y, z = self.padded_shape
        return len(self.fields) * x * y * z

    @property
    def to_index(self) -> Floats:
        """The matrix (3, 3) f8 that makes differences of the coefficients' indices from vectors in Å."""
        return np.asarray(np.linalg.inv(self.lattice).T * np.array(self.fine_shape)[:, None])
