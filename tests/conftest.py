"""For every test: hypothesis without a clock (machines are busy) and without a memory (runs repeat), and Redis."""

import pytest
from hypothesis import settings

from tests.redis_server import RedisServer

settings.register_profile("afmbatch", deadline=None, derandomize=True, database=None)
settings.load_profile("afmbatch")


@pytest.fixture(scope="session")
def redis_server():
    """One server for all tests that leave it running; each clears it before use."""
    server = RedisServer()
    yield server
    server.close()
