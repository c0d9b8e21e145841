"""Provides each test of the worker with a rig, and prints the workers' log after the test."""

import pytest

from .rig import Rig


@pytest.fixture
def rig(redis_server, tmp_path):
    rig = Rig(redis_server, tmp_path)
    yield rig
    rig.close()
    print(rig.log() if rig.processes else "")  # noqa: T201 - shown for a test that failed
