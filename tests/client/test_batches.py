"""Batches of the real service are read in order as they are made."""

import os
import threading

import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch_client import Client, JobFailed, NotFound, NotYet
from tests.redis_server import until

from .conftest import consume, number_of
from .stand_in import JOB, npz_of


@pytest.fixture
def job(client, real_service):
    """A job of four batches; `job.make(n, …)` makes some of them."""
    job = client.job(real_service.job())

    def make(*numbers):
        for n in numbers:
            real_service.record(job.id, n, npz_of(n))

    job.make = make
    return job


def test_all_batches_in_order(job):
    job.make(3, 1, 0, 2)
    assert [number_of(b) for b in job.batches()] == [0, 1, 2, 3]
    assert [r["batch"] for r in job.records()] == [0, 1, 2, 3]
    assert [r["batch"] for r in job.records(2)] == [2, 3]


def test_records_of_a_stream_without_end(client, real_service):
    stream = {"kind": "stream", "buffer_batches": 4}
    job = client.job(real_service.job(delivery=stream, epochs=None, samples=None))
    for n in (0, 2):
        real_service.record(job.id, n, npz_of(n))
    assert [r["batch"] for r in job.records()] == [0, 2]
    job.acknowledge([0])
    assert [r["batch"] for r in job.records()] == [2]


def test_batches_from_one_on_and_every_second_one(job):
    job.make(0, 1, 2, 3)
    assert [b.number for b in job.batches(start=1)] == [1, 2, 3]
    assert [b.number for b in job.batches(start=1, step=2, prefetch=1)] == [1, 3]
    assert list(job.batches(start=4)) == []


def test_prefetching_nothing_is_refused(job):
    with pytest.raises(ValueError, match="not 0"):
        next(job.batches(prefetch=0))


def test_batches_are_read_as_they_are_made(job):
    job.make(0)
    batches = job.batches()
    assert number_of(next(batches)) == 0
    job.make(1)
    assert number_of(next(batches)) == 1
    job.make(2, 3)
    assert [number_of(b) for b in batches] == [2, 3]


def test_a_single_batch(job):
    job.make(2)
    assert number_of(job.batch(2)) == 2
    with pytest.raises(NotYet, match="queued"):
        job.batch(0, wait=0)
    with pytest.raises(NotFound, match="0 to 3"):
        job.batch(4)


def test_a_batch_that_could_not_be_made(job, real_service):
    job.make(0, 2)
    real_service.ledger.batches.record_failure(job.id, BatchFailure(batch=1, error="two atoms in one place"))
    batches = job.batches()
    assert number_of(next(batches)) == 0
    with pytest.raises(JobFailed, match=r"batch 1 will not be made; batch 1: two atoms") as e:
        next(batches)
    assert e.value.batch == 1
    assert "two atoms" in e.value.__cause__.problem["detail"]
    assert number_of(job.batch(2)) == 2


def test_a_job_that_is_cancelled_meanwhile(job):
    job.make(0)
    batches = job.batches()
    next(batches)
    job.cancel()
    with pytest.raises(JobFailed, match="is cancelled, batch 1 will not be made"):
        next(batches)


def test_closing_the_iterator_ends_its_threads(job):
    before = {*threading.enumerate()}
    job.make(0)
    batches = job.batches(prefetch=3)
    next(batches)
    batches.close()
    job.make(1, 2, 3)  # so that the service answers
    # Only threads of the client: the service has threads of its own.
    until(lambda: not [t for t in {*threading.enumerate()} - before if "(_run)" in t.name])


def test_no_more_than_prefetch_batches_are_fetched_ahead(stand_in):
    stand_in.put(*range(6))
    with stand_in.serving() as url, Client(url) as client:
        batches = client.job(JOB).batches(prefetch=2)
        for taken in range(1, 4):
            next(batches)
            until(lambda: {*numbers(stand_in)} == {*range(taken + 2)})  # noqa: B023 - called at once


def numbers(stand_in):
    return [int(path.split("/")[-1].partition("?")[0]) for _, path, _ in stand_in.requests if "/batches/" in path]


def test_a_forked_process_can_not_continue_an_iteration(job, monkeypatch):
    job.make(0, 1)
    batches = job.batches()
    next(batches)
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    with pytest.raises(RuntimeError, match="forked"):
        next(batches)


def test_batches_of_a_stream_are_acknowledged_as_they_are_consumed(stream):
    assert consume(stream.job.batches(prefetch=2), 20) == list(range(20))
    assert stream.acknowledged == set(range(20))


def test_batches_of_a_stream_continue_from_a_number(stream):
    consume(stream.job.batches(), 20)
    assert consume(stream.job.batches(start=10), 12) == list(range(10, 22))


def test_every_second_batch_of_a_stream_is_refused(stream):
    with pytest.raises(ValueError, match=r"a step of 2 leaves out.*RankBatches"):
        stream.job.batches(step=2)


def test_a_stream_without_end_is_not_waited_for(stream):
    with pytest.raises(ValueError, match=f"{JOB} is a stream without end, which is never done"):
        stream.job.wait()
