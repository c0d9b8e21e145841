"""The same recipe posted again finds what exists."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec

from .conftest import BARE_WATER, unchanged


def posted(house, **spec):
    """The answer to the post of a job of four batches."""
    spec = {"dataset": house.dataset(), "samples": 8, "batch_size": 2} | spec
    return house.http.post("/v1/jobs", json=spec)


def test_a_job_states_its_recipe(house):
    status = posted(house, seed=3).json()
    recipe = Recipe.of(JobSpec(dataset=house.dataset(), samples=8, batch_size=2, seed=3), 1, 3)
    assert status["recipe"] == recipe.recipe_id
    assert status["sources"] == [{"dataset": house.dataset(), "structures": 1, "atoms": 3}]


def test_the_same_recipe_finds_the_job(house):
    first = posted(house)
    with unchanged(house):
        again = posted(house, seed=0, distance=4.5)  # the same, said in other words
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]


def test_it_is_found_while_it_runs_and_when_it_is_done(house):
    job = house.job()
    house.ledger.jobs.mark_started(job)
    assert posted(house).json()["id"] == job
    house.finish(job)
    again = posted(house)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (200, job, "done")


@pytest.mark.parametrize("field", ["seed", "samples", "batch_size", "epochs"])
def test_another_recipe_makes_another_job(house, field):
    first = posted(house, rotations={"kind": "uniform", "n": 20}).json()
    other = posted(house, rotations={"kind": "uniform", "n": 20}, **{field: 3})
    assert other.status_code == 201
    assert other.json()["recipe"] != first["recipe"]


def test_other_content_is_another_recipe(house):
    first = posted(house, force_field={"kind": "lj_pc", "charges": "none"}).json()
    other = posted(
        house, force_field={"kind": "lj_pc", "charges": "none"}, dataset=house.dataset(BARE_WATER, "bare.xyz")
    )
    assert other.status_code == 201
    assert other.json()["recipe"] != first["recipe"]


def test_a_job_that_did_not_make_it_does_not_count(house):
    cancelled = house.job()
    house.http.post(f"/v1/jobs/{cancelled}/cancel")
    failed = house.job()
    for batch in range(4):
        house.ledger.batches.record_failure(failed, BatchFailure(batch=batch, error="two atoms in one place"))
    deleted = house.job()
    house.http.delete(f"/v1/jobs/{deleted}")
    last = house.job()
    assert len({cancelled, failed, deleted, last}) == 4
    assert posted(house).json()["id"] == last
    assert len({house.status(job)["recipe"] for job in (cancelled, failed, last)}) == 1


def test_deleting_an_earlier_job_of_a_recipe_leaves_the_later_one_found(house):
    cancelled = house.job()
    house.http.post(f"/v1/jobs/{cancelled}/cancel")
    last = house.job()
    house.http.delete(f"/v1/jobs/{cancelled}")
    assert posted(house).json()["id"] == last


def test_simultaneous_posts_make_one_job(house):
    dataset = house.dataset()
    for seed in range(5):
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _, s=seed: posted(house, dataset=dataset, seed=s), range(8)))
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert house.http.get("/v1/jobs").json()["total"] == 5
    assert len(house.queued()) == 5


def test_an_idempotency_key_is_kept_for_the_job_that_was_found(house):
    key = {"Idempotency-Key": "one"}
    job = house.job()
    spec = {"dataset": house.dataset(), "samples": 8, "batch_size": 2}
    found = house.http.post("/v1/jobs", json=spec, headers=key)
    assert (found.status_code, found.json()["id"]) == (200, job)
    house.http.post(f"/v1/jobs/{job}/cancel")
    again = house.http.post("/v1/jobs", json=spec, headers=key)  # the key says which job is meant
    assert (again.status_code, again.json()["id"]) == (200, job)
    assert house.http.post("/v1/jobs", json=spec).json()["id"] != job
