"""A worker's rate: of busy time alone, the last of it counting most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.control.throughput import Rate


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_nothing_was_made():
    rate = Rate(Clock())
    rate.busy(True)
    assert rate.per_second is None


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 1000)), min_size=1, max_size=20))
def test_a_steady_worker_with_pauses(work):
    """Of what is made at 50 pixels a second the rate is 50, whatever the pieces and the pauses between them."""
    clock = Clock()
    rate = Rate(clock)
    for busy, idle in work:
        rate.busy(True)
        clock.now += busy
        rate.busy(False)
        rate.made(50 * busy)
        clock.now += idle
    assert rate.per_second == pytest.approx(50)


def test_what_was_long_ago_fades():
    clock = Clock()
    rate = Rate(clock)
    for pixels in (1000, 10):
        for _ in range(600):
            rate.busy(True)
            clock.now += 1
            rate.busy(True)
            rate.made(pixels)
    assert rate.per_second == pytest.approx(10, rel=0.2)
