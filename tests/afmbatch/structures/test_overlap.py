"""Both algorithms that find atoms on top of each other, compared with the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.structures import overlap
from afmbatch.structures.overlap import TOO_CLOSE, nearest_image, too_close
from afmbatch.structures.structures import Structures

WAYS = [overlap._by_pairs, overlap._by_cells]


@pytest.mark.parametrize("way", WAYS)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), box=st.floats(0.2, 20.0))
def test_finds_a_pair_where_there_is_one(way, seed, n, box):
    xyz = np.random.default_rng(seed).uniform(-box, box, (n, 3))
    distance = np.linalg.norm(xyz[:, None] - xyz, axis=2)
    near = np.triu(distance < TOO_CLOSE, 1)
    pair = way(xyz)
    assert (pair is None) == (not near.any())
    assert pair is None or near[pair]


@pytest.mark.parametrize("way", WAYS)
@given(st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda d: np.linalg.norm(d) > 0.01))
def test_direction_does_not_matter(way, d):
    unit = np.array(d) / np.linalg.norm(d)
    far = np.array([[50.0, -70.0, 20.0]])
    assert way(np.vstack([np.zeros(3), 0.299 * unit, far])) == (0, 1)
    assert way(np.vstack([np.zeros(3), 0.301 * unit, far])) is None


@given(seed=st.integers(0, 2**32 - 1), box=st.tuples(*[st.sampled_from([0.01, 0.2, 0.5, 9.0])] * 3))
def test_flat_and_thin_boxes(seed, box):
    xyz = np.random.default_rng(seed).uniform(0, box, (8, 3))
    assert (overlap._by_cells(xyz) is None) == (overlap._by_pairs(xyz) is None)


@pytest.mark.parametrize("xyz", [np.zeros((50_000, 3)), np.repeat(np.random.default_rng(0).random((500, 3)), 100, 0)])
def test_many_atoms_in_one_place(xyz):
    assert too_close(xyz) is not None


def test_many_atoms_apart():
    grid = np.stack(np.meshgrid(*[np.arange(30) * 0.31] * 3), -1).reshape(-1, 3)
    assert too_close(grid) is None
    grid[12_345] += 0.02
    i, j = too_close(grid)
    assert i < j
    assert 12_345 in (i, j)


@given(
    lattice=st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=3, max_size=3),
    npbc=st.tuples(*[st.integers(0, 2)] * 3),
)
def test_images_of_an_atom_are_as_near_as_two_of_them(lattice, npbc):
    lattice = np.array(lattice)
    one = Structures(
        xyz=np.zeros((1, 3)), q=np.zeros(1), z=np.ones(1, int), offsets=np.arange(2), names=np.array(["H"])
    )
    xyz = one.repeated(npbc, lattice).xyz
    distance = np.linalg.norm(xyz[:, None] - xyz, axis=2)[~np.eye(len(xyz), dtype=bool)]
    assert nearest_image(lattice, npbc) == pytest.approx(distance.min(initial=np.inf), abs=1e-12)
