"""VASP's files: densities times the volume, potentials as they are, further blocks ignored and told."""

import numpy as np
import pytest
from ase.calculators.vasp import VaspChargeDensity

from afmbatch.grids.grid import Quantity
from tests.afmbatch.grids.reading import findings, read, refused
from tests.afmbatch.grids.writers import SKEWED, assert_same, chgcar, numbers, screened_water, water

WATER = water((8, 7, 9), origin=np.zeros(3))
POTENTIAL = screened_water(WATER)
AUGMENTATION = "augmentation occupancies   1  4\n 0.1E+00 0.2E+00 -0.1E+00 0.3E+00\n"


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("symbols", ["O H", "O_s H/0123abcd", None])
@pytest.mark.parametrize("scale", [1.0, 1.25, -float(np.linalg.det(SKEWED))])
@pytest.mark.parametrize("name", ["CHGCAR", "run.zip:a/CHG_1", "AECCAR2", "renamed.dat"])
def test_a_density(direct, symbols, scale, name):
    named = read(chgcar(WATER, direct=direct, symbols=symbols, scale=scale), name)
    assert_same(named.grid, WATER)
    assert named.findings == ()


@pytest.mark.parametrize("name", ["LOCPOT", "locpot.vasp", "renamed.dat"])
def test_a_potential_is_not_divided_by_the_volume(name):
    named = read(chgcar(POTENTIAL, Quantity.ELECTRON_ENERGY), name, Quantity.ELECTRON_ENERGY)
    assert_same(named.grid, POTENTIAL)


def test_three_scale_factors_and_selective_dynamics():
    text = (
        chgcar(WATER)
        .decode()
        .replace("  1.0000000000\n", " 2.0 1.0 1.0\n")
        .replace("Direct", "Selective dynamics\nDirect")
    )
    lines = text.split("\n")
    for i in (2, 3, 4):
        first, rest = lines[i].split(" ", 1)
        lines[i] = f"{float(first) / 2:.12f} {rest}"
    assert_same(read("\n".join(lines).encode(), "CHGCAR").grid, WATER)


def test_blocks_after_the_grid():
    shape = " ".join(map(str, WATER.shape)) + "\n"
    spin = "  0.1E+01  0.2E+01\n  " + shape + numbers(WATER.values)
    named = read(chgcar(WATER, further=AUGMENTATION + spin), "CHGCAR")
    assert_same(named.grid, WATER)
    assert findings(named, "ignored_blocks") == [
        "the augmentation occupancies after the grid were ignored",
        "1 further grids of the same size (spin density) were ignored",
    ]


def test_ase_reads_the_same_density(tmp_path):
    path = tmp_path / "CHGCAR"
    path.write_bytes(chgcar(WATER))
    theirs = VaspChargeDensity(str(path))
    ours = read(path.read_bytes(), "CHGCAR").grid
    np.testing.assert_allclose(ours.values, theirs.chg[0], rtol=1e-6)
    np.testing.assert_allclose(ours.xyz, theirs.atoms[0].positions, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "quantity", "reason"),
    [
        ("LOCPOT", Quantity.ELECTRONS, "holds the potential energy of an electron"),
        ("x.zip:LOCPOT", Quantity.CHARGE, "holds the potential energy of an electron"),
        ("CHGCAR", Quantity.POTENTIAL, "holds an electron density times the cell's volume"),
        ("AECCAR0", Quantity.ELECTRON_ENERGY, "holds an electron density times the cell's volume"),
    ],
)
def test_a_name_that_contradicts_the_quantity(name, quantity, reason):
    assert reason in refused(chgcar(WATER), name, quantity).reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("\n8 7 9\n", "\n8 7 10\n", "the file ends after 504 of 560 values"),
        ("\n8 7 9\n", "\n8 7\n", "the numbers of grid points along the three axes expected here"),
        (" 1 2\nD", " 1 3\nD", "one of the positions above is not three numbers"),
        (" 1 2\nD", " 1 2 3\nD", "3 numbers of atoms, but 2 element symbols"),
        ("O H\n 1 2", "O Xx\n 1 2", "unknown element"),
        ("O H\n 1 2", "O H\n 1 x", "the numbers of atoms of each element are expected here"),
        ("E+", "*", "is not a number"),
    ],
)
def test_broken_files(old, new, reason):
    text = chgcar(WATER).decode()
    assert old in text
    fault = refused(text.replace(old, new, 1).encode(), "CHGCAR")
    assert reason in fault.reason


def test_symbols_that_are_nowhere():
    text = chgcar(WATER, symbols=None).decode().replace("O H", "unknown system here", 1)
    assert "2 numbers of atoms, but 3 element symbols" in refused(text.encode(), "CHGCAR").reason
