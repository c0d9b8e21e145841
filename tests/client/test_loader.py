"""Shares of a job: every batch once, whatever is killed and however many readers come back."""

import itertools
import json
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch_client import Client, Shares
from tests.redis_server import until

from .conftest import number_of
from .stand_in import JOB, StandIn, npz_of

SMALL = st.integers(1, 5)


class Known:
    """A job that gives numbers for batches."""

    def __init__(self, total):
        self.total = total

    def status(self):
        return {"spec": {}}

    def numbers(self, start, step):
        return range(start, self.total, step)

    def awaited(self, number, *_):
        return number


@given(total=st.integers(0, 40), start=st.integers(0, 45), world=SMALL, workers=SMALL)
def test_all_ranks_and_workers_together_have_each_batch_once(total, start, world, workers):
    job = Known(total)
    seen = []
    for rank in range(world):
        alone = list(Shares(job, rank, world, start=start))
        several = [iter(list(Shares(job, rank, world, w, workers, start))) for w in range(workers)]
        assert [n for turn in itertools.zip_longest(*several) for n in turn if n is not None] == alone == sorted(alone)
        seen += alone
    assert sorted(seen) == list(range(start, total))


@given(total=st.integers(0, 40), worlds=st.lists(st.tuples(SMALL, st.integers(0, 6)), min_size=1, max_size=5))
def test_one_integer_is_enough_whatever_the_world_size(total, worlds):
    """Runs of k steps each by any number of ranks, then one to the end."""
    job, start, seen = Known(total), 0, []
    for world, steps in worlds:
        for rank in range(world):
            seen += itertools.islice(Shares(job, rank, world, start=start), steps)
        start += steps * world
    seen += Shares(job, start=start)
    assert sorted(seen) == list(range(total))


@pytest.mark.parametrize("places", [{"rank": 2}, {"rank": -1}, {"worker": 1}, {"start": -1}])
def test_places_that_are_none(places):
    with pytest.raises(ValueError, match="from 0"):
        Shares(Known(1), **{"world_size": 2} | places)


def ranks(url, job, world, start):
    return [
        subprocess.Popen(
            [sys.executable, "-m", "tests.client.reader", url, job, str(rank), str(world), str(start)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]


def test_two_ranks_killed_in_the_middle_come_back_as_three(client, house):
    """The real service; kill -9; the state that is common to all ranks is where the next run begins."""
    url, job = str(house.http.base_url), house.job(samples=20, batch_size=1)
    for n in range(7):
        house.record(job, n, npz_of(n))
    first = ranks(url, job, 2, 0)
    had = [[int(process.stdout.readline()) for _ in range(k)] for process, k in zip(first, (4, 3), strict=True)]
    assert had == [[0, 2, 4, 6], [1, 3, 5]]
    for process in first:  # they wait for batch 7 and on
        process.kill()
        process.communicate()
    common = 2 * min(map(len, had))

    second = ranks(url, job, 3, common)
    for n in reversed(range(7, 20)):
        house.record(job, n, npz_of(n))
    rest = [[int(line) for line in process.communicate(timeout=60)[0].split()] for process in second]
    assert [process.returncode for process in second] == [0, 0, 0]
    assert rest == [[6, 9, 12, 15, 18], [7, 10, 13, 16, 19], [8, 11, 14, 17]]
    kept = [n for numbers in had for n in numbers if n < common]
    assert sorted([*kept, *itertools.chain(*rest)]) == list(range(20))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_ranks_started_from_a_process_that_reads_itself(house, method):
    url, job = str(house.http.base_url), house.job()
    for n in range(4):
        house.record(job, n, npz_of(n))
    command = [sys.executable, "-m", "tests.client.reader", url, job, method]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert json.loads(told.stdout) == [[0, 2], [1, 3], [0, 1, 2, 3]]
    assert told.stderr == ""


def test_a_client_with_its_own_transport_stays_in_its_process():
    import pickle

    import httpx

    client = Client("http://there", transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "job-1"})))
    with pytest.raises(TypeError, match="transport"):
        pickle.dumps(Shares(client.job("job-1")))


@pytest.fixture
def stream():
    """An endless one, with room for four batches."""
    stand_in = StandIn(total=None, delivery={"kind": "stream", "buffer_batches": 4})
    stand_in.waits = True
    with stand_in.serving() as url, Client(url) as client:
        stand_in.job = client.job(JOB)
        yield stand_in


def taken(shares, count):
    """The numbers of so many batches, of which the last counts as consumed, too."""
    with closing(iter(shares)) as batches:
        numbers = [number_of(batch) for batch in itertools.islice(batches, count)]
        next(batches)
    return numbers


def test_a_stream_goes_on_as_far_as_its_batches_are_consumed(stream):
    assert taken(Shares(stream.job), 20) == list(range(20))
    assert stream.acknowledged == set(range(20))


def test_a_stream_waits_for_its_slowest_reader(stream):
    slow, fast = iter(Shares(stream.job, 0, 2)), iter(Shares(stream.job, 1, 2))
    assert [next(fast).number for _ in range(2)] == [1, 3]
    assert next(slow).number == 0
    assert not stream.there(5)
    assert next(slow).number == 2  # and 0 is consumed
    assert next(fast).number == 5


def test_a_reader_that_was_killed_before_it_could_say_what_it_had_consumed(stream):
    with closing(iter(Shares(stream.job))) as batches:
        assert [next(batches).number for _ in range(10)] == list(range(10))
    assert 9 not in stream.acknowledged
    assert taken(Shares(stream.job, start=10), 10) == list(range(10, 20))


def test_readers_of_a_stream_go_back_to_where_they_were_saved(stream):
    """What was dropped meanwhile is made again; a batch that another reader had consumed is not waited for in vain."""
    taken(Shares(stream.job), 20)
    both = [iter(Shares(stream.job, rank, 2, start=10, prefetch=1)) for rank in range(2)]
    assert [next(both[0]).number for _ in range(2)] == [10, 12]
    for k in range(10):
        assert next(both[1]).number == 11 + 2 * k
        assert next(both[0]).number == 14 + 2 * k
    until(lambda: stream.acknowledged >= set(range(29)))
