"""Requests that wait for what is still to come, and what ends their waiting."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.settings import Settings
from tests.redis_server import RedisServer, until

from .conftest import emptied, faults, problem, running

LONG = 50  # s; no test waits so long


@pytest.fixture
def asking(house, monkeypatch):
    """Asks in the background, and comes back when the service waits, for the bell alone."""
    monkeypatch.setattr("service.services.job_notifier.FALLBACK_SECONDS", LONG)
    with ThreadPoolExecutor(8) as threads:

        def ask(path, waiting=1, method="GET"):
            answer = threads.submit(house.http.request, method, path, params={"wait": LONG}, timeout=LONG / 2)
            until(lambda: house.notifier.subscriptions == waiting)
            return answer

        yield ask
        assert house.notifier.subscriptions == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_batch_comes_when_it_is_recorded(house, asking, method):
    job = house.job()
    coming = asking(f"/v1/jobs/{job}/batches/2", method=method)
    house.record(job, 1, b"another")
    house.record(job, 2, b"the one")
    assert coming.result().status_code == 200
    assert coming.result().content == (b"the one" if method == "GET" else b"")


def test_what_is_there_does_not_wait(house):
    job = house.job()
    house.record(job, 2, b"the one")
    assert house.http.get(f"/v1/jobs/{job}/batches/2", params={"wait": LONG}).content == b"the one"


def test_only_who_waits_for_it_looks_again(house, asking, monkeypatch):
    job, other = house.job(), house.job(samples=6)
    waiting = [asking(f"/v1/jobs/{name}/batches/{n}", k) for k, (name, n) in enumerate([(job, 0), (other, 0)], 1)]
    asked, batch = [], house.ledger.batches.get

    def counted(job_id, number):
        asked.append((job_id, number))
        return batch(job_id, number)

    monkeypatch.setattr(house.ledger.batches, "get", counted)
    for number in (1, 2, 0):
        house.record(job, number, b"x")
    assert waiting[0].result().content == b"x"
    assert asked == [(job, 0)]
    house.finish(other)
    assert waiting[1].result().status_code == 200


def test_a_message_that_was_lost(house, asking, monkeypatch):
    monkeypatch.setattr("service.services.job_notifier.FALLBACK_SECONDS", 0.2)
    monkeypatch.setattr(house.notifier, "_notify", lambda *_: None)
    job = house.job()
    coming = asking(f"/v1/jobs/{job}/batches/2")
    house.record(job, 2, b"the one")
    assert coming.result().content == b"the one"


def test_the_time_is_over(house):
    job = house.job()
    began = time.monotonic()
    answer = house.http.get(f"/v1/jobs/{job}/batches/0", params={"wait": 1})
    assert time.monotonic() - began >= 1
    assert problem(answer)["type"].endswith(":not-yet")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("seconds", ["-1", "61", "1.5", "x"])
def test_a_time_that_can_not_be_one(house, seconds):
    answer = house.http.get(f"/v1/jobs/{house.job()}/batches/0", params={"wait": seconds})
    assert faults(answer)["wait"]["accepted"] == "an integer from 0 to 60"


def test_a_sample_comes_when_it_is_made(house, asking):
    job = house.job()
    coming = asking(f"/v1/jobs/{job}/samples/5")
    (child,) = house.ledger.jobs.children(job)
    house.finish(child)
    assert coming.result().content == f"{child} 0".encode()


def test_a_sample_whose_job_is_deleted_is_made_by_another(house, asking):
    job = house.job()
    coming = asking(f"/v1/jobs/{job}/samples/5")
    (first,) = house.ledger.jobs.children(job)
    house.http.delete(f"/v1/jobs/{first}")
    (second,) = until(lambda: house.ledger.jobs.children(job) - {first})
    house.finish(second)
    assert coming.result().content == f"{second} 0".encode()


def test_a_batch_that_fails_meanwhile(house, asking):
    job = house.job()
    coming = asking(f"/v1/jobs/{job}/batches/2")
    house.ledger.batches.record_failure(job, BatchFailure(batch=2, error="two atoms in one place"))
    assert "two atoms" in problem(coming.result())["detail"]


def test_a_job_that_is_cancelled_meanwhile(house, asking):
    job = house.job()
    coming = asking(f"/v1/jobs/{job}/batches/2")
    house.http.post(f"/v1/jobs/{job}/cancel")
    assert "cancelled" in problem(coming.result())["detail"]


def test_a_job_that_is_deleted_meanwhile(house, asking):
    job = house.job()
    coming = asking(f"/v1/jobs/{job}/batches/2")
    house.http.delete(f"/v1/jobs/{job}")
    assert problem(coming.result())["type"].endswith(":not-found")


def test_a_client_that_goes_away_leaves_nothing(house):
    path = f"/v1/jobs/{house.job()}/batches/2"
    for _ in range(3):
        with pytest.raises(httpx.ReadTimeout):
            house.http.get(path, params={"wait": LONG}, timeout=0.3)
    until(lambda: house.notifier.subscriptions == 0, LONG / 2)


def test_hundreds_wait_without_a_thread_each(house):
    job = house.job(samples=400, batch_size=1, epochs=20)
    before, limits = threading.active_count(), httpx.Limits(max_connections=None)
    with (
        httpx.Client(base_url=house.http.base_url, trust_env=False, timeout=LONG, limits=limits) as http,
        ThreadPoolExecutor(300) as clients,
    ):

        def ask(number):
            return http.get(f"/v1/jobs/{job}/batches/{number}", params={"wait": LONG}).content

        answers = clients.map(ask, range(300))
        until(lambda: house.notifier.subscriptions == 300)
        assert threading.active_count() <= before + 300 + 40  # the clients', and those for looking that serve all
        house.finish(job)
        assert list(answers) == [f"{job} {number}".encode() for number in range(300)]


@pytest.fixture
def server():
    """A Redis that a test may stop."""
    server = RedisServer()
    yield server
    server.close()


def test_a_redis_that_is_restarted(server, tmp_path):
    with running(Settings(redis_url=server.url, store_url=tmp_path.as_uri())) as house, ThreadPoolExecutor(1) as thread:
        path = f"/v1/jobs/{emptied(house).job()}/batches/2"
        coming = thread.submit(house.http.get, path, params={"wait": LONG}, timeout=LONG)
        until(lambda: house.notifier.subscriptions)
        server.stop()
        assert problem(coming.result())["type"].endswith(":unavailable")
        assert coming.result().headers["retry-after"]
        server.start()
        coming = thread.submit(house.http.get, path, params={"wait": LONG}, timeout=LONG)
        until(lambda: house.notifier.subscriptions)
        house.record(path.split("/")[3], 2, b"the one")
        assert coming.result().content == b"the one"


def test_a_service_that_is_stopped(redis_url, tmp_path):
    with ThreadPoolExecutor(1) as thread:
        with running(Settings(redis_url=redis_url, store_url=tmp_path.as_uri())) as house:
            path = str(house.http.base_url.join(f"/v1/jobs/{emptied(house).job()}/batches/2"))
            coming = thread.submit(httpx.get, path, params={"wait": LONG}, timeout=LONG, trust_env=False)
            until(lambda: house.notifier.subscriptions)
        assert problem(coming.result())["type"].endswith(":unavailable")
