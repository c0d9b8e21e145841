"""Single samples of a job by number: each is made alone, before all other work, by an unlisted job of its own."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.sampling.plan import Plan
from afmbatch.storage.object_store import job_prefix

from .conftest import errors_by_field, problem, unchanged


def request(service, job, number, method="GET", **headers):
    return service.http.request(method, f"/v1/jobs/{job}/samples/{number}", headers=headers)


def child(service, job):
    """Return the id of the only child of a job."""
    (found,) = service.ledger.jobs.children(job)
    return found


def made(service, job, number, data=b"npz of one sample"):
    """Request a sample and record it, as a worker does."""
    request(service, job, number)
    service.record(child(service, job), 0, data)


def test_a_sample_comes_before_all_other_work(service):
    job = service.job()
    answer = request(service, job, 5)
    assert answer.status_code == 404
    assert answer.headers["retry-after"]
    assert problem(answer)["type"].endswith(":not-yet")
    assert service.queued() == [f"{child(service, job)}-0", f"{job}-0"]
    record = service.ledger.jobs.get(child(service, job))
    assert (record.only, record.parent) == ((5,), job)
    assert Plan(record).numbers(0).tolist() == [5]


def test_a_sample_that_was_made_is_downloaded(service):
    job = service.job()
    made(service, job, 5, b"0123456789")
    etag = f'"{hashlib.sha256(b"0123456789").hexdigest()}"'
    with unchanged(service):
        answer = request(service, job, 5)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"0123456789", etag)
        assert answer.headers["content-disposition"] == f'attachment; filename="{job}-sample-00000005.npz"'
        assert request(service, job, 5, Range="bytes=3-5").content == b"345"
        assert request(service, job, 5, **{"If-None-Match": etag}).status_code == 304
        head = request(service, job, 5, "HEAD")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")


def test_requesting_again_makes_no_second_job(service):
    job = service.job()
    request(service, job, 5)
    with unchanged(service):
        assert request(service, job, 5).status_code == 404
        assert request(service, job, 5, "HEAD").status_code == 404


def test_simultaneous_requests_make_one_job(service):
    job = service.job()
    with ThreadPoolExecutor(8) as threads:
        assert {answer.status_code for answer in threads.map(lambda _: request(service, job, 5), range(8))} == {404}
    assert service.queued() == [f"{child(service, job)}-0", f"{job}-0"]


def test_its_job_is_in_no_list_and_belongs_to_its_parent(service):
    job = service.job()
    made(service, job, 5)
    request(service, job, 6)
    children = service.ledger.jobs.children(job)
    assert [j["id"] for j in service.http.get("/v1/jobs").json()["jobs"]] == [job]
    service.http.delete(f"/v1/jobs/{job}")
    assert not [key for key in service.everything() for name in (job, *children) if name in str(key)]
    assert service.redis.keys("afmbatch:job*") == []
    assert service.queued() == []
    assert all(service.store.keys(job_prefix(name)) == [] for name in children)


def test_a_deleted_child_is_made_again(service):
    job = service.job()
    made(service, job, 5)
    first = child(service, job)
    service.http.delete(f"/v1/jobs/{first}")
    assert request(service, job, 5).status_code == 404
    assert child(service, job) != first


def test_samples_beyond_those_of_the_job(service):
    job = service.job(samples=8)
    assert request(service, job, 29).json()["type"].endswith(":not-yet")
    with unchanged(service):
        answer = request(service, job, 30)
    assert problem(answer)["type"].endswith(":not-found")
    assert "0 to 29" in answer.json()["detail"]


def test_a_sample_that_could_not_be_made_says_why(service):
    job = service.job()
    request(service, job, 5)
    service.ledger.batches.record_failure(child(service, job), BatchFailure(batch=0, error="two atoms in one place"))
    with unchanged(service):
        answer = request(service, job, 5)
    assert problem(answer)["type"].endswith(":not-found")
    assert "two atoms in one place" in answer.json()["detail"]


def test_a_cancelled_child_is_made_again(service):
    job = service.job()
    request(service, job, 5)
    service.http.post(f"/v1/jobs/{child(service, job)}/cancel")
    assert request(service, job, 5).json()["type"].endswith(":not-yet")
    assert len(service.queued()) == 2


def test_a_sample_does_not_answer_for_a_job_nor_a_job_for_a_sample(service):
    spec = {"dataset": service.dataset(), "samples": 8, "batch_size": 2}
    job = service.job()
    request(service, job, int(Plan(service.ledger.jobs.get(job)).numbers(0)[0]))
    shown = service.http.post("/v1/preflight", json=spec, params={"preview": 1}).json()["preview"]["job"]
    assert shown != child(service, job)
    assert shown in [j["id"] for j in service.http.get("/v1/jobs").json()["jobs"]]


def test_a_sample_of_a_job_whose_dataset_was_deleted(service):
    job = service.job(samples=2)
    service.finish(job)
    made(service, job, 1)
    request(service, job, 2)
    dataset = service.dataset()
    refused = service.http.delete(f"/v1/datasets/{dataset}")
    assert refused.status_code == 409  # a sample of it has not been made yet
    for name in service.ledger.jobs.children(job):
        service.http.post(f"/v1/jobs/{name}/cancel")
    assert service.http.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert request(service, job, 1).status_code == 200
    with unchanged(service):
        answer = request(service, job, 3)
    assert answer.status_code == 409
    assert dataset in problem(answer)["detail"]


def test_a_parent_that_is_deleted_during_the_request(service, monkeypatch):
    job = service.job()
    enqueued = service.ledger.jobs.add

    def late(record, pipe):
        enqueued(record, pipe)
        service.ledger.jobs.remove(job)

    monkeypatch.setattr(service.ledger.jobs, "add", late)
    answer = request(service, job, 5)
    assert answer.status_code == 404
    assert job in problem(answer)["detail"]
    assert service.redis.keys("afmbatch:job*") == []


def test_a_sample_of_a_job_that_does_not_exist(service):
    answer = request(service, "job-0000000000000000", 0)
    assert answer.status_code == 404
    assert "job" in problem(answer)["detail"]


@pytest.mark.parametrize("number", ["-1", "x", str(2**53)])
def test_an_invalid_number(service, number):
    assert errors_by_field(request(service, service.job(), number))["number"]["accepted"].startswith(
        "an integer from 0"
    )
