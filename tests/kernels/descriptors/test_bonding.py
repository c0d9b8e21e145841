import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.descriptors import bonding
from kernels.descriptors.bonding import find_bonds
from kernels.errors import InvalidInput

CHAIN = np.array([[0.0, 0, 0], [1.3, 0, 0], [2.6, 0, 0]])


def test_pairs_stay_within_their_molecule() -> None:
    found = find_bonds(np.concatenate((CHAIN, CHAIN)), np.full(6, 0.735), np.array([0, 3, 6]))
    assert found.tolist() == [[0, 1], [1, 2], [3, 4], [4, 5]]


@given(
    seed=st.integers(0, 10**6), sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    box=st.sampled_from([0.0, 3.0, 8.0, 1e9]), biggest=st.sampled_from([0.0, 0.7, 2.6]),
)  # fmt: skip
def test_cells_find_what_comparing_all_finds(seed: int, sizes: list[int], box: float, biggest: float) -> None:
    rng = np.random.default_rng(seed)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    xyz = rng.uniform(-box, box, (offsets[-1], 3)).round(1)  # so that some lie on a cell's border
    radius = rng.uniform(0, biggest, offsets[-1])
    everywhere = find_bonds(xyz, radius, offsets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bonding, "MIN_CELL_LIST_ATOMS", 0)
        assert np.array_equal(find_bonds(xyz, radius, offsets), everywhere)


def test_a_crystal_of_many_atoms() -> None:
    side = 30
    xyz = 1.5 * np.indices((side, side, side)).reshape(3, -1).T
    found = find_bonds(xyz, np.full(side**3, 0.7), np.array([0, side**3]))
    assert len(found) == 3 * side * side * (side - 1)
    assert np.allclose(np.linalg.norm(np.diff(xyz[found], axis=1), axis=2), 1.5)
    assert (np.diff(found[:, 0] * side**3 + found[:, 1]) > 0).all()


def test_a_crowd_is_refused_before_its_pairs_fill_the_memory() -> None:
    xyz = np.random.default_rng(0).uniform(0, 1, (2000, 3))
    with pytest.raises(InvalidInput, match="more than 64 bonds an atom"):
        find_bonds(xyz, np.full(2000, 0.7), np.array([0, 2000]))
