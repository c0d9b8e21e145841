"""B-splines on grids: their coefficients from values, periodic in a cell or open along one axis."""

from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.atoms import Floats

#: The values of a quintic B-spline at −2 … 2 steps from its centre.
BSPLINE = np.array([1, 26, 66, 26, 1]) / 120
#: Coefficients around a point that its value is made of: this many, the first of them two before the point's floor.
TAPS = 6
#: Values on either side that a coefficient of cubic_weights is made of: beyond them the weights are below 1e-8.
CUBIC_REACH = 20
_DECAYS = np.array([0.0, 1.5, 3.0, 4.5, 6.0, 7.5])


def spectrum(k: Floats) -> Floats:
    """Return the discrete transform of BSPLINE at wave numbers k, in radians per step; real, of k's shape."""
    return np.asarray(BSPLINE[2] + 2 * BSPLINE[1] * np.cos(k) + 2 * BSPLINE[0] * np.cos(2 * k))


def periodic_coefficients(values: npt.NDArray[np.floating]) -> Floats:
    """Return the coefficients f8 of the spline through periodic values of three dimensions, by division in k-space."""
    transform = np.fft.rfftn(values.astype(np.float64))
    for axis, n in enumerate(values.shape):
        k = 2 * np.pi * np.arange(transform.shape[axis]) / n
        transform /= spectrum(k).reshape([-1 if a == axis else 1 for a in range(3)])
    return np.asarray(np.fft.irfftn(transform, s=values.shape, axes=(0, 1, 2)))


def bspline_weights(t: Floats | float) -> Floats:
    """Return the weights f8 of the TAPS coefficients around points at t, 0 ≤ t ≤ 1, along a last axis."""
    x = np.asarray(t, np.float64)[..., None] - np.arange(-2, 4)
    return np.asarray(sum((-1) ** k * comb(TAPS, k) * np.maximum(x + 3 - k, 0) ** 5 for k in range(TAPS + 1)) / 120)


def padded(coefficients: Floats, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """Return periodic coefficients (a, b, c) as (a + 5, b + 5, c + 8), repeated so that TAPS never wrap.

    The first two are those before the origin. The last axis has two more than the taps, so that eight can be read.
    """
    return np.pad(coefficients, ((2, 3), (2, 3), (2, 6)), mode="wrap").astype(dtype)


def open_prefilter(n: int, step: float, decay: float) -> Floats:
    """Return the matrix (n, n) f8 that makes coefficients from values at n points, `step` Å apart.

    Values are energies over a surface, weighted by exp(decay z) with z in Å: sums of exponentials. Beyond the ends the
    coefficients continue as such sums do; polynomials, which are usual there, would be off by percents.
    """
    exponents = (decay - _DECAYS) * step
    inner = np.exp(np.outer(exponents, np.arange(len(exponents))))
    band = np.zeros((n, n + 4))
    for row in range(n):
        band[row, row : row + 5] = BSPLINE
    matrix = band[:, 2:-2].copy()
    for beyond in (1, 2):
        below = np.linalg.solve(inner, np.exp(-exponents * beyond))
        matrix[:, : len(exponents)] += np.outer(band[:, 2 - beyond], below)
        above = np.linalg.solve(1 / inner, np.exp(exponents * beyond))
        matrix[:, n - len(exponents) :] += np.outer(band[:, n + 1 + beyond], above[::-1])
    return np.asarray(np.linalg.inv(matrix))


def cubic_weights(factor: int) -> Floats:
    """Return the weights (factor, 2 CUBIC_REACH + 1) f8 that make coefficients of a cubic B-spline from values.

    The coefficients are `factor` times as dense as the values: row p is for those p finer steps above a value. With a
    factor of 1 the cubic spline goes through the values. With 2 it also goes through their quintic spline half-way
    between them, from which it differs by 1e-5 of fields that decay by e⁴ in an Å, if values are 0.2 Å apart.
    """
    n = 4 * CUBIC_REACH
    quintic = np.fft.ifft(1 / spectrum(2 * np.pi * np.arange(n) / n)).real
    fine = np.zeros(factor * n)
    for p in range(factor):
        taps = bspline_weights(p / factor)
        fine[p::factor] = sum(taps[j] * np.roll(quintic, 2 - j) for j in range(TAPS))
    cubic = (4 + 2 * np.cos(2 * np.pi * np.arange(factor * n) / (factor * n))) / 6
    response = np.fft.ifft(np.fft.fft(fine) / cubic).real
    reach = np.arange(-CUBIC_REACH, CUBIC_REACH + 1)
    return np.stack([response[(p - factor * reach) % (factor * n)] for p in range(factor)])
