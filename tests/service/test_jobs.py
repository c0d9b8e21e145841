"""Jobs over HTTP: post, once for each idempotency key, list, cancel, delete."""

import pytest
from redis import RedisError

from afmbatch.ledger import shard_scheduler as issue
from afmbatch.ledger.records import BatchFailure

from .conftest import problem, unchanged


def queued(house):
    return house.queue.connection.llen(house.queue.key)


def test_a_job_is_planned_recorded_and_queued(house):
    answer = house.http.post("/v1/jobs", json={"dataset": house.dataset(), "batch_size": 7})
    assert answer.status_code == 201
    status = answer.json()
    assert status["state"] == "queued"
    assert status["counts"]["samples"] == 30
    assert status["counts"]["batches"] == 5
    assert status["spec"]["scan"]["dim"] == [128, 128, 19]
    assert house.http.get(answer.headers["location"]).json() == status
    assert queued(house) == 1


def test_the_echoed_spec_makes_the_same_job(house):
    spec = house.http.get(f"/v1/jobs/{house.job()}").json()["spec"]
    again = house.http.post("/v1/jobs", json=spec | {"seed": 1})
    assert again.status_code == 201
    assert again.json()["spec"] == spec | {"seed": 1}


def test_an_idempotency_key_makes_one_job(house):
    spec, key = {"dataset": house.dataset()}, {"Idempotency-Key": "one"}
    first = house.http.post("/v1/jobs", json=spec, headers=key)
    with unchanged(house):
        again = house.http.post("/v1/jobs", json=spec | {"seed": 0}, headers=key)  # the same, said in other words
        other = house.http.post("/v1/jobs", json=spec | {"seed": 1}, headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json() == first.json()
    assert first.json()["id"] in problem(other)["detail"]


def test_a_request_that_failed_frees_its_key(house):
    key = {"Idempotency-Key": "one"}
    with unchanged(house):
        assert house.http.post("/v1/jobs", json={"dataset": "ds-0"}, headers=key).status_code == 422
    assert house.http.post("/v1/jobs", json={"dataset": house.dataset()}, headers=key).status_code == 201


def test_the_key_of_a_deleted_job_says_so(house):
    spec, key = {"dataset": house.dataset()}, {"Idempotency-Key": "one"}
    job = house.http.post("/v1/jobs", json=spec, headers=key).json()["id"]
    house.http.delete(f"/v1/jobs/{job}")
    answer = house.http.post("/v1/jobs", json=spec, headers=key)
    assert answer.status_code == 409
    assert job in problem(answer)["detail"]


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 201])
def test_a_key_that_can_not_be_one(house, key):
    spec = {"dataset": house.dataset()}
    with unchanged(house):
        answer = house.http.post("/v1/jobs", json=spec, headers={"Idempotency-Key": key.encode()})
    assert answer.status_code == 422
    problem(answer)


def test_a_job_that_can_not_be_queued_leaves_nothing(house, monkeypatch):
    def fail(*_, **__):
        raise RedisError("gone")

    spec = {"dataset": house.dataset()}
    monkeypatch.setattr(issue, "enqueue_shard", fail)
    with unchanged(house):
        answer = house.http.post("/v1/jobs", json=spec, headers={"Idempotency-Key": "one"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_a_dataset_deleted_while_a_job_is_made(house, monkeypatch):
    dataset = house.dataset()
    add_job = house.ledger.jobs.add

    def slow(record, pipe):
        house.ledger.datasets.remove(dataset)
        add_job(record, pipe)

    monkeypatch.setattr(house.ledger.jobs, "add", slow)
    assert house.http.post("/v1/jobs", json={"dataset": dataset}).status_code == 422
    assert house.http.get("/v1/jobs").json()["total"] == 0
    assert queued(house) == 0


def test_jobs_are_listed_newest_first(house):
    jobs = [house.job(seed=n) for n in range(3)]
    first = house.http.get("/v1/jobs", params={"limit": 2}).json()
    assert [j["id"] for j in first["jobs"]] == jobs[:0:-1]
    assert first["total"] == 3
    assert house.http.get("/v1/jobs", params={"start": 5}).json()["jobs"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "start=-1", f"start={2**63}", "start=1.5"])
def test_pages_have_bounds(house, query):
    assert house.http.get(f"/v1/jobs?{query}").status_code == 422


def test_cancelling_empties_the_queue_and_can_be_repeated(house):
    job = house.job()
    first = house.http.post(f"/v1/jobs/{job}/cancel")
    assert first.json()["state"] == "cancelled"
    assert queued(house) == 0
    with unchanged(house):
        assert house.http.post(f"/v1/jobs/{job}/cancel").json() == first.json()


def test_cancelling_leaves_the_tasks_of_others_in_their_order(house):
    before, job, after = (house.job(seed=n) for n in range(3))
    house.http.post(f"/v1/jobs/{job}/cancel")
    assert house.redis.lrange(house.queue.key, 0, -1) == [f"{before}-0".encode(), f"{after}-0".encode()]


def test_cancelling_a_finished_job_changes_nothing(house):
    failed, done = house.job(samples=2), house.job(samples=2, seed=1)
    house.ledger.batches.record_failure(failed, BatchFailure(batch=0, error="two atoms in one place"))
    house.record(done, 0, b"npz")
    with unchanged(house):
        assert house.http.post(f"/v1/jobs/{failed}/cancel").json()["state"] == "failed"
        assert house.http.post(f"/v1/jobs/{done}/cancel").json()["state"] == "done"


def test_a_deleted_job_leaves_nothing(house):
    job = house.job()
    house.record(job, 0, b"npz")
    assert house.http.delete(f"/v1/jobs/{job}").status_code == 204
    assert not [key for key in house.everything() if job in str(key)]
    assert house.http.get("/v1/jobs").json() == {"total": 0, "start": 0, "jobs": []}
    assert house.http.get(f"/v1/jobs/{job}").status_code == 404
    assert house.http.delete(f"/v1/jobs/{job}").status_code == 404


@pytest.mark.parametrize("job", ["x", "job-1", "job-0123456789abcdef:done", "job-0123456789ABCDEF", "%00"])
def test_an_id_that_can_not_be_one(house, job):
    for answer in (
        house.http.get(f"/v1/jobs/{job}"),
        house.http.delete(f"/v1/jobs/{job}"),
        house.http.post(f"/v1/jobs/{job}/cancel"),
        house.http.get(f"/v1/jobs/{job}/batches/0"),
    ):
        assert answer.status_code == 422
        problem(answer)
