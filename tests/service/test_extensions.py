"""A job that is done is extended: what exists keeps its numbers and its files, only what is new is queued."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.sampling.plan import Plan
from afmbatch.storage.object_store import batch_key

from .conftest import BARE_WATER, WATER, faults, problem, unchanged

EPOCHS = {"kind": "epochs", "epochs": 2}
OTHER = WATER.replace("0.96", "0.97")


def extend(house, job, **body):
    return house.http.post(f"/v1/jobs/{job}/extend", json=body)


@pytest.fixture
def done(house):
    """A job of fifteen batches that is done."""
    job = house.job(samples=None)
    house.finish(job)
    house.redis.delete(house.queue.key)  # as if a worker had taken the task
    return job


def test_by_epochs(house, done):
    before = Plan(house.ledger.jobs.get(done))
    files = {b.batch: b.sha256 for b in house.ledger.batches.page(done, range(before.batches))[1]}
    answer = extend(house, done, **EPOCHS)
    assert answer.status_code == 200
    status = answer.json()
    assert (status["id"], status["state"], status["finished_at"]) == (done, "running", None)
    assert (status["counts"]["batches"], status["counts"]["batches_done"]) == (45, 15)
    assert (status["counts"]["samples"], status["counts"]["samples_done"]) == (90, 30)
    assert status == house.status(done)
    after = Plan(house.ledger.jobs.get(done))
    assert house.queued() == [f"{done}-{shard}" for shard in range(before.shards, after.shards)]
    for batch, sha256 in files.items():
        assert np.array_equal(after.numbers(batch), before.numbers(batch))
        assert house.store.get(batch_key(done, batch, sha256)) == f"{done} {batch}".encode()
    assert house.finish(done)["state"] == "done"


def test_by_molecules(house, done):
    other = house.dataset(OTHER + OTHER.replace("0.97", "0.98"), "other.xyz")
    status = extend(house, done, kind="molecules", dataset=other).json()
    assert status["sources"][1] == {"dataset": other, "structures": 2}
    assert status["counts"]["samples"] == 90
    draws = Plan(house.ledger.jobs.get(done)).draw(np.arange(90))
    assert draws.structure.tolist() == [0] * 30 + [1] * 30 + [2] * 30
    house.finish(done)
    assert extend(house, done, **EPOCHS).json()["counts"]["samples"] == 270


def test_its_former_recipe_finds_it_and_its_new_one_is_its_own(house, done):
    former = house.status(done)
    recipe = extend(house, done, **EPOCHS).json()["recipe"]
    assert recipe != former["recipe"]
    assert recipe == house.ledger.jobs.get(done).recipe_id
    again = house.http.post("/v1/jobs", json=former["spec"])
    assert (again.status_code, again.json()["id"]) == (200, done)
    house.http.delete(f"/v1/jobs/{done}")
    assert house.redis.keys("afmbatch:recipe:*") == []


def test_a_rate_counts_from_where_it_went_on(house, done):
    status = extend(house, done, **EPOCHS).json()
    assert (status["samples_per_second"], status["eta_seconds"]) == (None, None)
    house.ledger.jobs.mark_started(done)
    house.record(done, 15, b"npz")
    assert house.status(done)["samples_per_second"] > 0
    assert house.status(done)["started_at"] == status["started_at"]


def test_a_job_cancelled_over_its_last_batch(house):
    job = house.job(samples=2)
    house.ledger.jobs.cancel(job)
    house.record(job, 0, b"npz")
    assert house.status(job)["state"] == "done"
    assert extend(house, job, **EPOCHS).json()["state"] in ("queued", "running")


def test_simultaneous_extensions(house, done):
    """One is taken; the others are told so, for the job is not done any more."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: extend(house, done, kind="epochs", epochs=n), range(1, 9)))
    (taken,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert house.status(done)["counts"]["samples"] == taken["counts"]["samples"]
    assert len(house.queued()) == 1


def test_a_batch_recorded_in_between_is_not_lost(house, done, monkeypatch):
    extend_job = house.ledger.jobs.extend

    def slow(record, pipe):
        house.redis.hset(f"afmbatch:job:{done}", "changed", "1.0")
        monkeypatch.setattr(house.ledger.jobs, "extend", extend_job)
        extend_job(record, pipe)

    monkeypatch.setattr(house.ledger.jobs, "extend", slow)
    assert extend(house, done, **EPOCHS).json()["counts"]["samples"] == 90
    assert len(house.queued()) == 1


def test_only_a_job_that_is_done(house):
    queued, running, cancelled, failed = (house.job(seed=n) for n in range(4))
    house.ledger.jobs.mark_started(running)
    house.http.post(f"/v1/jobs/{cancelled}/cancel")
    for batch in range(4):
        house.ledger.batches.record_failure(failed, BatchFailure(batch=batch, error="hung"))
    for job, state in ((queued, "queued"), (running, "running"), (cancelled, "cancelled"), (failed, "failed")):
        with unchanged(house):
            answer = extend(house, job, **EPOCHS)
        assert answer.status_code == 409
        assert state in problem(answer)["detail"]


def test_not_a_job_of_chosen_samples(house, done):
    house.http.get(f"/v1/jobs/{done}/samples/3")
    (child,) = house.ledger.jobs.children(done)
    house.finish(child)
    assert "some samples" in problem(extend(house, child, **EPOCHS))["detail"]


def test_what_it_is_extended_by_is_checked_like_a_new_job(house, done):
    bare = house.dataset(BARE_WATER, "bare.xyz")
    with unchanged(house):
        assert "bare.xyz" in faults(extend(house, done, kind="molecules", dataset=bare))["dataset"]["reason"]
        assert faults(extend(house, done, kind="molecules", dataset="ds-0"))["dataset"]
        assert faults(extend(house, done, kind="molecules"))["dataset"]["reason"] == "it is required"
        assert faults(extend(house, done, kind="epochs", epochs=0))["epochs"]
        assert faults(extend(house, done, kind="all"))["kind"]["accepted"] == "one of 'epochs', 'molecules'"
        assert faults(extend(house, done, kind="epochs", epochs=1, more=1))["more"]


def test_limits_hold_for_the_whole(limited):
    job = limited.job(samples=None)
    limited.finish(job)
    many = limited.dataset("".join(WATER.replace("0.96", f"0.9{n:02}") for n in range(40)), "many.xyz")
    with unchanged(limited):
        fault = faults(extend(limited, job, kind="epochs", epochs=33))["epochs"]
    assert fault["accepted"] == "at most 32 epochs"
    assert (
        faults(extend(limited, job, kind="molecules", dataset=many))["dataset"]["accepted"] == "at most 32 structures"
    )
    assert extend(limited, job, kind="epochs", epochs=32).json()["counts"]["samples"] == 990


def test_a_dataset_that_was_deleted(house, done):
    dataset = house.dataset()
    house.http.delete(f"/v1/datasets/{dataset}")
    answer = extend(house, done, **EPOCHS)
    assert answer.status_code == 409
    assert dataset in problem(answer)["detail"]


def test_a_dataset_it_was_extended_by_is_in_use(house, done):
    other = house.dataset(OTHER, "other.xyz")
    extend(house, done, kind="molecules", dataset=other)
    refused = house.http.delete(f"/v1/datasets/{other}")
    assert refused.status_code == 409
    assert done in problem(refused)["detail"]


def test_no_such_job(house):
    assert extend(house, "job-0000000000000000", **EPOCHS).status_code == 404
