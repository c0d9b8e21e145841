"""Settings of hypothesis for all tests, and the Redis server that they share.

Examples have no deadline, because the machine may be busy, and every run tries the same examples.
"""

import pytest
from hypothesis import settings

from tests.redis_server import RedisServer

settings.register_profile("afmbatch", deadline=None, derandomize=True, database=None)
settings.load_profile("afmbatch")


@pytest.fixture(scope="session")
def redis_server():
    """A server that is shared by all tests which do not stop it; each test clears it before use."""
    server = RedisServer()
    yield server
    server.close()
