"""Requests that wait for a batch or sample, and the events that end their waiting."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.settings import Settings
from tests.redis_server import RedisServer, until

from .conftest import emptied, errors_by_field, problem, running

LONG = 50  # s; longer than any test takes


@pytest.fixture
def send(service, monkeypatch):
    """Send requests in the background; each call returns once the service waits for a notification."""
    monkeypatch.setattr("service.services.job_notifier.FALLBACK_SECONDS", LONG)
    with ThreadPoolExecutor(8) as threads:

        def send_in_background(path, subscriptions=1, method="GET"):
            answer = threads.submit(service.http.request, method, path, params={"wait": LONG}, timeout=LONG / 2)
            until(lambda: service.notifier.subscriptions == subscriptions)
            return answer

        yield send_in_background
        assert service.notifier.subscriptions == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_batch_comes_when_it_is_recorded(service, send, method):
    job = service.job()
    coming = send(f"/v1/jobs/{job}/batches/2", method=method)
    service.record(job, 1, b"another")
    service.record(job, 2, b"the one")
    assert coming.result().status_code == 200
    assert coming.result().content == (b"the one" if method == "GET" else b"")


def test_a_recorded_batch_is_sent_at_once(service):
    job = service.job()
    service.record(job, 2, b"the one")
    assert service.http.get(f"/v1/jobs/{job}/batches/2", params={"wait": LONG}).content == b"the one"


def test_only_subscribers_of_a_batch_read_the_ledger_again(service, send, monkeypatch):
    job, other = service.job(), service.job(samples=6)
    waiting = [send(f"/v1/jobs/{name}/batches/{n}", k) for k, (name, n) in enumerate([(job, 0), (other, 0)], 1)]
    reads, batch = [], service.ledger.batches.get

    def counted(job_id, number):
        reads.append((job_id, number))
        return batch(job_id, number)

    monkeypatch.setattr(service.ledger.batches, "get", counted)
    for number in (1, 2, 0):
        service.record(job, number, b"x")
    assert waiting[0].result().content == b"x"
    assert reads == [(job, 0)]
    service.finish(other)
    assert waiting[1].result().status_code == 200


def test_a_lost_notification(service, send, monkeypatch):
    monkeypatch.setattr("service.services.job_notifier.FALLBACK_SECONDS", 0.2)
    monkeypatch.setattr(service.notifier, "_notify", lambda *_: None)
    job = service.job()
    coming = send(f"/v1/jobs/{job}/batches/2")
    service.record(job, 2, b"the one")
    assert coming.result().content == b"the one"


def test_the_time_runs_out(service):
    job = service.job()
    began = time.monotonic()
    answer = service.http.get(f"/v1/jobs/{job}/batches/0", params={"wait": 1})
    assert time.monotonic() - began >= 1
    assert problem(answer)["type"].endswith(":not-yet")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("seconds", ["-1", "61", "1.5", "x"])
def test_an_invalid_time(service, seconds):
    answer = service.http.get(f"/v1/jobs/{service.job()}/batches/0", params={"wait": seconds})
    assert errors_by_field(answer)["wait"]["accepted"] == "an integer from 0 to 60"


def test_a_sample_comes_when_it_is_made(service, send):
    job = service.job()
    coming = send(f"/v1/jobs/{job}/samples/5")
    (child,) = service.ledger.jobs.children(job)
    service.finish(child)
    assert coming.result().content == f"{child} 0".encode()


def test_a_sample_whose_job_is_deleted_is_made_by_another(service, send):
    job = service.job()
    coming = send(f"/v1/jobs/{job}/samples/5")
    (first,) = service.ledger.jobs.children(job)
    service.http.delete(f"/v1/jobs/{first}")
    (second,) = until(lambda: service.ledger.jobs.children(job) - {first})
    service.finish(second)
    assert coming.result().content == f"{second} 0".encode()


def test_a_batch_that_fails_while_it_is_awaited(service, send):
    job = service.job()
    coming = send(f"/v1/jobs/{job}/batches/2")
    service.ledger.batches.record_failure(job, BatchFailure(batch=2, error="two atoms in one place"))
    assert "two atoms" in problem(coming.result())["detail"]


def test_a_job_that_is_cancelled_while_it_is_awaited(service, send):
    job = service.job()
    coming = send(f"/v1/jobs/{job}/batches/2")
    service.http.post(f"/v1/jobs/{job}/cancel")
    assert "cancelled" in problem(coming.result())["detail"]


def test_a_job_that_is_deleted_while_it_is_awaited(service, send):
    job = service.job()
    coming = send(f"/v1/jobs/{job}/batches/2")
    service.http.delete(f"/v1/jobs/{job}")
    assert problem(coming.result())["type"].endswith(":not-found")


def test_a_client_that_disconnects_leaves_no_subscription(service):
    path = f"/v1/jobs/{service.job()}/batches/2"
    for _ in range(3):
        with pytest.raises(httpx.ReadTimeout):
            service.http.get(path, params={"wait": LONG}, timeout=0.3)
    until(lambda: service.notifier.subscriptions == 0, LONG / 2)


def test_hundreds_wait_without_a_thread_each(service):
    job = service.job(samples=400, batch_size=1, epochs=20)
    before, limits = threading.active_count(), httpx.Limits(max_connections=None)
    with (
        httpx.Client(base_url=service.http.base_url, trust_env=False, timeout=LONG, limits=limits) as http,
        ThreadPoolExecutor(300) as clients,
    ):

        def ask(number):
            return http.get(f"/v1/jobs/{job}/batches/{number}", params={"wait": LONG}).content

        answers = clients.map(ask, range(300))
        until(lambda: service.notifier.subscriptions == 300)
        assert (
            threading.active_count() <= before + 300 + 40
        )  # those of the clients, and a pool that serves all requests
        service.finish(job)
        assert list(answers) == [f"{job} {number}".encode() for number in range(300)]


@pytest.fixture
def server():
    """A Redis server that a test may stop."""
    server = RedisServer()
    yield server
    server.close()


def test_a_redis_that_is_restarted(server, tmp_path):
    with (
        running(Settings(redis_url=server.url, store_url=tmp_path.as_uri())) as service,
        ThreadPoolExecutor(1) as thread,
    ):
        path = f"/v1/jobs/{emptied(service).job()}/batches/2"
        coming = thread.submit(service.http.get, path, params={"wait": LONG}, timeout=LONG)
        until(lambda: service.notifier.subscriptions)
        server.stop()
        assert problem(coming.result())["type"].endswith(":unavailable")
        assert coming.result().headers["retry-after"]
        server.start()
        coming = thread.submit(service.http.get, path, params={"wait": LONG}, timeout=LONG)
        until(lambda: service.notifier.subscriptions)
        service.record(path.split("/")[3], 2, b"the one")
        assert coming.result().content == b"the one"


def test_a_service_that_is_stopped(redis_url, tmp_path):
    with ThreadPoolExecutor(1) as thread:
        with running(Settings(redis_url=redis_url, store_url=tmp_path.as_uri())) as service:
            path = str(service.http.base_url.join(f"/v1/jobs/{emptied(service).job()}/batches/2"))
            coming = thread.submit(httpx.get, path, params={"wait": LONG}, timeout=LONG, trust_env=False)
            until(lambda: service.notifier.subscriptions)
        assert problem(coming.result())["type"].endswith(":unavailable")
