"""The service on a real S3-speaking server."""

import pytest

from afmbatch.settings import Settings
from tests.service.conftest import emptied, redis_url, running  # noqa: F401 - a fixture

from .swift_server import Swift


@pytest.fixture(scope="session")
def store_url():
    """Of a bucket; what says how to get there is in the environment, as in operation."""
    swift = Swift()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in swift.environment.items():
            patch.setenv(name, value)
        yield "s3://batches/some/where"
    swift.close()


@pytest.fixture
def house(store_url, redis_url):  # noqa: F811
    """With links that hold for a second."""
    with running(Settings(redis_url=redis_url, store_url=store_url, link_seconds=1)) as house:
        yield emptied(house)
