"""The service with a bucket of a real S3 server."""

import pytest

from afmbatch.settings import Settings
from tests.service.conftest import emptied, redis_url, running  # noqa: F401 - a fixture

from .swift_server import Swift


@pytest.fixture(scope="session")
def store_url():
    """Address of a bucket. The server and its keys are in the environment, as in operation."""
    swift = Swift()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in swift.environment.items():
            patch.setenv(name, value)
        yield "s3://batches/some/where"
    swift.close()


@pytest.fixture
def service(store_url, redis_url):  # noqa: F811
    """A service whose links expire after a second."""
    with running(Settings(redis_url=redis_url, store_url=store_url, link_seconds=1)) as service:
        yield emptied(service)
