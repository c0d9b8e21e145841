"""A job's events: what is told, in which order, and what a client that comes back has missed."""

import contextlib
import itertools
import json

import httpx
import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.settings import Settings
from tests.redis_server import RedisServer, until

from .conftest import emptied, faults, problem, running


@contextlib.contextmanager
def following(house, job, last=None):
    """The events, (kind, id, data) each."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with house.http.stream("GET", f"/v1/jobs/{job}/events", headers=headers, timeout=30) as answer:
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


def test_a_job_from_beginning_to_end(house):
    job = house.job()
    with following(house, job) as events:
        kind, _, status = next(events)
        assert (kind, status["state"]) == ("progress", "queued")
        assert status == house.status(job)
        house.ledger.jobs.mark_started(job)
        for k, number in enumerate((2, 0, 3, 1), 1):
            house.record(job, number, b"x" * number)
            kind, place, record = next(e for e in events if e[0] == "batch")
            assert (place, record["batch"], record["bytes"]) == (k, number, number)
        *between, (kind, place, status) = events
        assert {e[0] for e in between} <= {"progress"}
        assert (kind, place) == ("end", 4)
        assert status == house.status(job)


def test_a_job_that_has_ended(house):
    job = house.job()
    house.finish(job)
    with following(house, job) as events:
        kinds = [kind for kind, *_ in events]
    assert kinds == ["batch"] * 4 + ["progress", "end"]


def test_who_comes_back_gets_what_he_missed(house):
    job = house.job()
    house.record(job, 3, b"x")
    house.record(job, 1, b"x")
    with following(house, job) as events:
        assert numbers(itertools.islice(events, 2)) == [3, 1]
        progress = next(events)
        assert progress[:2] == ("progress", 2)  # whoever has it has the batches before
    house.record(job, 2, b"x")
    house.record(job, 0, b"x")
    with following(house, job, last=2) as events:
        assert numbers(events) == [2, 0]
    with following(house, job, last=4) as events:
        assert numbers(events) == []


def test_more_than_a_page(house):
    job = house.job(samples=600, batch_size=1, epochs=20)
    house.finish(job)
    with following(house, job) as events:
        told = list(events)
    assert numbers(told) == list(range(600))
    assert [place for kind, place, _ in told if kind == "batch"] == list(range(1, 601))


@pytest.mark.parametrize("how", ["cancel", "fail"])
def test_a_job_that_ends_otherwise(house, how):
    job = house.job()
    with following(house, job) as events:
        next(events)
        if how == "cancel":
            house.http.post(f"/v1/jobs/{job}/cancel")
        for number in range(4 if how == "fail" else 0):
            house.ledger.batches.record_failure(job, BatchFailure(batch=number, error="two atoms in one place"))
        *_, (kind, _, status) = events
    assert kind == "end"
    assert status["state"] == {"cancel": "cancelled", "fail": "failed"}[how]


def test_a_job_that_is_deleted_meanwhile(house):
    """The stream ends without an end; who asks again hears why."""
    job = house.job()
    with following(house, job) as events:
        next(events)
        house.http.delete(f"/v1/jobs/{job}")
        assert "end" not in [kind for kind, *_ in events]
    assert problem(house.http.get(f"/v1/jobs/{job}/events"))["type"].endswith(":not-found")


def test_progress_is_told_twice_a_second_at_most(house, monkeypatch):
    monkeypatch.setattr("service.services.events.PROGRESS_SECONDS", 60)
    job = house.job()
    with following(house, job) as events:
        next(events)
        for number in range(3):
            house.record(job, number, b"x")
            kind, *_ = next(events)
            assert kind == "batch"


def test_silence_is_filled(house, monkeypatch):
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.1)
    with house.http.stream("GET", f"/v1/jobs/{house.job()}/events") as answer:
        assert next(line for line in answer.iter_lines() if line.startswith(":")) == ": ping"


def test_a_client_that_goes_away_leaves_nothing(house):
    job = house.job()
    for _ in range(3):
        with following(house, job) as events:
            next(events)
            until(lambda: house.notifier.subscriptions)
        until(lambda: house.notifier.subscriptions == 0)


@pytest.mark.parametrize("last", ["-1", "x", str(2**53)])
def test_an_id_that_was_never_one(house, last):
    answer = house.http.get(f"/v1/jobs/{house.job()}/events", headers={"Last-Event-ID": last})
    assert answer.status_code == 422
    assert faults(answer)["Last-Event-ID"]["accepted"] == f"an integer from 0 to {2**53 - 1}"


def test_a_redis_that_goes_away(tmp_path):
    server = RedisServer()
    try:
        settings = Settings(redis_url=server.url, store_url=tmp_path.as_uri())
        with running(settings) as house, following(house, emptied(house).job()) as events:
            next(events)
            server.stop()
            assert list(events) == []
    finally:
        server.close()


def test_a_service_that_is_stopped(redis_url, tmp_path):
    with httpx.Client(trust_env=False) as http:
        with running(Settings(redis_url=redis_url, store_url=tmp_path.as_uri())) as house:
            url = house.http.base_url.join(f"/v1/jobs/{emptied(house).job()}/events")
            lines = http.send(http.build_request("GET", url), stream=True).iter_lines()
            assert next(lines) == "event: progress"
        assert [line for line in lines if line.startswith("event")] == []
