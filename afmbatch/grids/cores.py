"""Cores of heavy atoms in all-electron densities: too sharp for the grid, and never touched by a probe."""

import numpy as np

from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid, Quantity

MAX_DENSITY = 100.0  # e/Å³; the density between atoms is below 3 e/Å³


def clip_cores(grid: Grid) -> tuple[Finding, ...]:
    """Limit a density to MAX_DENSITY, in place, and report how much that took away."""
    if grid.quantity is not Quantity.ELECTRONS or (largest := float(grid.values.max())) <= MAX_DENSITY:
        return ()
    before = grid.integral()
    points = sum(int(np.count_nonzero(plane > MAX_DENSITY)) for plane in grid.values)
    np.minimum(grid.values, np.float32(MAX_DENSITY), out=grid.values)
    after = grid.integral()
    message = (
        f"the density exceeded {MAX_DENSITY:g} e/Å³ at {points} grid points (largest {largest:.6g} e/Å³) and was "
        f"clipped there; its sum over the cell fell from {before:.2f} to {after:.2f} electrons"
    )
    numbers = {"points": points, "largest_e_per_A3": largest, "electrons_before": before, "electrons_after": after}
    return (Finding("clipped_cores", message, numbers),)
