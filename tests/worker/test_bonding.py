import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import kernels
from service.contract.elements import elements
from service.contract.structures import Structures
from worker.bonding import Bonding


def structures(sizes: list[int]) -> Structures:
    rng = np.random.default_rng(len(sizes))
    n = sum(sizes)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    names = np.array([f"s{i}" for i in range(len(sizes))])
    return Structures(rng.uniform(0, 3, (n, 3)), np.zeros(n), rng.choice([1, 6, 8], n), offsets, names)


@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    asked=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=5), min_size=1, max_size=4),
)
def test_bonds_are_those_of_the_molecules_in_a_row(sizes: list[int], asked: list[list[int]]) -> None:
    data = structures(sizes)
    bonding = Bonding(data)
    for numbers in asked:
        structure = np.array(numbers) % len(sizes)
        index, offsets = data.gather(structure)
        want = kernels.bonded(data.xyz[index], elements().covalent_radius[data.z[index]], offsets)
        assert bonding.of(structure, offsets).tolist() == want.tolist()


def test_there_is_room_for_many_pairs() -> None:
    crowd = structures([80, 80])
    bonding = Bonding(crowd)
    for structure in ([0], [1], [1, 0, 1]):
        index, offsets = crowd.gather(np.array(structure))
        want = kernels.bonded(crowd.xyz[index], elements().covalent_radius[crowd.z[index]], offsets)
        assert len(want) > 1024 / 3
        assert bonding.of(np.array(structure), offsets).tolist() == want.tolist()
