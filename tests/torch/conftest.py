"""A stand-in service in a process of its own: a DataLoader forks its workers, which must not inherit threads."""

import multiprocessing

import pytest

from afmbatch_client import Client
from tests.client.stand_in import JOB, StandIn

BATCHES = 23


def serve(pipe, total, delivery):
    stand_in = StandIn(total, delivery)
    stand_in.put(*range(total or 0))
    with stand_in.serving() as url:
        pipe.send(url)
        pipe.recv()  # until the other end closes


def serve_in_process(total, delivery):
    """Yield the job of a stand-in in a process of its own."""
    context = multiprocessing.get_context("spawn")
    parent, child = context.Pipe()
    process = context.Process(target=serve, args=(child, total, delivery))
    process.start()
    with Client(parent.recv()) as client:
        yield client.job(JOB)
    parent.send(None)
    process.join()


@pytest.fixture(scope="module")
def job():
    """A job whose batches are all made."""
    yield from serve_in_process(BATCHES, None)


@pytest.fixture
def stream():
    """An endless stream whose buffer has room for eight batches."""
    yield from serve_in_process(None, {"kind": "stream", "buffer_batches": 8})
