"""Jobs over HTTP: posted once for each idempotency key, listed, cancelled and deleted."""

import pytest
from redis import RedisError

from afmbatch.ledger import shard_scheduler
from afmbatch.ledger.records import BatchFailure

from .conftest import problem, unchanged


def queued(service):
    return service.queue.connection.llen(service.queue.key)


def test_a_job_is_planned_recorded_and_queued(service):
    answer = service.http.post("/v1/jobs", json={"dataset": service.dataset(), "batch_size": 7})
    assert answer.status_code == 201
    status = answer.json()
    assert status["state"] == "queued"
    assert status["counts"]["samples"] == 30
    assert status["counts"]["batches"] == 5
    assert status["spec"]["scan"]["dim"] == [128, 128, 19]
    assert service.http.get(answer.headers["location"]).json() == status
    assert queued(service) == 1


def test_the_echoed_spec_makes_the_same_job(service):
    spec = service.http.get(f"/v1/jobs/{service.job()}").json()["spec"]
    again = service.http.post("/v1/jobs", json=spec | {"seed": 1})
    assert again.status_code == 201
    assert again.json()["spec"] == spec | {"seed": 1}


def test_an_idempotency_key_makes_one_job(service):
    spec, key = {"dataset": service.dataset()}, {"Idempotency-Key": "one"}
    first = service.http.post("/v1/jobs", json=spec, headers=key)
    with unchanged(service):
        again = service.http.post(
            "/v1/jobs", json=spec | {"seed": 0}, headers=key
        )  # the same spec, written differently
        other = service.http.post("/v1/jobs", json=spec | {"seed": 1}, headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json() == first.json()
    assert first.json()["id"] in problem(other)["detail"]


def test_a_request_that_failed_frees_its_key(service):
    key = {"Idempotency-Key": "one"}
    with unchanged(service):
        assert service.http.post("/v1/jobs", json={"dataset": "ds-0"}, headers=key).status_code == 422
    assert service.http.post("/v1/jobs", json={"dataset": service.dataset()}, headers=key).status_code == 201


def test_the_key_of_a_deleted_job(service):
    spec, key = {"dataset": service.dataset()}, {"Idempotency-Key": "one"}
    job = service.http.post("/v1/jobs", json=spec, headers=key).json()["id"]
    service.http.delete(f"/v1/jobs/{job}")
    answer = service.http.post("/v1/jobs", json=spec, headers=key)
    assert answer.status_code == 409
    assert job in problem(answer)["detail"]


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 201])
def test_an_invalid_key(service, key):
    spec = {"dataset": service.dataset()}
    with unchanged(service):
        answer = service.http.post("/v1/jobs", json=spec, headers={"Idempotency-Key": key.encode()})
    assert answer.status_code == 422
    problem(answer)


def test_a_job_that_cannot_be_queued_leaves_nothing(service, monkeypatch):
    def fail(*_, **__):
        raise RedisError("gone")

    spec = {"dataset": service.dataset()}
    monkeypatch.setattr(shard_scheduler, "enqueue_shard", fail)
    with unchanged(service):
        answer = service.http.post("/v1/jobs", json=spec, headers={"Idempotency-Key": "one"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_a_dataset_deleted_while_a_job_is_made(service, monkeypatch):
    dataset = service.dataset()
    add_job = service.ledger.jobs.add

    def slow(record, pipe):
        service.ledger.datasets.remove(dataset)
        add_job(record, pipe)

    monkeypatch.setattr(service.ledger.jobs, "add", slow)
    assert service.http.post("/v1/jobs", json={"dataset": dataset}).status_code == 422
    assert service.http.get("/v1/jobs").json()["total"] == 0
    assert queued(service) == 0


def test_jobs_are_listed_newest_first(service):
    jobs = [service.job(seed=n) for n in range(3)]
    first = service.http.get("/v1/jobs", params={"limit": 2}).json()
    assert [j["id"] for j in first["jobs"]] == jobs[:0:-1]
    assert first["total"] == 3
    assert service.http.get("/v1/jobs", params={"start": 5}).json()["jobs"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "start=-1", f"start={2**63}", "start=1.5"])
def test_pages_have_bounds(service, query):
    assert service.http.get(f"/v1/jobs?{query}").status_code == 422


def test_cancelling_empties_the_queue_and_can_be_repeated(service):
    job = service.job()
    first = service.http.post(f"/v1/jobs/{job}/cancel")
    assert first.json()["state"] == "cancelled"
    assert queued(service) == 0
    with unchanged(service):
        assert service.http.post(f"/v1/jobs/{job}/cancel").json() == first.json()


def test_cancelling_keeps_the_order_of_other_tasks(service):
    before, job, after = (service.job(seed=n) for n in range(3))
    service.http.post(f"/v1/jobs/{job}/cancel")
    assert service.redis.lrange(service.queue.key, 0, -1) == [f"{before}-0".encode(), f"{after}-0".encode()]


def test_cancelling_a_finished_job_changes_nothing(service):
    failed, done = service.job(samples=2), service.job(samples=2, seed=1)
    service.ledger.batches.record_failure(failed, BatchFailure(batch=0, error="two atoms in one place"))
    service.record(done, 0, b"npz")
    with unchanged(service):
        assert service.http.post(f"/v1/jobs/{failed}/cancel").json()["state"] == "failed"
        assert service.http.post(f"/v1/jobs/{done}/cancel").json()["state"] == "done"


def test_a_deleted_job_leaves_nothing(service):
    job = service.job()
    service.record(job, 0, b"npz")
    assert service.http.delete(f"/v1/jobs/{job}").status_code == 204
    assert not [key for key in service.everything() if job in str(key)]
    assert service.http.get("/v1/jobs").json() == {"total": 0, "start": 0, "jobs": []}
    assert service.http.get(f"/v1/jobs/{job}").status_code == 404
    assert service.http.delete(f"/v1/jobs/{job}").status_code == 404


@pytest.mark.parametrize("job", ["x", "job-1", "job-0123456789abcdef:done", "job-0123456789ABCDEF", "%00"])
def test_an_invalid_id(service, job):
    for answer in (
        service.http.get(f"/v1/jobs/{job}"),
        service.http.delete(f"/v1/jobs/{job}"),
        service.http.post(f"/v1/jobs/{job}/cancel"),
        service.http.get(f"/v1/jobs/{job}/batches/0"),
    ):
        assert answer.status_code == 422
        problem(answer)
