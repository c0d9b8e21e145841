"""Potentials and densities of the same structures find each other by name, or by order."""

import pytest

from afmbatch.errors import InvalidInput
from afmbatch.grids.grid import Quantity
from afmbatch.grids.ingest import NamedGrid
from afmbatch.grids.pairing import pair_grids, structure_key
from afmbatch.grids.staging import Staging
from tests.afmbatch.grids.writers import screened_water, water

DENSITY = water((6, 6, 6))
POTENTIAL = screened_water(DENSITY)
GRIDS = {Quantity.ELECTRONS: DENSITY, Quantity.POTENTIAL: POTENTIAL}


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("water.cube", "water"),
        ("rho.zip:sub/water.cube", "sub/water"),
        ("water.1.cube", "water.1"),
        ("a.tar:w1/CHGCAR", "w1"),
        ("a.tar:w1/LOCPOT", "w1"),
        ("CHGCAR_water", "water"),
        ("water_LOCPOT", "water"),
        ("LOCPOT", "."),
        ("CHGCAR.vasp", "."),
    ],
)
def test_the_key_of_a_structure(file, key):
    assert structure_key(file) == key


@pytest.fixture
def pairs(tmp_path):
    """A function that pairs potentials and densities of these names, and returns the names in each pair."""

    def pairs(potentials: str, densities: str) -> tuple[list[tuple[str, ...]], bool]:
        staging = Staging(tmp_path, 1 << 20)
        staged = [
            staging.add(NamedGrid(name, GRIDS[quantity], ()))
            for quantity, names in ((Quantity.ELECTRONS, densities), (Quantity.POTENTIAL, potentials))
            for name in names.split()
        ]
        found, by_order = pair_grids(staged)
        return [tuple(grid.named.name for grid in pair) for pair in found], by_order is not None

    return pairs


def test_by_name(pairs):
    assert pairs("b.xsf a.xsf", "x.zip:a.cube x.zip:b.cube") == (
        [("b.xsf", "x.zip:b.cube"), ("a.xsf", "x.zip:a.cube")],
        False,
    )


def test_by_order(pairs):
    assert pairs("v1.npz v2.npz", "r1.npz r2.npz") == ([("v1.npz", "r1.npz"), ("v2.npz", "r2.npz")], True)


def test_a_single_structure_needs_no_names(pairs):
    assert pairs("v.cube", "rho.cube") == ([("v.cube", "rho.cube")], False)


def test_grids_of_one_quantity_are_structures_of_their_own(pairs):
    assert pairs("", "a.cube a.cube") == ([("a.cube",), ("a.cube",)], False)
    assert pairs("a.cube b.cube", "") == ([("a.cube",), ("b.cube",)], False)


@pytest.mark.parametrize(
    ("potentials", "densities", "reason"),
    [
        ("a.v", "a.r b.r c.r d.r e.r", "no potential has the name of b.r, c.r, d.r and 1 more"),
        ("a.v b.v", "a.r c.r", "no density has the name of b.v; no potential has the name of c.r"),
        ("a.v b.v", "c.r d.r e.r", "2 potentials and 3 densities"),
        ("a.v a.w", "a.r b.r", "this file and a.v are potentials of the same name"),
    ],
)
def test_what_fits_no_pair(pairs, potentials, densities, reason):
    with pytest.raises(InvalidInput, match=reason):
        pairs(potentials, densities)
