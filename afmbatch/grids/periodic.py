"""Molecules across the edge of a periodic cell: atoms unwrapped, and the grid rolled by whole voxels."""

from dataclasses import replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.finding import Finding
from afmbatch.grids.grid import Grid

MIN_GAP = 2.5  # Å; narrower gaps between atoms along an axis are bridged by bonds
INSIDE = 1e-9  # by how much of a cell an atom may lie outside it by rounding


def gather_molecule(grid: Grid) -> tuple[Grid, tuple[Finding, ...]]:
    """Return the grid with its atoms inside the cell and the molecule in one piece, and what was done.

    Along each axis the gaps between atoms are looked at on the circle of fractional coordinates. If bonds bridge the
    gap at the cell's edge and there is a wide gap elsewhere, the molecule lies across the edge: the values are rolled
    by whole voxels so that the middle of the widest gap comes to the edge, and all atoms move by the same vector. The
    values are rolled in place. The periodic field and its atoms stay the same up to this common translation.
    """
    if not len(grid.z):
        return grid, ()
    n = np.array(grid.shape)
    wrapped = _wrapped(grid.fractions)
    shift = np.array([_voxels_to_cut(wrapped[:, axis], grid.heights[axis], n[axis]) for axis in range(3)])
    moved = _wrapped(wrapped - shift / n)
    outside = int((np.abs(wrapped - grid.fractions) > INSIDE).any(axis=1).sum())
    if not shift.any() and not outside:
        return grid, ()
    roll_in_place(grid.values, -shift)
    findings = []
    if outside:
        message = f"{outside} of {len(grid.z)} atoms lay outside the cell and were moved into it by lattice vectors"
        findings.append(Finding("atoms_outside", message, {"atoms": outside}))
    if shift.any():
        vector = -(shift / n) @ grid.lattice
        text = " ".join(f"{v:.3f}" for v in vector)
        message = (
            f"the structure lay across the edge of its cell; values and atoms were moved by {_signed(-shift)} voxels "
            f"along a, b, c ({text} Å), so that it is in one piece"
        )
        findings.append(
            Finding("unwrapped", message, {f"voxels_{a}": float(-s) for a, s in zip("abc", shift, strict=True)})
        )
    return replace(grid, xyz=grid.origin + moved @ grid.lattice), tuple(findings)


def roll_in_place(values: NDArray[np.float32], shift: NDArray[np.int64]) -> None:
    """Do np.roll(values, shift, axis=(0, 1, 2)) in place, with the memory of one plane besides. values: C order."""
    nx = len(values)
    if shift[1] % values.shape[1] or shift[2] % values.shape[2]:
        for plane in values:
            plane[:] = np.roll(plane, shift[1:], axis=(0, 1))
    step = int(shift[0]) % nx
    if not step:
        return
    for start in range(gcd(nx, step)):  # planes move along cycles
        kept = values[start].copy()
        i = start
        while (source := (i - step) % nx) != start:
            values[i] = values[source]
            i = source
        values[i] = kept


def _wrapped(fractions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return fractional coordinates in [0, 1); those outside by rounding alone stay where they are."""
    wrapped = fractions - np.floor(fractions)
    wrapped[wrapped >= 1.0] = 0.0
    return np.where((fractions >= -INSIDE) & (fractions < 1.0), fractions, wrapped)


def _voxels_to_cut(fractions: NDArray[np.float64], height: float, n: int) -> int:
    """Return the voxel in the middle of the widest gap between atoms along an axis; 0 if the axis needs no roll.

    fractions: (n,) in [0, 1); height: distance of the cell's faces, Å; n: points along the axis.
    """
    positions = np.sort(fractions)
    gaps = np.diff(positions, append=positions[0] + 1.0)  # the last one contains the cell's edge
    widest = int(np.argmax(gaps))
    bonded_across_edge = gaps[-1] * height < MIN_GAP
    if not bonded_across_edge or gaps[widest] * height < MIN_GAP:
        return 0
    return round(float(positions[widest] + gaps[widest] / 2) * n) % n


def _signed(shift: NDArray[np.int64]) -> str:
    return ", ".join(f"{int(s):+d}" if s else "0" for s in shift)
