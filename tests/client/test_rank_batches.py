"""RankBatches: every batch is read once, whichever ranks are killed and however many continue."""

import itertools
import json
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch_client import Client, RankBatches
from tests.redis_server import until

from .conftest import consume
from .stand_in import npz_of

SMALL = st.integers(1, 5)


class NumberJob:
    """A job whose batches are their numbers."""

    def __init__(self, total):
        self.total = total

    def status(self):
        return {"spec": {}}

    def numbers(self, start, step):
        return range(start, self.total, step)

    def wait_for_batch(self, number, *_):
        return number


@given(total=st.integers(0, 40), start=st.integers(0, 45), world=SMALL, workers=SMALL)
def test_all_ranks_and_workers_together_have_each_batch_once(total, start, world, workers):
    job = NumberJob(total)
    seen = []
    for rank in range(world):
        alone = list(RankBatches(job, rank, world, start=start))
        several = [iter(list(RankBatches(job, rank, world, w, workers, start))) for w in range(workers)]
        assert [n for turn in itertools.zip_longest(*several) for n in turn if n is not None] == alone == sorted(alone)
        seen += alone
    assert sorted(seen) == list(range(start, total))


@given(total=st.integers(0, 40), worlds=st.lists(st.tuples(SMALL, st.integers(0, 6)), min_size=1, max_size=5))
def test_one_integer_is_enough_whatever_the_world_size(total, worlds):
    """Some runs of k steps each by any number of ranks, then a run of one rank to the end."""
    job, start, seen = NumberJob(total), 0, []
    for world, steps in worlds:
        for rank in range(world):
            seen += itertools.islice(RankBatches(job, rank, world, start=start), steps)
        start += steps * world
    seen += RankBatches(job, start=start)
    assert sorted(seen) == list(range(total))


@pytest.mark.parametrize("arguments", [{"rank": 2}, {"rank": -1}, {"worker": 1}, {"start": -1}])
def test_ranks_and_workers_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match="from 0"):
        RankBatches(NumberJob(1), **{"world_size": 2} | arguments)


def ranks(url, job, world, start):
    return [
        subprocess.Popen(
            [sys.executable, "-m", "tests.client.reader", url, job, str(rank), str(world), str(start)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]


def test_two_ranks_killed_in_the_middle_come_back_as_three(client, real_service):
    """The next run begins at the state that all ranks of the killed run had reached."""
    url, job = str(real_service.http.base_url), real_service.job(samples=20, batch_size=1)
    for n in range(7):
        real_service.record(job, n, npz_of(n))
    first = ranks(url, job, 2, 0)
    had = [[int(process.stdout.readline()) for _ in range(k)] for process, k in zip(first, (4, 3), strict=True)]
    assert had == [[0, 2, 4, 6], [1, 3, 5]]
    for process in first:  # they wait for batch 7 and on
        process.kill()
        process.communicate()
    common = 2 * min(map(len, had))

    second = ranks(url, job, 3, common)
    for n in reversed(range(7, 20)):
        real_service.record(job, n, npz_of(n))
    rest = [[int(line) for line in process.communicate(timeout=60)[0].split()] for process in second]
    assert [process.returncode for process in second] == [0, 0, 0]
    assert rest == [[6, 9, 12, 15, 18], [7, 10, 13, 16, 19], [8, 11, 14, 17]]
    kept = [n for numbers in had for n in numbers if n < common]
    assert sorted([*kept, *itertools.chain(*rest)]) == list(range(20))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_ranks_started_from_a_process_that_is_reading(real_service, method):
    url, job = str(real_service.http.base_url), real_service.job()
    for n in range(4):
        real_service.record(job, n, npz_of(n))
    command = [sys.executable, "-m", "tests.client.reader", url, job, method]
    reader = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert json.loads(reader.stdout) == [[0, 2], [1, 3], [0, 1, 2, 3]]
    assert reader.stderr == ""


def test_a_client_with_its_own_transport_stays_in_its_process():
    import pickle

    import httpx

    client = Client("http://there", transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "job-1"})))
    with pytest.raises(TypeError, match="transport"):
        pickle.dumps(RankBatches(client.job("job-1")))


def test_a_stream_continues_as_its_batches_are_consumed(stream):
    assert consume(RankBatches(stream.job), 20) == list(range(20))
    assert stream.acknowledged == set(range(20))


def test_a_stream_waits_for_its_slowest_reader(stream):
    slow, fast = iter(RankBatches(stream.job, 0, 2)), iter(RankBatches(stream.job, 1, 2))
    assert [next(fast).number for _ in range(2)] == [1, 3]
    assert next(slow).number == 0
    assert not stream.is_made(5)
    assert next(slow).number == 2  # and 0 is consumed
    assert next(fast).number == 5


def test_a_reader_that_was_killed_before_it_acknowledged(stream):
    with closing(iter(RankBatches(stream.job))) as batches:
        assert [next(batches).number for _ in range(10)] == list(range(10))
    assert 9 not in stream.acknowledged
    assert consume(RankBatches(stream.job, start=10), 10) == list(range(10, 20))


def test_readers_of_a_stream_continue_from_a_saved_state(stream):
    """Batches that were dropped since are made again, and nobody waits for a batch that another rank has consumed."""
    consume(RankBatches(stream.job), 20)
    both = [iter(RankBatches(stream.job, rank, 2, start=10, prefetch=1)) for rank in range(2)]
    assert [next(both[0]).number for _ in range(2)] == [10, 12]
    for k in range(10):
        assert next(both[1]).number == 11 + 2 * k
        assert next(both[0]).number == 14 + 2 * k
    until(lambda: stream.acknowledged >= set(range(29)))
