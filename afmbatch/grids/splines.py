"""The memory that a structure's fields take on a device, as splines (docs/physics.md §8)."""

import numpy as np
from numpy.typing import NDArray

# These follow kernels.force_fields.grid.samples, which services do not import; a test compares them.
_FINE = 0.13  # Å between points beyond which there are two coefficients for each
_VECTOR = 8  # coefficients along c come in whole vectors


def spline_coefficients(shape: tuple[int, ...], lattice: NDArray[np.float64]) -> int:
    """Return the number of spline coefficients of a field with this many points along the edges of a cell, in Å."""
    steps = np.linalg.norm(lattice, axis=1) / shape
    a, b, c = (n * (2 if step > _FINE else 1) for n, step in zip(shape, steps, strict=True))
    return (a + 3) * (b + 3) * -(-(c + _VECTOR) // _VECTOR) * _VECTOR
