"""Events of a job: their content and order, and the events that a returning client has missed."""

import contextlib
import itertools
import json

import httpx
import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.settings import Settings
from tests.redis_server import RedisServer, until

from .conftest import emptied, errors_by_field, problem, running


@contextlib.contextmanager
def following(service, job, last=None):
    """Follow a job; yield an iterator of its events, each as (kind, id, data)."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with service.http.stream("GET", f"/v1/jobs/{job}/events", headers=headers, timeout=30) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in answer.headers["cache-control"].split(", ")
        yield parsed(answer.iter_lines())


def parsed(lines):
    for line in lines:
        if line.startswith("event: "):
            data, number = next(lines), next(lines)
            assert next(lines) == ""
            yield line[7:], int(number.removeprefix("id: ")), json.loads(data.removeprefix("data: "))
        else:
            assert line in ("", ": ping")


def numbers(events):
    return [data["batch"] for kind, _, data in events if kind == "batch"]


def test_a_job_from_beginning_to_end(service):
    job = service.job()
    with following(service, job) as events:
        kind, _, status = next(events)
        assert (kind, status["state"]) == ("progress", "queued")
        assert status == service.status(job)
        service.ledger.jobs.mark_started(job)
        for k, number in enumerate((2, 0, 3, 1), 1):
            service.record(job, number, b"x" * number)
            kind, position, record = next(e for e in events if e[0] == "batch")
            assert (position, record["batch"], record["bytes"]) == (k, number, number)
        *between, (kind, position, status) = events
        assert {e[0] for e in between} <= {"progress"}
        assert (kind, position) == ("end", 4)
        assert status == service.status(job)


def test_a_job_that_has_ended(service):
    job = service.job()
    service.finish(job)
    with following(service, job) as events:
        kinds = [kind for kind, *_ in events]
    assert kinds == ["batch"] * 4 + ["progress", "end"]


def test_a_returning_client_gets_the_events_it_missed(service):
    job = service.job()
    service.record(job, 3, b"x")
    service.record(job, 1, b"x")
    with following(service, job) as events:
        assert numbers(itertools.islice(events, 2)) == [3, 1]
        progress = next(events)
        assert progress[:2] == ("progress", 2)  # a client that has this event has the batches before it
    service.record(job, 2, b"x")
    service.record(job, 0, b"x")
    with following(service, job, last=2) as events:
        assert numbers(events) == [2, 0]
    with following(service, job, last=4) as events:
        assert numbers(events) == []


def test_more_batches_than_a_page(service):
    job = service.job(samples=600, batch_size=1, epochs=20)
    service.finish(job)
    with following(service, job) as events:
        received = list(events)
    assert numbers(received) == list(range(600))
    assert [position for kind, position, _ in received if kind == "batch"] == list(range(1, 601))


@pytest.mark.parametrize("how", ["cancel", "fail"])
def test_a_job_that_ends_otherwise(service, how):
    job = service.job()
    with following(service, job) as events:
        next(events)
        if how == "cancel":
            service.http.post(f"/v1/jobs/{job}/cancel")
        for number in range(4 if how == "fail" else 0):
            service.ledger.batches.record_failure(job, BatchFailure(batch=number, error="two atoms in one position"))
        *_, (kind, _, status) = events
    assert kind == "end"
    assert status["state"] == {"cancel": "cancelled", "fail": "failed"}[how]


def test_a_job_that_is_deleted_while_it_is_followed(service):
    """The stream ends without an `end` event; the next request is answered with the reason."""
    job = service.job()
    with following(service, job) as events:
        next(events)
        service.http.delete(f"/v1/jobs/{job}")
        assert "end" not in [kind for kind, *_ in events]
    assert problem(service.http.get(f"/v1/jobs/{job}/events"))["type"].endswith(":not-found")


def test_progress_is_sent_at_most_twice_a_second(service, monkeypatch):
    monkeypatch.setattr("service.services.events.PROGRESS_SECONDS", 60)
    job = service.job()
    with following(service, job) as events:
        next(events)
        for number in range(3):
            service.record(job, number, b"x")
            kind, *_ = next(events)
            assert kind == "batch"


def test_an_idle_stream_is_kept_alive(service, monkeypatch):
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.1)
    with service.http.stream("GET", f"/v1/jobs/{service.job()}/events") as answer:
        assert next(line for line in answer.iter_lines() if line.startswith(":")) == ": ping"


def test_a_client_that_disconnects_leaves_no_subscription(service):
    job = service.job()
    for _ in range(3):
        with following(service, job) as events:
            next(events)
            until(lambda: service.notifier.subscriptions)
        until(lambda: service.notifier.subscriptions == 0)


@pytest.mark.parametrize("last", ["-1", "x", str(2**53)])
def test_an_invalid_last_event_id(service, last):
    answer = service.http.get(f"/v1/jobs/{service.job()}/events", headers={"Last-Event-ID": last})
    assert answer.status_code == 422
    assert errors_by_field(answer)["Last-Event-ID"]["accepted"] == f"an integer from 0 to {2**53 - 1}"


def test_a_redis_that_stops(tmp_path):
    server = RedisServer()
    try:
        settings = Settings(redis_url=server.url, store_url=tmp_path.as_uri())
        with running(settings) as service, following(service, emptied(service).job()) as events:
            next(events)
            server.stop()
            assert list(events) == []
    finally:
        server.close()


def test_a_service_that_is_stopped(redis_url, tmp_path):
    with httpx.Client(trust_env=False) as http:
        with running(Settings(redis_url=redis_url, store_url=tmp_path.as_uri())) as service:
            url = service.http.base_url.join(f"/v1/jobs/{emptied(service).job()}/events")
            lines = http.send(http.build_request("GET", url), stream=True).iter_lines()
            assert next(lines) == "event: progress"
        assert [line for line in lines if line.startswith("event")] == []
