"""Checks accept good grids with true findings, and refuse wrong units, signs, cells and atoms with the numbers."""

from dataclasses import replace

import numpy as np
import pytest

from afmbatch.errors import InvalidInput
from afmbatch.grids.checks import check_atoms, check_bonds, check_place, check_same_frame, check_sign
from afmbatch.grids.cores import clip_cores
from afmbatch.grids.electron_count import DIFFERENCE, check_electron_count, check_not_density
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.poisson import check_poisson
from afmbatch.grids.units import BOHR, HARTREE
from tests.afmbatch.grids.writers import periodic_gaussians, screened_water, water

WATER = water((30, 26, 34))
POTENTIAL = screened_water(WATER)


def scaled(grid: Grid, factor: float) -> Grid:
    return replace(grid, values=(grid.values * factor).astype(np.float32))


def test_a_grid_holds_canonical_quantities_only():
    with pytest.raises(ValueError, match="not charge"):
        replace(WATER, quantity=Quantity.CHARGE)


def test_geometry_of_a_skewed_cell():
    assert WATER.cell_volume == pytest.approx(6.0 * 5.2 * 7.0)
    assert WATER.voxel_volume == pytest.approx(WATER.cell_volume / (30 * 26 * 34))
    assert WATER.integral() == pytest.approx(8, abs=1e-4)
    a, b, c = WATER.lattice
    assert WATER.heights[0] == pytest.approx(WATER.cell_volume / np.linalg.norm(np.cross(b, c)))
    assert WATER.heights[2] == pytest.approx(WATER.cell_volume / np.linalg.norm(np.cross(a, b)))


class TestElectronCount:
    @pytest.mark.parametrize(
        ("factor", "told", "warning"),
        [
            (1.0, "a valence density", False),
            (1.01, "a valence density", False),
            (10 / 8, "an all-electron density", False),
            (9 / 8, "semicore electrons or other pseudopotentials", True),
            (7 / 8, "a charged structure", True),
        ],
    )
    def test_possible_counts(self, factor, told, warning):
        (finding,) = check_electron_count(scaled(WATER, factor), "f")
        assert told in finding.message
        assert finding.warning == warning
        assert f"{8 * factor:.2f} electrons" in finding.message
        assert finding.numbers["electrons"] == pytest.approx(8 * factor, abs=1e-3)
        assert finding.numbers["nuclear_charge"] == 10
        assert finding.numbers["usual_valence"] == 8

    @pytest.mark.parametrize(
        ("factor", "explained"),
        [
            (BOHR**-3, "values in e/Å³ had been taken for e/bohr³"),
            (BOHR**3, "values in e/bohr³ had been taken for e/Å³"),
            (HARTREE, "multiplied by 27.2114 as if they were energies"),
            (HARTREE * BOHR**3, "values in e/bohr³ had been multiplied by 27.2114"),
            (WATER.cell_volume, "multiplied by the cell's volume, as in a CHGCAR"),
            (1 / WATER.cell_volume, "divided by the cell's volume"),
            (-1, "their sign were the opposite"),
            (100, "which no common mistake in units explains"),
        ],
    )
    @pytest.mark.parametrize("electrons", [8, 10])
    def test_mistakes_are_explained(self, factor, explained, electrons):
        with pytest.raises(InvalidInput) as info:
            check_electron_count(scaled(WATER, factor * electrons / 8), "f")
        (fault,) = info.value.field_errors
        assert explained in fault.reason
        assert fault.value == f"{factor * electrons:.4g} electrons"
        assert "5.8 to 12.2 electrons" in fault.accepted

    def test_a_neutral_difference(self):
        spread = periodic_gaussians(WATER.shape, WATER.lattice, WATER.origin, WATER.xyz, (6, 1, 1), 0.5)
        difference = replace(WATER, values=WATER.values - spread.astype(np.float32))
        (finding,) = check_electron_count(difference, "f")
        assert finding.subject == DIFFERENCE
        assert "a neutral difference of densities" in finding.message
        assert not finding.warning

    def test_a_potential_is_no_difference(self):
        with pytest.raises(InvalidInput, match="no common mistake"):
            check_electron_count(replace(POTENTIAL, quantity=Quantity.ELECTRONS), "f")

    def test_negative_values_are_told(self):
        values = WATER.values - np.float32(0.01)
        told = check_electron_count(replace(WATER, values=values), "f")
        assert told[-1].subject == "negative_density"
        assert told[-1].warning

    def test_a_density_is_no_potential(self):
        with pytest.raises(InvalidInput, match="they are a density"):
            check_not_density(replace(WATER, quantity=Quantity.POTENTIAL), "f")
        check_not_density(POTENTIAL, "f")
        check_not_density(replace(POTENTIAL, values=POTENTIAL.values + np.float32(100)), "f")


def sharp_cores() -> Grid:
    values = WATER.values.copy()
    points = np.rint(WATER.fractions * WATER.shape).astype(int) % WATER.shape
    values[tuple(points[0])] = 3000.0
    return replace(WATER, values=values)


def test_aliased_cores_are_told_and_clipped():
    grid = sharp_cores()
    (finding,) = check_electron_count(grid, "f")
    assert "too sharp for this grid" in finding.message
    assert finding.warning
    (clipped,) = clip_cores(grid)
    assert grid.values.max() == 100
    assert "at 1 grid points (largest 3000 e/Å³)" in clipped.message
    assert clipped.numbers["electrons_after"] == pytest.approx(grid.integral())
    assert clip_cores(grid) == ()
    assert clip_cores(POTENTIAL) == ()


class TestAtoms:
    def test_good_atoms(self):
        check_atoms(WATER, "f")

    def test_no_atoms(self):
        with pytest.raises(InvalidInput, match="the file names no atoms"):
            check_atoms(replace(WATER, z=WATER.z[:0], xyz=WATER.xyz[:0]), "f")

    @pytest.mark.parametrize("coordinate", [1e5, -np.inf, np.nan])
    def test_atoms_far_away(self, coordinate):
        xyz = WATER.xyz.copy()
        xyz[1, 2] = coordinate
        with pytest.raises(InvalidInput, match="atom 2 is far away"):
            check_atoms(replace(WATER, xyz=xyz), "f")

    def test_atoms_upon_each_other(self):
        xyz = WATER.xyz.copy()
        xyz[2] = xyz[0] + [0.1, 0.0, 0.0]
        with pytest.raises(InvalidInput, match=r"atoms 1 and 3 are 0\.100 Å apart; "):
            check_atoms(replace(WATER, xyz=xyz), "f")

    def test_atoms_upon_each_other_across_a_face(self):
        fractions = np.array([[0.01, 0.3, 0.3], [0.5, 0.5, 0.5], [0.99, 0.3, 0.3]])
        grid = replace(WATER, xyz=WATER.origin + fractions @ WATER.lattice)
        with pytest.raises(InvalidInput, match=r"atoms [13] and [13] are 0\.120 Å apart, periodic images included"):
            check_atoms(grid, "f")


class TestBonds:
    def test_water(self):
        (finding,) = check_bonds(WATER, "f")
        assert not finding.warning
        assert "1 (O) and 3 (H)" in finding.message

    def test_confused_units(self):
        scaled_cell = replace(WATER, xyz=WATER.origin + (WATER.xyz - WATER.origin) * BOHR, lattice=WATER.lattice * BOHR)
        with pytest.raises(InvalidInput, match="taken for bohr"):
            check_bonds(scaled_cell, "f")
        scaled_cell = replace(WATER, xyz=WATER.origin + (WATER.xyz - WATER.origin) / BOHR, lattice=WATER.lattice / BOHR)
        (finding,) = check_bonds(scaled_cell, "f")
        assert finding.warning

    def test_bonds_across_a_face(self):
        fractions = WATER.fractions.copy()
        fractions[1] += [1, 0, -1]
        (finding,) = check_bonds(replace(WATER, xyz=WATER.origin + fractions @ WATER.lattice), "f")
        assert not finding.warning

    def test_a_single_atom(self):
        assert check_bonds(replace(WATER, z=WATER.z[:1], xyz=WATER.xyz[:1]), "f") == ()


class TestPlace:
    def test_good_grids(self):
        assert check_place(WATER, "f") == ()
        assert check_place(POTENTIAL, "f") == ()

    def test_periodic_images_count(self):
        moved = replace(WATER, xyz=WATER.xyz + WATER.lattice[0] - 2 * WATER.lattice[2])
        assert check_place(moved, "f") == ()

    @pytest.mark.parametrize("grid", [WATER, POTENTIAL])
    def test_atoms_elsewhere(self, grid):
        moved = replace(grid, xyz=grid.xyz + 0.4 * grid.lattice[2])
        with pytest.raises(InvalidInput, match="from the nearest atom: cell, origin, axes or atoms are not those"):
            check_place(moved, "f")

    def test_atoms_in_bohr(self):
        grid = water((30, 26, 34), np.diag([12.0, 10.0, 14.0]), origin=np.zeros(3))
        with pytest.raises(InvalidInput, match="Å from the nearest atom"):
            check_place(replace(grid, xyz=grid.xyz / BOHR), "f")

    def test_an_atom_without_density_is_told(self):
        far = np.array([[0.0, 0.0, 0.0]]) + WATER.origin
        grid = replace(WATER, z=np.append(WATER.z, 11), xyz=np.concatenate([WATER.xyz, far]))
        (finding,) = check_place(grid, "f")
        assert finding.warning
        assert "at 1 of 4 atoms (the first is atom 4)" in finding.message


def test_the_sign_of_a_potential():
    (finding,) = check_sign(POTENTIAL, "f")
    assert "at 3 of 3 nuclei" in finding.message
    assert not finding.warning
    with pytest.raises(InvalidInput) as info:
        check_sign(scaled(POTENTIAL, -1), "f")
    (fault,) = info.value.field_errors
    assert fault.value == "0 of 3 nuclei"
    assert "the sign is wrong" in fault.reason
    assert "electron_energy for values that are negative there" in fault.accepted


class TestPoisson:
    def test_a_potential_of_its_density(self):
        (finding,) = check_poisson(WATER, POTENTIAL, "f")
        assert not finding.warning
        assert finding.numbers["factor"] == pytest.approx(1, abs=0.1)
        assert finding.numbers["correlation"] > 0.98

    @pytest.mark.parametrize(
        ("factor", "cause"),
        [
            (1 / HARTREE, "it is in Hartree"),
            (2 / HARTREE, "it is in Rydberg"),
            (HARTREE, "it was converted from Hartree twice"),
            (-1, "it has the wrong sign"),
            (-1 / HARTREE, "it is in Hartree and has the wrong sign"),
            (5, "times that of the density"),
        ],
    )
    def test_wrong_units(self, factor, cause):
        with pytest.raises(InvalidInput, match=cause):
            check_poisson(WATER, scaled(POTENTIAL, factor), "f")

    def test_a_potential_of_something_else(self):
        noise = np.random.default_rng(0).normal(size=WATER.shape).astype(np.float32)
        (finding,) = check_poisson(WATER, replace(POTENTIAL, values=noise), "f")
        assert finding.warning
        assert "the two are not proportional" in finding.message

    def test_exchange_in_a_potential_is_told(self):
        exchange = -HARTREE * (3 / np.pi * WATER.values * BOHR**3) ** (1 / 3)  # Slater's, energy of an electron
        (finding,) = check_poisson(WATER, replace(POTENTIAL, values=POTENTIAL.values - exchange), "f")
        assert finding.warning
        assert "contains exchange and correlation" in finding.message

    def test_too_few_points(self):
        (finding,) = check_poisson(scaled(WATER, 1e-3), POTENTIAL, "f")
        assert "too few points" in finding.message


class TestSameFrame:
    def test_the_same(self):
        check_same_frame(WATER, "a", POTENTIAL, "b")
        moved = replace(POTENTIAL, xyz=POTENTIAL.xyz + POTENTIAL.lattice[0])
        check_same_frame(WATER, "a", moved, "b")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"values": POTENTIAL.values[:-1]}, "different numbers of points: 30×26×34 and 29×26×34"),
            ({"lattice": POTENTIAL.lattice * 1.01}, "differ in their cell by 0.07 Å"),
            ({"origin": POTENTIAL.origin + 0.1}, "differ in their origin by 0.1 Å"),
            ({"z": np.array([8, 1, 2])}, "belong to different atoms"),
            ({"z": POTENTIAL.z[:2], "xyz": POTENTIAL.xyz[:2]}, "belong to different atoms"),
            (
                {"xyz": POTENTIAL.xyz + 0.2 * np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])},
                "atom 2 has positions 0.2 Å apart",
            ),
        ],
    )
    def test_different(self, changes, reason):
        with pytest.raises(InvalidInput) as info:
            check_same_frame(WATER, "a", replace(POTENTIAL, **changes), "b")
        (fault,) = info.value.field_errors
        assert reason in fault.reason
        assert fault.field == "a and b"

    def test_all_differences_are_named(self):
        other = replace(POTENTIAL, values=POTENTIAL.values[:-1], lattice=POTENTIAL.lattice * 2)
        with pytest.raises(InvalidInput) as info:
            check_same_frame(WATER, "a", other, "b")
        assert len(info.value.field_errors) == 2
