"""One sample of a job by its number: made alone, before all other work, by a job of its own that nobody sees."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.sampling.plan import Plan
from afmbatch.storage.object_store import job_prefix

from .conftest import faults, problem, unchanged


def asked(house, job, number, method="GET", **headers):
    return house.http.request(method, f"/v1/jobs/{job}/samples/{number}", headers=headers)


def child(house, job):
    """The one job of a sample of a job."""
    (found,) = house.ledger.jobs.children(job)
    return found


def made(house, job, number, data=b"npz of one sample"):
    """Ask for a sample, and do the worker's work."""
    asked(house, job, number)
    house.record(child(house, job), 0, data)


def test_a_sample_comes_before_all_other_work(house):
    job = house.job()
    answer = asked(house, job, 5)
    assert answer.status_code == 404
    assert answer.headers["retry-after"]
    assert problem(answer)["type"].endswith(":not-yet")
    assert house.queued() == [f"{child(house, job)}-0", f"{job}-0"]
    record = house.ledger.jobs.get(child(house, job))
    assert (record.only, record.parent) == ((5,), job)
    assert Plan(record).numbers(0).tolist() == [5]


def test_a_sample_that_was_made_is_downloaded(house):
    job = house.job()
    made(house, job, 5, b"0123456789")
    etag = f'"{hashlib.sha256(b"0123456789").hexdigest()}"'
    with unchanged(house):
        answer = asked(house, job, 5)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"0123456789", etag)
        assert answer.headers["content-disposition"] == f'attachment; filename="{job}-sample-00000005.npz"'
        assert asked(house, job, 5, Range="bytes=3-5").content == b"345"
        assert asked(house, job, 5, **{"If-None-Match": etag}).status_code == 304
        head = asked(house, job, 5, "HEAD")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")


def test_asking_again_asks_once(house):
    job = house.job()
    asked(house, job, 5)
    with unchanged(house):
        assert asked(house, job, 5).status_code == 404
        assert asked(house, job, 5, "HEAD").status_code == 404


def test_asking_at_once_asks_once(house):
    job = house.job()
    with ThreadPoolExecutor(8) as threads:
        assert {answer.status_code for answer in threads.map(lambda _: asked(house, job, 5), range(8))} == {404}
    assert house.queued() == [f"{child(house, job)}-0", f"{job}-0"]


def test_its_job_is_in_no_list_and_belongs_to_its_parent(house):
    job = house.job()
    made(house, job, 5)
    asked(house, job, 6)
    children = house.ledger.jobs.children(job)
    assert [j["id"] for j in house.http.get("/v1/jobs").json()["jobs"]] == [job]
    house.http.delete(f"/v1/jobs/{job}")
    assert not [key for key in house.everything() for name in (job, *children) if name in str(key)]
    assert house.redis.keys("afmbatch:job*") == []
    assert house.queued() == []
    assert all(house.store.keys(job_prefix(name)) == [] for name in children)


def test_a_child_that_is_deleted_is_made_anew(house):
    job = house.job()
    made(house, job, 5)
    first = child(house, job)
    house.http.delete(f"/v1/jobs/{first}")
    assert asked(house, job, 5).status_code == 404
    assert child(house, job) != first


def test_samples_beyond_those_of_the_job(house):
    job = house.job(samples=8)
    assert asked(house, job, 29).json()["type"].endswith(":not-yet")
    with unchanged(house):
        answer = asked(house, job, 30)
    assert problem(answer)["type"].endswith(":not-found")
    assert "0 to 29" in answer.json()["detail"]


def test_a_sample_that_could_not_be_made_says_why(house):
    job = house.job()
    asked(house, job, 5)
    house.ledger.batches.record_failure(child(house, job), BatchFailure(batch=0, error="two atoms in one place"))
    with unchanged(house):
        answer = asked(house, job, 5)
    assert problem(answer)["type"].endswith(":not-found")
    assert "two atoms in one place" in answer.json()["detail"]


def test_a_cancelled_one_is_made_anew(house):
    job = house.job()
    asked(house, job, 5)
    house.http.post(f"/v1/jobs/{child(house, job)}/cancel")
    assert asked(house, job, 5).json()["type"].endswith(":not-yet")
    assert len(house.queued()) == 2


def test_a_sample_does_not_answer_for_a_job_nor_a_job_for_a_sample(house):
    spec = {"dataset": house.dataset(), "samples": 8, "batch_size": 2}
    job = house.job()
    asked(house, job, int(Plan(house.ledger.jobs.get(job)).numbers(0)[0]))
    shown = house.http.post("/v1/preflight", json=spec, params={"preview": 1}).json()["preview"]["job"]
    assert shown != child(house, job)
    assert shown in [j["id"] for j in house.http.get("/v1/jobs").json()["jobs"]]


def test_of_a_job_whose_dataset_was_deleted(house):
    job = house.job(samples=2)
    house.finish(job)
    made(house, job, 1)
    asked(house, job, 2)
    dataset = house.dataset()
    refused = house.http.delete(f"/v1/datasets/{dataset}")
    assert refused.status_code == 409  # a sample is still to be made of it
    for name in house.ledger.jobs.children(job):
        house.http.post(f"/v1/jobs/{name}/cancel")
    assert house.http.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert asked(house, job, 1).status_code == 200
    with unchanged(house):
        answer = asked(house, job, 3)
    assert answer.status_code == 409
    assert dataset in problem(answer)["detail"]


def test_a_parent_deleted_meanwhile(house, monkeypatch):
    job = house.job()
    enqueued = house.ledger.jobs.add

    def late(record, pipe):
        enqueued(record, pipe)
        house.ledger.jobs.remove(job)

    monkeypatch.setattr(house.ledger.jobs, "add", late)
    answer = asked(house, job, 5)
    assert answer.status_code == 404
    assert job in problem(answer)["detail"]
    assert house.redis.keys("afmbatch:job*") == []


def test_of_no_job(house):
    answer = asked(house, "job-0000000000000000", 0)
    assert answer.status_code == 404
    assert "job" in problem(answer)["detail"]


@pytest.mark.parametrize("number", ["-1", "x", str(2**53)])
def test_a_number_that_can_not_be_one(house, number):
    assert faults(asked(house, house.job(), number))["number"]["accepted"].startswith("an integer from 0")
