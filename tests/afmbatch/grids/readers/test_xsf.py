"""XSF files: with and without repeated end points and structure, and what is wrong with broken ones."""

import io

import numpy as np
import pytest
from ase.io.xsf import read_xsf
from hypothesis import given, settings
from hypothesis import strategies as st

from afmbatch.grids.grid import Quantity
from tests.afmbatch.grids.reading import findings, read, refused
from tests.afmbatch.grids.writers import assert_same, screened_water, water, xsf

WATER = water((8, 7, 9))
POTENTIAL = screened_water(WATER)


@pytest.mark.parametrize("end_points", [(True, True, True), (False, False, False), (True, False, True)])
@pytest.mark.parametrize("kind", ["CRYSTAL", "ATOMS"])
@pytest.mark.parametrize("quantity", Quantity)
def test_written_and_read_back(end_points, kind, quantity):
    grid = WATER if quantity.canonical is Quantity.ELECTRONS else POTENTIAL
    named = read(xsf(grid, quantity, end_points, kind), "water.xsf", quantity)
    assert_same(named.grid, grid)
    assert ["dropped" in message for message in findings(named, "end_point")] == list(end_points)


def test_ase_reads_the_same():
    data, origin, span, atoms = read_xsf(io.StringIO(xsf(WATER).decode()), read_data=True)
    ours = read(xsf(WATER), "a.xsf").grid
    np.testing.assert_allclose(ours.values, data[:-1, :-1, :-1], rtol=1e-6)
    np.testing.assert_allclose(ours.lattice, span)
    np.testing.assert_allclose(ours.origin, origin)
    np.testing.assert_allclose(ours.xyz, atoms.positions)


def test_variants_of_the_keywords():
    text = xsf(WATER).decode()
    for old, new in (
        ("BEGIN_DATAGRID_3D_density", "DATAGRID_3D_density"),
        ("PRIMCOORD\n3 1\n8 ", "PRIMCOORD\n3\nO "),
        ("CRYSTAL", "\n\n  # again\nDIM-GROUP\n3 1"),
        ("CRYSTAL", "ANIMSTEPS 1\nCRYSTAL"),
        ("CRYSTAL\nPRIMVEC", "crystal\nprimvec"),
        ("\nEND_DATAGRID", " END_DATAGRID"),
    ):
        assert old in text
        assert_same(read(text.replace(old, new).encode(), "a.xsf").grid, WATER)


def test_further_grids_are_ignored_and_told():
    text = xsf(WATER)
    start, end = text.index(b"BEGIN_DATAGRID_3D"), text.index(b"END_BLOCK")
    named = read(text[:end] + 2 * text[start:end] + text[end:], "a.xsf")
    assert_same(named.grid, WATER)
    (message,) = findings(named, "ignored_blocks")
    assert "2 more data grids" in message


def test_a_grid_that_spans_another_cell_is_told():
    text = xsf(WATER).decode().replace("PRIMVEC\n  6.0", "PRIMVEC\n  7.0").replace("PRIMVEC\n6.0", "PRIMVEC\n7.0")
    assert "differ from the cell" in findings(read(text.encode(), "a.xsf"), "cell")[0]


@settings(max_examples=25)
@given(st.integers(0, len(xsf(WATER)) - 60))
def test_a_file_cut_anywhere_is_refused(end):
    assert refused(xsf(WATER)[:end], "water.xsf").field.startswith("water.xsf")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("\n9 8 10\n", "\n9 8 11\n", "value 721 is not a number"),
        ("\n9 8 10\n", "\n9 8 9\n", "END_DATAGRID_3D is expected after the 648 values"),
        ("\n9 8 10\n", "\n9 8\n", "the numbers of points along the three axes expected here"),
        ("PRIMCOORD\n3 1\n", "PRIMCOORD\n4 1\n", "an atom is expected here"),
        ("PRIMCOORD\n3 1\n8 ", "PRIMCOORD\n3 1\nXx ", "unknown element"),
        ("CRYSTAL", "ANIMSTEPS 2\nCRYSTAL", "animation"),
        ("CONVVEC\n6.0000000000", "CONVVEC\nsix", "a lattice vector expected here"),
    ],
)
def test_broken_files(old, new, reason):
    text = xsf(WATER).decode()
    assert old in text
    fault = refused(text.replace(old, new, 1).encode(), "water.xsf")
    assert reason in fault.reason
    assert "line" in fault.field


def test_a_file_without_grid():
    text = xsf(WATER)
    fault = refused(text[: text.index(b"BEGIN_BLOCK")], "water.xsf")
    assert "the file ends where a data grid (BEGIN_DATAGRID_3D) should be" in fault.reason
