"""A molecule across the cell's edge comes out in one piece, and the field around its atoms stays the same."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.periodic import gather_molecule, roll_in_place
from tests.afmbatch.grids.writers import periodic_gaussians, water

BOX = np.array([[9.0, 0.0, 0.0], [2.0, 8.0, 0.0], [0.5, -0.4, 10.0]])


@given(st.tuples(*[st.integers(1, 7)] * 3), st.tuples(*[st.integers(-20, 20)] * 3))
def test_rolling_in_place(shape, shift):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    wanted = np.roll(values, shift, axis=(0, 1, 2))
    roll_in_place(values, np.array(shift))
    assert (values == wanted).all()


def moved_water(voxels, images=(0, 0, 0)) -> Grid:
    """Return water whose grid was rolled and whose atoms were moved alike and wrapped into the cell."""
    grid = water((18, 16, 20), BOX)
    fractions = grid.fractions + np.array(voxels) / grid.shape
    fractions = fractions - np.floor(fractions) + images
    values = np.roll(grid.values, voxels, axis=(0, 1, 2))
    return replace(grid, values=values, xyz=grid.origin + fractions @ grid.lattice)


@settings(max_examples=30)
@given(st.tuples(st.integers(0, 17), st.integers(0, 15), st.integers(0, 19)), st.tuples(*[st.integers(-1, 1)] * 3))
def test_any_place_in_the_cell_is_gathered(voxels, images):
    wanted = water((18, 16, 20), BOX)
    grid, findings = gather_molecule(moved_water(voxels, images))
    distances = np.linalg.norm(grid.xyz[:, None] - grid.xyz, axis=-1)
    np.testing.assert_allclose(distances, np.linalg.norm(wanted.xyz[:, None] - wanted.xyz, axis=-1), atol=1e-9)
    assert (grid.fractions >= -1e-9).all()
    assert (grid.fractions < 1).all()
    # the density is still that of Gaussians around the atoms
    values = periodic_gaussians(grid.shape, grid.lattice, grid.origin, grid.xyz, (6, 1, 1), 0.45)
    np.testing.assert_allclose(grid.values, values, atol=1e-5)
    assert {f.subject for f in findings} <= {"unwrapped", "atoms_outside"}
    assert ("atoms_outside" in {f.subject for f in findings}) == any(images)


def test_a_molecule_inside_its_cell_stays():
    grid = water()
    same, findings = gather_molecule(grid)
    assert same is grid
    assert findings == ()


def test_what_was_done_is_told():
    _, findings = gather_molecule(moved_water((9, 0, 0)))
    assert "the structure lay across the edge of its cell" in findings[0].message
    assert abs(findings[0].numbers["voxels_a"]) in (8, 9, 10)
    assert findings[0].numbers["voxels_b"] == 0


def test_two_molecules_apart_stay_in_their_order():
    lattice = np.diag([8.0, 8.0, 12.0])
    xyz = np.array([[4.0, 4.0, 1.5], [4.0, 4.0, 10.0]])
    grid = Grid(np.zeros((8, 8, 12), np.float32), np.zeros(3), lattice, np.array([6, 6]), xyz, Quantity.ELECTRONS)
    assert gather_molecule(grid)[0] is grid


def test_a_layer_without_gap_is_not_cut():
    lattice = np.diag([4.0, 4.0, 12.0])
    fractions = np.array([[x, y, 0.02] for x in (0.1, 0.4, 0.9) for y in (0.1, 0.4, 0.9)])
    values = np.arange(8 * 8 * 12, dtype=np.float32).reshape(8, 8, 12)
    grid = Grid(values.copy(), np.zeros(3), lattice, np.full(9, 6), fractions @ lattice, Quantity.ELECTRONS)
    same, findings = gather_molecule(grid)
    assert same is grid
    assert findings == ()


@pytest.mark.parametrize("height", [1e-12, -1e-12])
def test_rounding_does_not_count_as_outside(height):
    lattice = np.diag([8.0, 8.0, 8.0])
    xyz = np.array([[4.0, 4.0, height], [5.0, 4.0, 0.0]])
    grid = Grid(np.zeros((8, 8, 8), np.float32), np.zeros(3), lattice, np.array([6, 6]), xyz, Quantity.ELECTRONS)
    assert gather_molecule(grid)[0] is grid
