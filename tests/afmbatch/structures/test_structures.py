from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.structures.structures import Structures

CUBE = np.diag([2.0, 3, 4])
CHAIN = np.array([[0.0, 0, 0], [1, 5, 0], [0, 0, 0]])
NONE = np.full((3, 3), np.nan)


def some(*lattice: np.ndarray) -> Structures:
    return Structures(
        xyz=np.arange(18.0).reshape(6, 3),
        q=np.array([0.1, -0.1, np.nan, np.nan, np.nan, 0.0]),
        z=np.array([6, 8, 1, 1, 8, 54]),
        offsets=np.array([0, 2, 5, 6]),
        names=np.array(["a.xyz", "b.xyz", "c.xyz#2"]),
        **{"lattice": np.array(lattice)} if lattice else {},
    )


def same(a: Structures, b: Structures) -> bool:
    pairs = zip((*a.arrays(), ("", a.originals)), (*b.arrays(), ("", b.originals)), strict=True)
    return all(n == m and np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for (n, x), (m, y) in pairs)


@pytest.mark.parametrize("lattice", [(), (CUBE, NONE, CHAIN)])
def test_round_trip_through_the_file(lattice):
    back = Structures.from_bytes(some(*lattice).to_bytes())
    assert back.digest == some(*lattice).digest
    assert same(back, some(*lattice))
    assert back.lattice.shape == (3, 3, 3)


def test_a_lattice_is_part_of_the_content():
    digests = {some(*lattice).digest for lattice in ((), (CUBE, NONE, NONE), (NONE, CUBE, NONE), (CHAIN, NONE, NONE))}
    assert len(digests) == 4
    assert some(NONE, NONE, NONE).digest == some().digest


def test_molecules_take_no_memory_for_lattices():
    assert some().lattice.strides == (0, 0, 0)
    assert Structures.concatenated([some(), some()]).lattice.strides == (0, 0, 0)


def test_uncharged_structures_are_known():
    assert some().uncharged.tolist() == [1]


def test_isolated_structures_are_known():
    assert some().isolated.tolist() == [0, 1, 2]
    assert some(CUBE, NONE, CHAIN).isolated.tolist() == [1]


def test_gather_repeats_and_reorders():
    index, offsets = some().gather(np.array([2, 0, 2, 1]))
    assert index.tolist() == [5, 0, 1, 5, 2, 3, 4]
    assert offsets.tolist() == [0, 1, 3, 4, 7]


@pytest.mark.parametrize("first", [(), (CUBE, NONE, CHAIN)])
@pytest.mark.parametrize("second", [(), (CHAIN, CUBE, CUBE)])
def test_parts_come_one_after_the_other(first, second):
    parts = some(*first), some(*second)
    both = Structures.concatenated(parts)
    assert len(both) == 6
    assert both.names.tolist() == [*parts[0].names, *parts[1].names]
    for s in range(6):
        part, mine = parts[s // 3], parts[s // 3].atoms(s % 3)
        for name in ("xyz", "q", "z"):
            assert np.array_equal(getattr(both, name)[both.atoms(s)], getattr(part, name)[mine], equal_nan=name == "q")
        assert np.array_equal(both.lattice[s], part.lattice[s % 3], equal_nan=True)
    assert Structures.concatenated(parts[:1]) is parts[0]


def test_a_row_of_images():
    row = some(CUBE, CHAIN, CUBE).repeated((1, 0, 0))
    assert row.originals.tolist() == [2, 3, 1]
    assert row.offsets.tolist() == [0, 6, 9, 12]  # CHAIN has no period along a
    x = [0, 3, -2, 1, 2, 5]
    assert row.xyz[row.atoms(0)].tolist() == [[x[i], 1 + 3 * (i % 2), 2 + 3 * (i % 2)] for i in range(6)]
    assert row.q[row.atoms(0)].tolist() == [0.1, -0.1] * 3
    assert row.z[row.atoms(2)].tolist() == [54] * 3
    assert row.names.tolist() == some().names.tolist()


vectors = st.sampled_from([CUBE, CHAIN, np.array([[3.0, 0, 0], [0, 0, 0], [1, 2, 9]]), np.zeros((3, 3))])
counts = st.tuples(*[st.integers(0, 2)] * 3)


@given(lattice=st.tuples(vectors, vectors, vectors), npbc=counts, given_=st.none() | vectors)
def test_images_are_where_physics_says(lattice, npbc, given_):
    """Images are at −a…a, −b…b, −c…c, each place once, and the original atoms come first (physics.md §2)."""
    one = some(*lattice)
    many = one.repeated(npbc, given_)
    for s in range(3):
        cell = lattice[s] if given_ is None else given_
        xyz, q, z = one.xyz[one.atoms(s)], one.q[one.atoms(s)], one.z[one.atoms(s)]
        n = many.originals[s]
        assert n == len(z)
        assert np.array_equal(many.xyz[many.atoms(s)][:n], xyz)
        periods = [range(-k, k + 1) if vector.any() else (0,) for k, vector in zip(npbc, cell, strict=True)]
        places = [xyz + np.array(step) @ cell for step in product(*periods)]
        shifts = (many.xyz[many.atoms(s)].reshape(-1, n, 3) - xyz)[:, 0]
        assert np.allclose(sorted(shifts.tolist()), sorted((place - xyz)[0].tolist() for place in places))
        assert np.allclose(many.xyz[many.atoms(s)].reshape(-1, n, 3), xyz + shifts[:, None])
        assert np.array_equal(many.q[many.atoms(s)], np.tile(q, len(places)), equal_nan=True)
        assert np.array_equal(many.z[many.atoms(s)], np.tile(z, len(places)))


def test_no_images_without_lattice():
    assert same(some().repeated((0, 0, 0)), some())
    with pytest.raises(ValueError, match="1 of 3 structures have no lattice"):
        some(CUBE, NONE, CUBE).repeated((0, 1, 0))
    assert len(some().repeated((0, 1, 0), CUBE).z) == 18
