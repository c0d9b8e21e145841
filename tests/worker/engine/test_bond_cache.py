import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import kernels
from afmbatch.structures.elements import elements
from afmbatch.structures.structures import Structures
from worker.engine.bond_cache import BondCache


def structures(sizes: list[int]) -> Structures:
    rng = np.random.default_rng(len(sizes))
    n = sum(sizes)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    names = np.array([f"s{i}" for i in range(len(sizes))])
    return Structures(rng.uniform(0, 3, (n, 3)), np.zeros(n), rng.choice([1, 6, 8], n), offsets, names)


@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    requests=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=5), min_size=1, max_size=4),
)
def test_bonds_are_those_of_the_concatenated_structures(sizes: list[int], requests: list[list[int]]) -> None:
    data = structures(sizes)
    bonds = BondCache(data)
    for numbers in requests:
        structure = np.array(numbers) % len(sizes)
        index, offsets = data.gather(structure)
        want = kernels.find_bonds(data.xyz[index], elements().covalent_radius[data.z[index]], offsets)
        assert bonds.bonded_pairs(structure, offsets).tolist() == want.tolist()


def test_the_cache_grows_for_many_pairs() -> None:
    crowd = structures([80, 80])
    bonds = BondCache(crowd)
    for structure in ([0], [1], [1, 0, 1]):
        index, offsets = crowd.gather(np.array(structure))
        want = kernels.find_bonds(crowd.xyz[index], elements().covalent_radius[crowd.z[index]], offsets)
        assert len(want) > 1024 / 3
        assert bonds.bonded_pairs(np.array(structure), offsets).tolist() == want.tolist()


def test_atoms_are_bonded_across_the_edge_of_the_cell() -> None:
    """Graphene, 3 × 3 cells: the second atom of each is bonded to the first of its own and of the two cells at b and
    b − a, where these are."""
    a = 2.46
    cell = Structures(
        xyz=np.array([[0.0, 0, 0], [0, a / 3**0.5, 0]]),
        q=np.full(2, np.nan),
        z=np.array([6, 6]),
        offsets=np.array([0, 2]),
        names=np.array(["graphene"]),
        lattice=np.array([[[a, 0, 0], [a / 2, a * 3**0.5 / 2, 0], [0, 0, 0]]]),
    )
    sheet = cell.repeated((1, 1, 3))
    pairs = BondCache(sheet).bonded_pairs(np.array([0]), sheet.offsets)
    apart = np.linalg.norm(sheet.xyz[pairs[:, 0]] - sheet.xyz[pairs[:, 1]], axis=1)
    assert np.allclose(apart, a / 3**0.5)
    assert len(pairs) == 3 * 3 + 3 * 2 + 2 * 2
    assert np.bincount(pairs.ravel(), minlength=18)[:2].tolist() == [3, 3]  # the cell in the middle lacks none
    assert len(BondCache(cell).bonded_pairs(np.array([0]), cell.offsets)) == 1
