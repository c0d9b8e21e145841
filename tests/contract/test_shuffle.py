import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.contract.philox import philox
from service.contract.shuffle import permute


def one_at_a_time(position, n, key, stream):
    """Black and Rogaway's generalized Feistel cipher over a · b ≥ n, in plain integers, walked until it is below n."""
    a = math.isqrt(n - 1) + 1
    b = -(-n // a)
    left, right = position % a, position // a
    for r in range(6):
        mixed = int(philox(key, np.array([[right], [r], [0], [stream]], dtype=np.uint64))[0, 0])
        left, right = right, (left + mixed) % (b if r % 2 else a)
    sent = a * right + left
    return sent if sent < n else one_at_a_time(sent, n, key, stream)


@given(n=st.integers(1, 3000), key=st.integers(0, 2**53 - 1), stream=st.integers(0, 9))
def test_is_a_permutation(n, key, stream):
    assert sorted(permute(np.arange(n), n, key, stream).tolist()) == list(range(n))


@given(n=st.integers(1, 2**40), key=st.integers(0, 2**53 - 1), data=st.data())
def test_an_element_alone_is_the_element_among_others(n, key, data):
    positions = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=20)))
    together = permute(positions, n, key, 0)
    assert together.min() >= 0
    assert together.max() < n
    assert [int(permute(positions[i : i + 1], n, key, 0)[0]) for i in range(len(positions))] == together.tolist()


@given(n=st.integers(1, 2**53), key=st.integers(0, 2**53 - 1), stream=st.integers(0, 9), data=st.data())
def test_follows_the_book(n, key, stream, data):
    position = data.draw(st.integers(0, n - 1))
    assert permute(np.array([position]), n, key, stream).tolist() == [one_at_a_time(position, n, key, stream)]


def test_small_orders_come_about_equally_often():
    """Over 3000 seeds each of the 6 orders of 3 elements about 500 times (standard deviation 20)."""
    orders = [tuple(permute(np.arange(3), 3, seed, 0).tolist()) for seed in range(3000)]
    assert np.abs(np.unique(orders, axis=0, return_counts=True)[1] - 500).max() < 5 * 20


def test_first_places_are_taken_evenly():
    """Over 4000 seeds each of 10 elements comes first about 400 times (standard deviation 19)."""
    first = [int(permute(np.array([0]), 10, seed, 0)[0]) for seed in range(4000)]
    counts = np.bincount(first, minlength=10)
    assert np.abs(counts - 400).max() < 5 * 19


def test_neighbours_do_not_stay_neighbours():
    sent = permute(np.arange(10_000), 10_000, 3, 0)
    assert np.mean(np.abs(np.diff(sent)) == 1) < 0.005
