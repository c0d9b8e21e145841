import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.sampling.permutation import Permutation
from tests.afmbatch.one_at_a_time import permuted

sizes = st.integers(1, 2**53)
keys = st.integers(0, 2**53 - 1)
streams = st.integers(0, 9)
variants = st.integers(0, 2**32 - 1)


@given(n=st.integers(1, 3000), key=keys, stream=streams, variant=variants)
def test_is_a_permutation(n, key, stream, variant):
    order = Permutation(n, key, stream, variant)
    every = np.arange(n)
    assert sorted(order.apply(every).tolist()) == list(range(n))
    assert np.array_equal(order.inverse(order.apply(every)), every)
    assert np.array_equal(order.apply(order.inverse(every)), every)


@given(n=sizes, key=keys, stream=streams, variant=variants, data=st.data())
def test_inverse_leads_back(n, key, stream, variant, data):
    order = Permutation(n, key, stream, variant)
    some = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=20)))
    assert np.array_equal(order.inverse(order.apply(some)), some)
    assert np.array_equal(order.apply(order.inverse(some)), some)


@given(n=sizes, key=keys, data=st.data())
def test_an_element_alone_is_the_element_among_others(n, key, data):
    order = Permutation(n, key, 0)
    positions = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=20)))
    in_batch, back = order.apply(positions), order.inverse(positions)
    assert in_batch.min() >= 0
    assert in_batch.max() < n
    alone = [positions[i : i + 1] for i in range(len(positions))]
    assert [int(order.apply(one)[0]) for one in alone] == in_batch.tolist()
    assert [int(order.inverse(one)[0]) for one in alone] == back.tolist()


@given(n=sizes, key=keys, stream=streams, variant=variants, data=st.data())
def test_follows_the_published_algorithm(n, key, stream, variant, data):
    position = data.draw(st.integers(0, n - 1))
    expected = permuted(position, n, key, stream, variant)
    assert Permutation(n, key, stream, variant).apply(np.array([position])).tolist() == [expected]


@given(n=st.integers(1, 2**53), key=keys)
def test_no_positions_have_no_elements(n, key):
    order = Permutation(n, key, 0)
    assert order.apply(np.zeros(0, np.int64)).tolist() == order.inverse(np.zeros(0, np.int64)).tolist() == []


def test_keys_streams_and_variants_make_other_orders():
    """Two orders of 1000 elements agree in about one place; they agree in 15 with a probability of 10⁻¹²."""
    every = np.arange(1000)
    orders = [
        Permutation(1000, *which).apply(every) for which in [(1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1), (1, 0, 2)]
    ]
    for i, one in enumerate(orders):
        for other in orders[:i]:
            assert np.count_nonzero(one == other) < 15


def test_small_orders_come_about_equally_often():
    """Over 1200 seeds each of the 6 orders of 3 elements comes about 200 times (standard deviation 12.9)."""
    orders = [tuple(Permutation(3, seed, 0).apply(np.arange(3)).tolist()) for seed in range(1200)]
    assert np.abs(np.unique(orders, axis=0, return_counts=True)[1] - 200).max() < 5 * 12.9


def test_first_places_are_taken_evenly():
    """Over 1000 seeds, and over 1000 variants, each of 10 elements comes first about 100 times (deviation 9.5)."""
    for orders in ([Permutation(10, s, 0) for s in range(1000)], [Permutation(10, 5, 0, v) for v in range(1000)]):
        counts = np.bincount([int(order.apply(np.array([0]))[0]) for order in orders], minlength=10)
        assert np.abs(counts - 100).max() < 5 * 9.5


def test_neighbours_do_not_stay_neighbours():
    sent = Permutation(10_000, 3, 0).apply(np.arange(10_000))
    assert np.mean(np.abs(np.diff(sent)) == 1) < 0.005
