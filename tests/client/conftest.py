"""Clients of the real service, and of a stand-in where the service has to fail."""

import itertools
from contextlib import closing

import pytest

from afmbatch_client import Client
from tests.service.conftest import redis_url, session_service  # noqa: F401 - fixtures
from tests.service.conftest import service as real_service  # noqa: F401 - a fixture

from .stand_in import JOB, StandIn


@pytest.fixture
def client(real_service):  # noqa: F811
    """A client of the real service, which has no datasets and no jobs."""
    with Client(str(real_service.http.base_url)) as client:
        yield client


@pytest.fixture
def stand_in():
    """A stand-in service with a job of six batches, none of which is made yet."""
    return StandIn(total=6)


@pytest.fixture
def job(stand_in):
    """The stand-in's job, for a client that gives up after two seconds."""
    with stand_in.serving() as url, Client(url, retry_for=2) as client:
        yield client.job(JOB)


@pytest.fixture
def stream():
    """A stand-in with an endless stream whose buffer has room for four batches."""
    stand_in = StandIn(total=None, delivery={"kind": "stream", "buffer_batches": 4})
    with stand_in.serving() as url, Client(url) as client:
        stand_in.job = client.job(JOB)
        yield stand_in


def number_of(batch):
    """Return the number that a batch's arrays hold, after checking all of them."""
    assert (batch.afm == batch.number).all()
    assert batch.structure.tolist() == [batch.number] * 2
    return batch.number


def consume(batches, count):
    """Read `count` batches and one more, so that all of the former count as consumed, and return their numbers."""
    with closing(iter(batches)) as iterator:
        numbers = [number_of(batch) for batch in itertools.islice(iterator, count)]
        next(iterator)
    return numbers
