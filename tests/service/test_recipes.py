"""A recipe that is posted again finds the job that makes it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec

from .conftest import BARE_WATER, unchanged


def posted(service, **spec):
    """Post a job of four batches and return the answer."""
    spec = {"dataset": service.dataset(), "samples": 8, "batch_size": 2} | spec
    return service.http.post("/v1/jobs", json=spec)


def test_a_job_states_its_recipe(service):
    status = posted(service, seed=3).json()
    recipe = Recipe.of(JobSpec(dataset=service.dataset(), samples=8, batch_size=2, seed=3), 1)
    assert status["recipe"] == recipe.recipe_id
    assert status["sources"] == [{"dataset": service.dataset(), "structures": 1}]


def test_the_same_recipe_finds_the_job(service):
    first = posted(service)
    with unchanged(service):
        again = posted(service, seed=0, distance=4.5)  # the same spec, written differently
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]


def test_it_is_found_while_it_runs_and_when_it_is_done(service):
    job = service.job()
    service.ledger.jobs.mark_started(job)
    assert posted(service).json()["id"] == job
    service.finish(job)
    again = posted(service)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (200, job, "done")


@pytest.mark.parametrize("field", ["seed", "samples", "batch_size", "epochs"])
def test_another_recipe_makes_another_job(service, field):
    first = posted(service, rotations={"kind": "uniform", "n": 20}).json()
    other = posted(service, rotations={"kind": "uniform", "n": 20}, **{field: 3})
    assert other.status_code == 201
    assert other.json()["recipe"] != first["recipe"]


def test_other_content_is_another_recipe(service):
    first = posted(service, force_field={"charges": "none"}).json()
    other = posted(service, force_field={"charges": "none"}, dataset=service.dataset(BARE_WATER, "bare.xyz"))
    assert other.status_code == 201
    assert other.json()["recipe"] != first["recipe"]


def test_a_job_that_did_not_make_it_is_not_found(service):
    cancelled = service.job()
    service.http.post(f"/v1/jobs/{cancelled}/cancel")
    failed = service.job()
    for batch in range(4):
        service.ledger.batches.record_failure(failed, BatchFailure(batch=batch, error="two atoms in one place"))
    deleted = service.job()
    service.http.delete(f"/v1/jobs/{deleted}")
    last = service.job()
    assert len({cancelled, failed, deleted, last}) == 4
    assert posted(service).json()["id"] == last
    assert len({service.status(job)["recipe"] for job in (cancelled, failed, last)}) == 1


def test_deleting_an_earlier_job_of_a_recipe_leaves_the_later_one_found(service):
    cancelled = service.job()
    service.http.post(f"/v1/jobs/{cancelled}/cancel")
    last = service.job()
    service.http.delete(f"/v1/jobs/{cancelled}")
    assert posted(service).json()["id"] == last


def test_simultaneous_posts_make_one_job(service):
    dataset = service.dataset()
    for seed in range(5):
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _, s=seed: posted(service, dataset=dataset, seed=s), range(8)))
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert service.http.get("/v1/jobs").json()["total"] == 5
    assert len(service.queued()) == 5


def test_an_idempotency_key_is_kept_for_the_job_that_was_found(service):
    key = {"Idempotency-Key": "one"}
    job = service.job()
    spec = {"dataset": service.dataset(), "samples": 8, "batch_size": 2}
    found = service.http.post("/v1/jobs", json=spec, headers=key)
    assert (found.status_code, found.json()["id"]) == (200, job)
    service.http.post(f"/v1/jobs/{job}/cancel")
    again = service.http.post("/v1/jobs", json=spec, headers=key)  # the key belongs to this job
    assert (again.status_code, again.json()["id"]) == (200, job)
    assert service.http.post("/v1/jobs", json=spec).json()["id"] != job
