"""The number of electrons in a density, compared with its atoms: finds wrong units, signs and pseudopotentials."""

import numpy as np

from afmbatch.grids.cores import MAX_DENSITY
from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid
from afmbatch.grids.refusal import refusal
from afmbatch.grids.units import BOHR, HARTREE
from afmbatch.grids.valence import fewest_valence, usual_valence

TOLERANCE = 0.02  # of a sum over the grid
MAX_CHARGE = 2.05  # e: ions up to ±2
NEGATIVE = 1e-3  # of the largest value: deeper negative values are told
DIFFERENCE = "difference_density"  # the subject of the finding for a difference of densities
MAX_NET = 0.02  # |∫ρ| over ∫|ρ| up to which a density with negative parts is a difference of densities


def check_electron_count(grid: Grid, name: str) -> tuple[Finding, ...]:
    """Compare the integral of a density with Σ Z and Σ valence of its atoms.

    Accepts valence and all-electron densities, everything in between (semicore electrons), and neutral differences
    of densities. Raises InvalidInput for any other integral, with the mistake in units that would explain it.
    """
    n, lowest, largest = grid.integral(), float(grid.values.min()), float(grid.values.max())
    absolute = sum(float(np.abs(plane).sum(dtype=np.float64)) for plane in grid.values) * grid.voxel_volume
    nuclear = int(grid.z.sum())
    valence, fewest = sum(map(usual_valence, grid.z.tolist())), sum(map(fewest_valence, grid.z.tolist()))
    numbers = {
        "electrons": n,
        "nuclear_charge": nuclear,
        "usual_valence": valence,
        "lowest_e_per_A3": lowest,
        "largest_e_per_A3": largest,
    }
    if lowest < 0 and abs(n) <= MAX_NET * absolute <= MAX_NET * 2 * nuclear:
        text = f"the density integrates to {n:+.4f} e with ∫|ρ| of {absolute:.3f} e: a neutral difference of densities"
        return (Finding(DIFFERENCE, text, numbers | {"absolute_electrons": absolute}),)
    counts = f"the density integrates to {n:.2f} electrons; its atoms have {nuclear}, {valence} of them usually valence"
    margin = MAX_CHARGE + TOLERANCE * nuclear
    negative = _negative_values(lowest, largest)
    if fewest - margin <= n <= nuclear + margin:
        return (_accepted(counts, n, nuclear, valence, fewest, numbers), *negative)
    if largest > MAX_DENSITY and n > nuclear:
        clipped = sum(float(np.minimum(plane, MAX_DENSITY).sum(dtype=np.float64)) for plane in grid.values)
        clipped *= grid.voxel_volume
        if fewest - margin <= clipped <= nuclear + margin:
            text = (
                f"{counts}. The cores (up to {largest:.5g} e/Å³) are too sharp for this grid: "
                f"clipped at {MAX_DENSITY:g} e/Å³ the sum is {clipped:.2f}"
            )
            return (Finding("electron_count", text, numbers | {"clipped_electrons": clipped}, warning=True), *negative)
    accepted = f"{max(fewest - margin, 0):.1f} to {nuclear + margin:.1f} electrons, or a neutral difference density"
    raise refusal(name, f"{n:.4g} electrons", counts + _explanation(grid, n, nuclear, valence), accepted)


def _accepted(counts: str, n: float, nuclear: int, valence: int, fewest: int, numbers: dict[str, float]) -> Finding:
    """Return the finding for an integral that is possible."""
    for kind, expected in (("a valence density", valence), ("an all-electron density", nuclear)):
        if abs(n - expected) <= max(TOLERANCE * expected, 0.05):
            return Finding("electron_count", f"{counts}: {kind}", numbers)
    if fewest < n < nuclear:
        text = f"{counts}: a valence density with semicore electrons or other pseudopotentials, or a charged structure"
    else:
        text = f"{counts}: a charged structure, a grid too coarse for the cores, or a cell that cuts off density"
    return Finding("electron_count", text, numbers, warning=True)


def _negative_values(lowest: float, largest: float) -> tuple[Finding, ...]:
    """Return a finding if the density has negative values that are not small."""
    if lowest >= -NEGATIVE * largest:
        return ()
    text = f"the density has negative values down to {lowest:.3g} e/Å³; they count as zero in Pauli repulsion"
    return (Finding("negative_density", text, {"lowest_e_per_A3": lowest}, warning=True),)


def check_not_density(potential: Grid, name: str) -> None:
    """Raise InvalidInput if a potential is positive everywhere and integrates to its atoms' electrons as a density."""
    if float(potential.values.min()) < 0:
        return
    total = potential.integral()
    expected = {int(potential.z.sum()), sum(map(usual_valence, potential.z.tolist()))}
    for factor in (1.0, BOHR**-3 / HARTREE, 1 / potential.cell_volume):
        n = total * factor
        if any(abs(n - electrons) <= TOLERANCE * electrons for electrons in expected):
            reason = f"the values are positive everywhere and integrate to {n:.2f} electrons: they are a density"
            raise refusal(name, f"{n:.4g} electrons", reason, "quantity electrons for this file, or a potential")


def _explanation(grid: Grid, n: float, nuclear: int, valence: int) -> str:
    """Return the mistakes that would turn Σ Z or Σ valence into this integral, as the end of a sentence."""
    mistakes = {
        "their sign were the opposite (quantity electrons instead of charge, or the other way round)": -1.0,
        "values in e/Å³ had been taken for e/bohr³": BOHR**-3,
        "values in e/bohr³ had been taken for e/Å³": BOHR**3,
        "the values had been multiplied by 27.2114 as if they were energies in Hartree": HARTREE,
        "values in e/bohr³ had been multiplied by 27.2114 as if they were energies in Hartree": HARTREE * BOHR**3,
        "the values had been multiplied by the cell's volume, as in a CHGCAR": grid.cell_volume,
        "the values had been divided by the cell's volume, as if they were those of a CHGCAR": 1 / grid.cell_volume,
        "the values had been multiplied by the number of grid points": float(grid.values.size),
    }
    for mistake, factor in mistakes.items():
        for expected in (valence, nuclear):
            if abs(n / factor - expected) <= max(TOLERANCE * expected, 0.05):
                return f". It would fit {expected} electrons if {mistake} (a factor of {factor:.5g})"
    return ", which no common mistake in units explains"
