"""Real files and whole structures: read, checked, prepared."""

import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from afmbatch.errors import InvalidInput
from afmbatch.grids.grid import Quantity
from afmbatch.grids.ingest import NamedGrid, check_grid, prepare_sample
from tests.afmbatch.grids.reading import findings, read
from tests.afmbatch.grids.writers import screened_water, water

DATA = Path(__file__).parents[2] / "data" / "fdbm"
DENSITY, POTENTIAL = "hcooh_valence_density.cube.xz", "hcooh_valence_potential.xsf.xz"
TIP, TIP_DELTA, ALL_ELECTRON = "CO_tip_density.cube.xz", "CO_tip_delta_density.xsf.xz", "hcooh_allelectron.npz"


def real(name: str, quantity: Quantity | None) -> NamedGrid:
    return read((DATA / name).read_bytes(), name, quantity)


def test_a_real_sample():
    density, potential = real(DENSITY, Quantity.ELECTRONS), real(POTENTIAL, Quantity.ELECTRON_ENERGY)
    for named in (density, potential):
        assert named.grid.shape == (40, 38, 36)
        assert named.grid.z.tolist() == [8, 6, 8, 1, 1]
        np.testing.assert_allclose(named.grid.lattice, np.diag([16.0, 15.2, 14.4]), atol=1e-6)
    density, potential = prepare_sample([density, potential])
    assert "18.02 electrons" in findings(density, "electron_count")[0]
    assert "24, 18 of them usually valence: a valence density" in findings(density, "electron_count")[0]
    assert "at 5 of 5 nuclei" in findings(potential, "potential_sign")[0]
    assert all("dropped" in message for message in findings(potential, "end_point"))
    assert "symmetry of the atoms decided" in findings(potential, "end_point")[2]  # a flat molecule at half height
    assert "0.96" in findings(potential, "poisson")[0]
    assert not any(f.warning for named in (density, potential) for f in named.findings)


def test_the_numbers_of_a_real_text():
    text = lzma.decompress((DATA / DENSITY).read_bytes()).decode()
    numbers = np.array(text.split("\n", 11)[11].split(), float) * 0.529177210903**-3
    assert (real(DENSITY, Quantity.ELECTRONS).grid.values.ravel() == numbers.astype(np.float32)).all()


def test_a_real_tip():
    tip, delta = check_grid(real(TIP, Quantity.ELECTRONS)), check_grid(real(TIP_DELTA, Quantity.ELECTRONS))
    assert tip.grid.shape == delta.grid.shape == (24, 26, 30)
    assert tip.grid.xyz[0].tolist() == [0, 0, 0]
    assert "9.45 electrons" in findings(tip, "electron_count")[0]
    assert "a neutral difference of densities" in findings(delta, "difference_density")[0]


def test_real_cores_are_clipped():
    (named,) = prepare_sample([real(ALL_ELECTRON, None)])
    assert named.grid.values.max() == 100
    assert "38.65 electrons" in findings(named, "electron_count")[0]
    assert "fell from 38.65 to 21.93 electrons" in findings(named, "clipped_cores")[0]


@pytest.mark.parametrize(
    ("name", "quantity", "reason"),
    [
        (DENSITY, Quantity.CHARGE, "their sign were the opposite"),
        (DENSITY, Quantity.POTENTIAL, "they are a density"),
        (DENSITY, Quantity.ELECTRON_ENERGY, "the sign is wrong"),
        (POTENTIAL, Quantity.POTENTIAL, "the sign is wrong"),
        (POTENTIAL, Quantity.ELECTRONS, "no common mistake in units explains"),
    ],
)
def test_a_wrong_quantity_is_refused(name, quantity, reason):
    with pytest.raises(InvalidInput, match=reason):
        prepare_sample([real(name, quantity)])


def test_bohr_called_angstrom_are_told():
    lines = lzma.decompress((DATA / DENSITY).read_bytes()).decode().split("\n")
    for i in (3, 4, 5):  # negative counts
        lines[i] = "-" + lines[i].strip()
    named = check_grid(read("\n".join(lines).encode(), "a.cube"))
    (finding,) = (f for f in named.findings if f.subject == "shortest_distance")
    assert finding.warning
    assert "no two atoms are bonded" in finding.message


def test_angstrom_called_bohr_are_refused():
    lines = lzma.decompress((DATA / DENSITY).read_bytes()).decode().split("\n")
    for i in range(2, 11):
        words = lines[i].split()
        first = 1 if i < 6 else 2
        lines[i] = " ".join(words[:first] + [f"{float(word) * 0.529177:.8f}" for word in words[first:]])
    with pytest.raises(InvalidInput, match="are these positions in Å that were taken for bohr"):
        check_grid(read("\n".join(lines).encode(), "a.cube"))


def test_grids_of_different_structures():
    sample, tip = real(DENSITY, Quantity.ELECTRONS), real(TIP, Quantity.ELECTRONS)
    with pytest.raises(InvalidInput) as info:
        prepare_sample([sample, tip])
    reasons = [fault.reason for fault in info.value.field_errors]
    assert "the grids have different numbers of points: 40×38×36 and 24×26×30" in reasons
    assert "the grids belong to different atoms" in reasons


def test_all_grids_of_a_structure_are_gathered_alike():
    density = water((30, 26, 34), np.diag([8.0, 7.0, 9.0]))
    grids = [density, screened_water(density)]
    shift = (15, 3, 10)
    moved = []
    for grid in grids:
        fractions = grid.fractions + np.array(shift) / grid.shape
        xyz = grid.origin + (fractions - np.floor(fractions)) @ grid.lattice
        moved.append(NamedGrid("f", replace(grid, values=np.roll(grid.values, shift, (0, 1, 2)), xyz=xyz), ()))
    prepared = prepare_sample(moved)
    assert (prepared[0].grid.xyz == prepared[1].grid.xyz).all()
    for named, original in zip(prepared, grids, strict=True):
        assert findings(named, "unwrapped")
        offset = np.rint((named.grid.fractions - original.fractions)[0] * original.shape).astype(int)
        assert (named.grid.values == np.roll(original.values, offset, (0, 1, 2))).all()
