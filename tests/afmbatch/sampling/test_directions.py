import json
import math
from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afmbatch.sampling.directions import best_directions, directions, rotate, scores
from afmbatch.structures.structures import Structures

DATA = Path(__file__).parents[2] / "data" / "lj_pc"
MOLECULES = Path(__file__).parents[3] / "afmbatch" / "molecules"


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


def packed(molecules):
    """Return structures with these positions, (N, 3) each."""
    xyz = np.concatenate(molecules)
    offsets = np.concatenate([[0], np.cumsum([len(m) for m in molecules])])
    zero = np.zeros(len(xyz))
    return Structures(xyz=xyz, q=zero, z=zero.astype(int), offsets=offsets, names=np.array(["m"] * len(molecules)))


def one_at_a_time(xyz, rotations, n):
    """Return the best rotations by the formula of physics.md §6; scores equal to 1e-9 keep their order."""
    scores = []
    for r in rotations:
        z = [float(r[2, 0] * x + r[2, 1] * y + r[2, 2] * z) for x, y, z in xyz]
        scores.append(round(sum(math.exp(zi - max(z)) for zi in z), 9))
    return sorted(range(len(rotations)), key=lambda i: -scores[i])[:n]


def molecules(max_atoms):
    """Random clusters of 1 to `max_atoms` atoms; some have mirror images of their atoms, which give equal scores."""
    return st.tuples(st.integers(0, 2**32), st.integers(1, max_atoms), st.booleans()).map(
        lambda t: np.random.default_rng(t[0]).normal(size=(t[1], 3)) * 3 if not t[2] else mirrored(*t[:2])
    )


def mirrored(seed, n):
    half = np.random.default_rng(seed).normal(size=(n, 3)) * 3
    return np.concatenate([half, -half])


@given(some=st.lists(molecules(40), min_size=1, max_size=8), m=st.integers(1, 60), data=st.data())
def test_best_follows_the_formula(some, m, data):
    rotations, n = directions(m), data.draw(st.integers(1, m))
    chosen = np.array(data.draw(st.lists(st.integers(0, len(some) - 1), min_size=1, max_size=10)))
    expected = [one_at_a_time(some[s], rotations, n) for s in chosen]
    assert best_directions(packed(some), chosen, rotations, n).tolist() == expected


@given(some=st.lists(molecules(300), min_size=1, max_size=60))
@settings(max_examples=20)
def test_a_choice_is_the_same_alone_and_among_others(some):
    """Test more structures than are scored in one call, of very different sizes."""
    structures, rotations = packed(some), directions(100)
    all_at_once = best_directions(structures, np.arange(len(some)), rotations, 30)
    for s in range(len(some)):
        assert np.array_equal(best_directions(structures, np.array([s]), rotations, 30)[0], all_at_once[s])


@given(some=st.lists(molecules(50), min_size=1, max_size=9), m=st.integers(1, 120), room=st.integers(1, 5000))
def test_a_score_is_the_same_to_the_bit_whatever_it_is_made_with(some, m, room):
    """Test a structure alone and with others, and directions in one call and one by one."""
    row = directions(m)[:, 2]
    sizes = np.array([len(xyz) for xyz in some])
    padded = np.stack([np.pad(xyz, ((0, sizes.max() - len(xyz)), (0, 0)), mode="edge") for xyz in some], axis=1)
    repeated = np.arange(sizes.max())[:, None] >= sizes
    all_at_once = scores(padded, repeated, row, np.empty((2, max(room, padded.shape[0] * padded.shape[1]))))
    for xyz, among in zip(some, all_at_once, strict=True):
        alone = scores(xyz[:, None], np.zeros((len(xyz), 1), dtype=bool), row, np.empty((2, len(xyz) * m)))
        assert alone[0].tobytes() == among.tobytes()


def test_best_of_every_shipped_molecule_follows_the_formula():
    """Many of these are symmetric and have equal scores."""
    some = [ase.io.read(path, format="xyz").positions for path in sorted(MOLECULES.glob("*.xyz"))]
    expected = [one_at_a_time(xyz, directions(100), 30) for xyz in some]
    assert best_directions(packed(some), np.arange(len(some)), directions(100), 30).tolist() == expected


def test_equal_scores_keep_their_order():
    """A single atom has the same score in every direction."""
    atom = packed([np.array([[0.3, -2.0, 1.0]])])
    assert best_directions(atom, np.array([0]), directions(9), 9).tolist() == [list(range(9))]
