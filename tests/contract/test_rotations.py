import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract.rotations import best, directions, rotate

DATA = Path(__file__).parents[1] / "data" / "lj_pc"
MOLECULES = Path(__file__).parents[2] / "afmbatch" / "molecules"


@given(n=st.integers(1, 200))
def test_directions_are_proper_rotations(n):
    r = directions(n)
    assert np.allclose(r @ r.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.linalg.det(r), 1.0)


def test_third_rows_spread_over_the_sphere():
    rows = directions(1000)[:, 2]
    assert np.abs(rows.mean(axis=0)).max() < 0.01
    nearest = np.sort(rows @ rows.T, axis=1)[:, -2]
    assert nearest.max() < 1.0 - 0.5 * (4 * np.pi / 1000) * 0.3  # no two closer than half the mean spacing


@pytest.mark.parametrize("name", ["camphor_rot_co", "bromobenzene_rot_xe"])
def test_a_direction_turns_a_molecule_as_the_reference_does(name):
    with np.load(DATA / f"{name}.npz") as f:
        case, expected = json.loads(str(f["case"])), f["xyz_input"]
    n, i = case["rotation"]
    xyz = ase.io.read(MOLECULES / f"{case['molecule']}.xyz", format="xyz").positions
    assert np.allclose(rotate(xyz, directions(n)[i]), expected, atol=1e-7)


def test_best_follows_the_formula():
    rng = np.random.default_rng(1)
    xyz, rotations = rng.normal(size=(17, 3)) * 3, directions(40)
    scores = []
    for r in rotations:
        z = [float(np.dot(r[2], p)) for p in xyz]
        scores.append(sum(np.exp(zi - max(z)) for zi in z))
    assert best(xyz, rotations, 12).tolist() == sorted(range(40), key=lambda i: -scores[i])[:12]


def test_ties_keep_their_order():
    """Seen from anywhere, one atom is one atom."""
    assert best(np.array([[0.3, -2.0, 1.0]]), directions(9), 9).tolist() == list(range(9))
