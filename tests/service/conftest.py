"""A service on a real Redis and a real store, over real HTTP. There is no worker: tests record batches themselves."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from redis import Redis
from rq import Queue

from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import open_queue
from afmbatch.sampling.plan import Plan
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore
from service.app import create_app
from service.main import Server, configure
from service.services.job_notifier import JobNotifier

WATER = "3\nwater\nO 0.0 0.0 0.0 -0.8\nH 0.96 0.0 0.0 0.4\nH -0.24 0.93 0.0 0.4\n"
BARE_WATER = "3\nwater\nO 0.0 0.0 0.0\nH 0.96 0.0 0.0\nH -0.24 0.93 0.0\n"


@dataclass(frozen=True)
class RunningService:
    """A running service with its connections."""

    settings: Settings
    redis: Redis
    ledger: Ledger
    store: ObjectStore
    queue: Queue
    http: httpx.Client
    notifier: JobNotifier

    def dataset(self, text=WATER, name="water.xyz"):
        """Upload one file and return the id of its dataset."""
        answer = self.http.post("/v1/datasets", files=[("files", (name, text))])
        assert answer.is_success, answer.text
        return answer.json()["id"]

    def job(self, **spec):
        """Post a job, by default of four batches, and return its id."""
        spec = {"dataset": self.dataset(), "samples": 8, "batch_size": 2} | spec
        answer = self.http.post("/v1/jobs", json=spec)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def record(self, job, number, data, **flags):
        """Store and record a batch, as a worker does."""
        content = self.store.put_batch(job, number, [data])
        record = BatchRecord(
            batch=number,
            samples=Plan(self.ledger.jobs.get(job)).size(number),
            bytes=content.bytes,
            sha256=content.sha256,
            flagged=sum(flags.values()),
            flags=flags,
        )
        assert self.ledger.batches.record(job, [record]) == [True]

    @property
    def scheduler(self):
        """Return a scheduler on the queue and the ledger of the service."""
        return ShardScheduler(self.queue, self.ledger)

    def finish(self, job):
        """Record all missing batches of a job and return its status."""
        plan = Plan(self.ledger.jobs.get(job))
        self.ledger.jobs.mark_started(job)
        for number in self.ledger.batches.missing(job, range(plan.batches)):
            self.record(job, number, f"{job} {number}".encode())
        return self.status(job)

    def status(self, job):
        """Return the status of a job, requested over HTTP."""
        return self.http.get(f"/v1/jobs/{job}").json()

    def queued(self):
        """Return the ids of the queued tasks, the next one first."""
        return [task.decode() for task in self.redis.lrange(self.queue.key, 0, -1)]

    def everything(self):
        """Return everything that Redis and the store hold, by key."""
        keys = {key: self.redis.dump(key) for key in self.redis.scan_iter()}
        return keys | {key: hashlib.sha256(self.store.get(key)).hexdigest() for key in self.store.keys("")}


class ObservableServer(Server):
    """A server with an event that is set when it listens."""

    def __init__(self, config, notifier):
        super().__init__(config, notifier)
        self.is_listening = threading.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.is_listening.set()


@contextmanager
def serving(app, **options) -> Iterator[str]:
    """Run an application on a free port and yield its address. options: those of uvicorn.Config."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as service.main does
        config = configure(app, app.state.settings, log_level="critical", timeout_graceful_shutdown=2, **options)
        server = ObservableServer(config, app.state.notifier)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert server.is_listening.wait(20)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


@contextmanager
def running(settings: Settings, **options) -> Iterator[RunningService]:
    """Run a service with these settings. options: those of uvicorn.Config."""
    ledger = Ledger.on(Redis.from_url(settings.redis_url, decode_responses=True))
    store, queue = ObjectStore(settings.store_url), open_queue(settings)
    app = create_app(settings, ledger, store, queue)
    with (
        serving(app, **options) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=20) as http,
    ):
        yield RunningService(
            settings, Redis.from_url(settings.redis_url), ledger, store, queue, http, app.state.notifier
        )


def emptied(service: RunningService) -> RunningService:
    """Empty the Redis and the store of a service and return it."""
    service.redis.flushall()
    service.store.delete_prefix("")
    return service


@pytest.fixture(scope="session")
def redis_url(redis_server) -> str:
    return redis_server.url


@pytest.fixture(scope="session")
def session_service(redis_url, tmp_path_factory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("store")
    with running(Settings(redis_url=redis_url, store_url=folder.as_uri())) as service:
        yield service


@pytest.fixture
def service(session_service) -> RunningService:
    """The service, with an empty Redis and an empty store."""
    return emptied(session_service)


@pytest.fixture(scope="session")
def session_limited(redis_url, tmp_path_factory) -> Iterator[RunningService]:
    settings = Settings(
        redis_url=redis_url,
        store_url=tmp_path_factory.mktemp("limited").as_uri(),
        max_upload_bytes=20_000,
        max_unpacked_bytes=100_000,
        max_members=10,
        max_samples=1000,
        max_batch_bytes=100_000_000,
    )
    with running(settings) as service:
        yield service


@pytest.fixture
def limited(session_limited) -> RunningService:
    """A service with small limits, an empty Redis and an empty store."""
    return emptied(session_limited)


@contextmanager
def unchanged(service: RunningService) -> Iterator[None]:
    """Assert that nothing is stored, recorded or queued within this context."""
    before = service.everything()
    yield
    assert service.everything() == before


def errors_by_field(answer: httpx.Response) -> dict[str, dict[str, str]]:
    """Return the errors in a problem document by field."""
    problem(answer)
    return {e["field"]: e for e in answer.json()["errors"]}


def problem(answer: httpx.Response) -> dict:
    """Return a problem document after checking that it is complete."""
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == answer.status_code
    assert found["type"].startswith("urn:afmbatch:problem:")
    assert found["detail"]
    for e in found["errors"]:
        assert all(e[part] for part in ("field", "reason", "accepted")), e
    return found
