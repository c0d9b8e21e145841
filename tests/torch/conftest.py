"""A stand-in service in a process of its own: loaders' workers are forked, and a service's threads must not be."""

import multiprocessing

import pytest

from afmbatch_client import Client
from tests.client.stand_in import JOB, StandIn

BATCHES = 23


def serve(pipe, total, delivery):
    stand_in = StandIn(total, delivery)
    stand_in.waits = True
    stand_in.put(*range(total or 0))
    with stand_in.serving() as url:
        pipe.send(url)
        pipe.recv()  # until the other end closes


def served(total, delivery):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, total, delivery))
    process.start()
    with Client(ours.recv()) as client:
        yield client.job(JOB)
    ours.send(None)
    process.join()


@pytest.fixture(scope="module")
def job():
    """All of its batches are made."""
    yield from served(BATCHES, None)


@pytest.fixture
def stream():
    """An endless one with room for eight batches."""
    yield from served(None, {"kind": "stream", "buffer_batches": 8})
