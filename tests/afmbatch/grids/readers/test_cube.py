"""Cube files: both units, orbital line, and what is wrong with broken ones."""

import io

import numpy as np
import pytest
from ase.io.cube import read_cube
from hypothesis import given, settings
from hypothesis import strategies as st

from afmbatch.grids.grid import Quantity
from afmbatch.grids.units import BOHR
from tests.afmbatch.grids.reading import findings, read, refused
from tests.afmbatch.grids.writers import assert_same, cube, screened_water, water, with_end_points

WATER = water((8, 7, 9))
POTENTIAL = screened_water(WATER)


@pytest.mark.parametrize("bohr", [True, False])
@pytest.mark.parametrize("orbital", [True, False])
@pytest.mark.parametrize("quantity", Quantity)
def test_written_and_read_back(bohr, orbital, quantity):
    grid = WATER if quantity.canonical is Quantity.ELECTRONS else POTENTIAL
    named = read(cube(grid, quantity, bohr, orbital), "water.cube", quantity)
    assert named.name == "water.cube"
    assert_same(named.grid, grid)
    assert findings(named, "end_point") == [
        f"axis {axis}, {n} points: no repeated end point" for axis, n in zip("abc", grid.shape, strict=True)
    ]


def test_ase_reads_the_same_from_a_file_in_bohr():
    text = cube(WATER).decode()
    theirs = read_cube(io.StringIO(text))
    ours = read(text.encode(), "a.cube").grid
    np.testing.assert_allclose(ours.values, theirs["data"] / BOHR**3, rtol=1e-6)
    np.testing.assert_allclose(ours.lattice, theirs["atoms"].cell[:], rtol=1e-6)
    np.testing.assert_allclose(ours.xyz, theirs["atoms"].positions, rtol=1e-6)
    np.testing.assert_allclose(ours.origin, theirs["origin"], rtol=1e-6)


def test_a_fifth_number_in_the_third_line():
    lines = cube(WATER).decode().split("\n")
    lines[2] += " 1"
    assert_same(read("\n".join(lines).encode(), "a.cube").grid, WATER)
    lines[2] = lines[2][:-1] + "2"
    assert "several values for each grid point" in refused("\n".join(lines).encode(), "a.cube").reason


def test_fortran_exponents_and_windows_lines():
    data = cube(WATER).replace(b"E-0", b"D-0").replace(b"\n", b"\r\n")
    assert_same(read(data, "a.cube").grid, WATER)


def test_a_repeated_end_point_is_dropped():
    lines = cube(WATER).decode().split("\n")
    for i in range(3):
        count, vector = lines[3 + i].split(" ", 1)
        lines[3 + i] = f"{int(count) + 1} {vector}"
    values = with_end_points(WATER.values.astype(float)) * BOHR**3
    text = "\n".join(lines[:9] + [f"{v:.9E}" for v in values.ravel()])
    named = read(text.encode(), "castep.cube")
    assert_same(named.grid, WATER)
    assert all("dropped" in message for message in findings(named, "end_point"))


@settings(max_examples=25)
@given(st.integers(0, len(cube(WATER)) - 20))
def test_a_file_cut_anywhere_is_refused(end):
    fault = refused(cube(WATER)[:end], "water.cube")
    assert fault.field.startswith("water.cube")


def edited(line: int, old: str, new: str) -> bytes:
    lines = cube(WATER).decode().split("\n")
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("data", "field", "reason"),
    [
        (cube(WATER) + b" 1.0\n", "line", "more than the 504 values of its 8×7×9 points"),
        (edited(3, "8 ", "9 "), "line", "the file ends after 504 of 567 values"),
        (edited(3, "8 ", "-8 "), "line 6", "different signs"),
        (edited(3, "8 ", "99999 "), "line 6", "too many points"),
        (edited(3, "1.4", "1400.4"), "line 6", "a lattice vector is longer than 1000 Å"),
        (edited(2, "3 ", "3.5 "), "line 3", "not a whole number"),
        (edited(2, "3 ", "999999999 "), "line 3", "impossible number of atoms"),
        (edited(6, "8 ", "999 "), "line 9", "unknown element"),
        (edited(7, "1 ", "x "), "line 8", "atomic number, charge and position expected here"),
        (edited(12, "E", "?"), "line 13", "is not a number"),
        (edited(12, " ", " nan "), "water.cube", "is not a finite number"),
        (cube(WATER).split(b"\n", 3)[3], "line 4", "a voxel vector expected here"),
        (cube(WATER, orbital=True).replace(b"\n1 27\n", b"\n2 27 28\n"), "line 10", "several orbitals"),
    ],
)
def test_broken_files(data, field, reason):
    fault = refused(data, "water.cube")
    assert reason in fault.reason
    assert field in fault.field


def test_vectors_in_one_plane():
    lines = cube(WATER).decode().split("\n")
    lines[5] = "9 " + lines[4].split(" ", 1)[1]
    assert "do not span a volume" in refused("\n".join(lines).encode(), "a.cube").reason


def test_a_missing_quantity():
    assert "no quantity was given" in refused(cube(WATER), "a.cube", None).reason
