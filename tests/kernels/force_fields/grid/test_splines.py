import numpy as np
import pytest

from kernels.force_fields.grid.splines import (
    TAPS,
    bspline_weights,
    open_prefilter,
    padded,
    periodic_coefficients,
    spectrum,
)
from kernels.force_fields.grid.tips import sample_spline


def test_weights_reproduce_polynomials() -> None:
    t = np.linspace(0, 1, 7)
    taps = np.arange(TAPS) - 2
    assert bspline_weights(t).sum(axis=1) == pytest.approx(np.ones(7))
    assert bspline_weights(t) @ taps == pytest.approx(t)


def test_a_periodic_spline_goes_through_its_values() -> None:
    values = np.random.default_rng(1).normal(size=(7, 6, 9))
    coefficients = padded(periodic_coefficients(values), np.float64)
    index = np.stack(np.meshgrid(*(np.arange(-1, n + 1) for n in values.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    got = sample_spline(coefficients, values.shape, index / values.shape)
    assert got == pytest.approx(values[tuple((index % values.shape).T)])


def test_a_periodic_spline_of_a_wave_between_its_points() -> None:
    n = 24
    wave = np.cos(2 * np.pi * 3 * np.arange(n) / n)[:, None, None] * np.ones((1, 6, 6))
    x = np.linspace(0, 1, 50)
    points = np.stack((x, 0 * x + 0.3, 0 * x + 0.7), axis=1)
    got = sample_spline(padded(periodic_coefficients(wave), np.float64), wave.shape, points)
    assert got == pytest.approx(np.cos(2 * np.pi * 3 * x), abs=2e-5)


@pytest.mark.parametrize("kappa", [0.0, 0.7, 2.2, 4.4, 5.2])
def test_an_open_spline_of_energies_over_a_surface(kappa: float) -> None:
    step, decay, n = 0.2, 2.4, 20
    z = step * np.arange(n)
    coefficients = open_prefilter(n, step, decay) @ np.exp((decay - kappa) * z)
    at = np.linspace(2, n - 3, 200, endpoint=False)
    floor = np.floor(at).astype(int)
    taps = coefficients[floor[:, None] + np.arange(-2, 4)]
    got = (bspline_weights(at - floor) * taps).sum(axis=1) * np.exp(-decay * step * at)
    assert got == pytest.approx(np.exp(-kappa * step * at), rel=2e-5)


def test_the_spectrum_is_that_of_the_weights_at_points() -> None:
    k = np.linspace(0, np.pi, 9)
    assert spectrum(k) == pytest.approx((bspline_weights(0.0) * np.cos(k[:, None] * (np.arange(TAPS) - 2))).sum(axis=1))
