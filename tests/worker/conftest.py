"""A server for all tests of the worker, and a rig on it for each."""

import pytest

from .rig import Rig, Server


@pytest.fixture(scope="session")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def rig(server, tmp_path):
    rig = Rig(server, tmp_path)
    yield rig
    rig.close()
    print(rig.log() if rig.processes else "")  # noqa: T201 - shown for a test that failed
