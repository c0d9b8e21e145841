"""A density and a potential of one structure, compared by Poisson's equation."""

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid
from afmbatch.grids.refusal import refusal
from afmbatch.grids.units import HARTREE

COULOMB = 14.399645  # V·Å per e
SAMPLES = 20_000
MIN_SAMPLES = 100
FROM_NUCLEI = 1.0  # Å; nearer, the charge of nuclei or pseudopotentials adds to the electrons'
MIN_DENSITY = 0.05  # e/Å³
CORRELATION = 0.9
ACCEPTED = (0.5, 2.0)  # of the slope: finite differences and exchange-correlation parts change it by up to a third


def check_poisson(density: Grid, potential: Grid, name: str) -> tuple[Finding, ...]:
    """Compare ∇²V with 4π·14.4 V·Å·ρ between the atoms: finds a potential in the wrong unit or with the wrong sign.

    Both grids have the same points. Raises InvalidInput if V is proportional to what it should be with a wrong
    factor; where the two are not proportional the finding is a warning.
    """
    points = _points(density)
    numbers = {"points": float(len(points))}
    if len(points) < MIN_SAMPLES:
        return (Finding("poisson", "too few points between the atoms to compare density and potential", numbers),)
    rho = _at(density.values, points)
    expected, found = 4 * np.pi * COULOMB * rho, _laplacian(potential, points)
    slope = float(expected @ found / (expected @ expected))
    correlation = float(np.corrcoef(expected, found)[0, 1])
    numbers |= {"factor": slope, "correlation": correlation}
    text = (
        f"by Poisson's equation the potential is {slope:.4g} times that of the density "
        f"(at {len(points)} points between the atoms, correlation {correlation:.3f})"
    )
    if abs(correlation) < CORRELATION:
        text += (
            ": the two are not proportional; either the grid is coarse, or the potential contains exchange and "
            "correlation (VASP's LVTOT), or the two belong to different structures"
        )
        return (Finding("poisson", text, numbers, warning=True),)
    if ACCEPTED[0] <= slope <= ACCEPTED[1]:
        return (Finding("poisson", text, numbers),)
    known = {HARTREE: "was converted from Hartree twice", 1 / HARTREE: "is in Hartree", -1.0: "has the wrong sign"}
    known |= {2 / HARTREE: "is in Rydberg", -1 / HARTREE: "is in Hartree and has the wrong sign"}
    cause = next((f": it {cause}" for factor, cause in known.items() if 0.7 < slope / factor < 1.4), "")
    raise refusal(name, f"factor {slope:.4g}", text + cause, "a potential in V that belongs to the density in e/Å³")


def _points(grid: Grid) -> NDArray[np.int64]:
    """Return up to SAMPLES random grid points (n, 3) off the nuclei where there are electrons; always the same ones."""
    rng = np.random.default_rng(0)
    points: NDArray[np.int64] = np.stack([rng.integers(0, n, 20 * SAMPLES) for n in grid.shape], axis=1)
    points = points[_at(grid.values, points) > MIN_DENSITY][: 4 * SAMPLES]
    near: NDArray[np.bool_] = np.zeros(len(points), dtype=bool)
    places = points / np.array(grid.shape)
    for atom in grid.fractions[:: -(-len(grid.z) // 500)]:
        apart = places - atom
        apart -= np.rint(apart)
        near |= np.linalg.norm(apart @ grid.lattice, axis=1) < FROM_NUCLEI
    return points[~near][:SAMPLES]


def _laplacian(grid: Grid, points: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return ∇² of the values at grid points (n, 3), by fourth-order central differences along the lattice vectors."""
    # ∇² = Σ G_ij ∂_i ∂_j with fractional coordinates and G the inverse of the metric
    inverse = np.linalg.inv(grid.lattice)
    metric = inverse.T @ inverse
    n = np.array(grid.shape)
    total = np.zeros(len(points))
    unit = np.eye(3, dtype=np.int64)
    for i in range(3):
        near = _at(grid.values, points + unit[i]) + _at(grid.values, points - unit[i])
        far = _at(grid.values, points + 2 * unit[i]) + _at(grid.values, points - 2 * unit[i])
        second = (16 * near - far - 30 * _at(grid.values, points)) / 12
        total += metric[i, i] * n[i] ** 2 * second
        for j in range(i):
            p, q = unit[i] + unit[j], unit[i] - unit[j]
            mixed = _at(grid.values, points + p) + _at(grid.values, points - p)
            mixed -= _at(grid.values, points + q) + _at(grid.values, points - q)
            total += 2 * metric[i, j] * n[i] * n[j] * mixed / 4
    return total


def _at(values: NDArray[np.float32], points: NDArray[np.int64]) -> NDArray[np.float64]:
    i, j, k = (points % np.array(values.shape)).T
    return np.asarray(values[i, j, k], dtype=np.float64)
