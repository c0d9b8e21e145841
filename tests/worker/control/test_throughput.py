"""Tests the throughput of a worker: it counts busy time only, and recent time more than the past."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.control.throughput import Throughput


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_there_is_no_throughput_before_the_first_batch():
    throughput = Throughput(Clock())
    throughput.set_busy(True)
    assert throughput.pixels_per_second is None


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 1000)), min_size=1, max_size=20))
def test_a_steady_worker_with_pauses(work):
    """A worker that makes 50 pixels per second of busy time has that throughput, whatever its pauses."""
    clock = Clock()
    throughput = Throughput(clock)
    for busy, idle in work:
        throughput.set_busy(True)
        clock.now += busy
        throughput.set_busy(False)
        throughput.add(50 * busy)
        clock.now += idle
    assert throughput.pixels_per_second == pytest.approx(50)


def test_recent_throughput_counts_more():
    clock = Clock()
    throughput = Throughput(clock)
    for pixels in (1000, 10):
        for _ in range(600):
            throughput.set_busy(True)
            clock.now += 1
            throughput.set_busy(True)
            throughput.add(pixels)
    assert throughput.pixels_per_second == pytest.approx(10, rel=0.2)
