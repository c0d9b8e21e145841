"""The client on the real service, and on a stand-in where the service is to fail."""

import pytest

from afmbatch_client import Client
from tests.service.conftest import redis_url, session_service  # noqa: F401 - fixtures
from tests.service.conftest import service as house  # noqa: F401 - a fixture

from .stand_in import JOB, StandIn


@pytest.fixture
def client(house):  # noqa: F811
    """Of the real service, with nothing in it."""
    with Client(str(house.http.base_url)) as client:
        yield client


@pytest.fixture
def stand_in():
    """One that has a job of six batches, of which none is made."""
    return StandIn(total=6)


@pytest.fixture
def job(stand_in):
    """The stand-in's job, for a client that is soon out of patience."""
    with stand_in.serving() as url, Client(url, patience=2) as client:
        yield client.job(JOB)


def number_of(batch):
    """What a batch says itself, having looked at all of it."""
    assert (batch.afm == batch.number).all()
    assert batch.structure.tolist() == [batch.number] * 2
    return batch.number
