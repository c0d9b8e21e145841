"""A job that is done is extended: its batches keep their numbers and files, and only new batches are queued."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from afmbatch.ledger import keys
from afmbatch.ledger.records import BatchFailure
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import ENGINE
from afmbatch.storage.object_store import batch_key

from .conftest import BARE_WATER, WATER, errors_by_field, problem, unchanged

EPOCHS = {"kind": "epochs", "epochs": 2}
OTHER = WATER.replace("0.96", "0.97")


def extend(service, job, **body):
    return service.http.post(f"/v1/jobs/{job}/extend", json=body)


@pytest.fixture
def done(service):
    """Id of a job of fifteen batches that is done."""
    job = service.job(samples=None)
    service.finish(job)
    service.redis.delete(service.queue.key)  # as if a worker had taken the task
    return job


def test_extending_by_epochs(service, done):
    before = Plan(service.ledger.jobs.get(done))
    files = {b.batch: b.sha256 for b in service.ledger.batches.page(done, range(before.batches))[1]}
    answer = extend(service, done, **EPOCHS)
    assert answer.status_code == 200
    status = answer.json()
    assert (status["id"], status["state"], status["finished_at"]) == (done, "running", None)
    assert (status["counts"]["batches"], status["counts"]["batches_done"]) == (45, 15)
    assert (status["counts"]["samples"], status["counts"]["samples_done"]) == (90, 30)
    assert status == service.status(done)
    after = Plan(service.ledger.jobs.get(done))
    assert service.queued() == [f"{done}-{shard}" for shard in range(before.shards, after.shards)]
    for batch, sha256 in files.items():
        assert np.array_equal(after.numbers(batch), before.numbers(batch))
        assert service.store.get(batch_key(done, batch, sha256)) == f"{done} {batch}".encode()
    assert service.finish(done)["state"] == "done"


def test_an_extension_keeps_the_engine_version(service, done):
    """The service is newer than the job: the additional batches are made as the others were."""
    assert service.status(done)["engine"] == ENGINE
    record = service.ledger.jobs.get(done).model_copy(update={"engine": "old"})
    service.redis.hset(keys.job(done), "record", record.model_dump_json())
    status = extend(service, done, **EPOCHS).json()
    assert status["engine"] == "old"
    assert status["recipe"] == service.ledger.jobs.get(done).id_under("old")
    [task] = service.queued()
    assert service.redis.hget(f"rq:job:{task}", "engine") == b"old"
    service.http.get(f"/v1/jobs/{done}/samples/0")
    [child] = service.ledger.jobs.children(done)
    assert service.ledger.jobs.get(child).engine == "old"


def test_extending_by_molecules(service, done):
    other = service.dataset(OTHER + OTHER.replace("0.97", "0.98"), "other.xyz")
    status = extend(service, done, kind="molecules", dataset=other).json()
    assert status["sources"][1] == {"dataset": other, "structures": 2, "atoms": 6}
    assert status["counts"]["samples"] == 90
    parameters = Plan(service.ledger.jobs.get(done)).sample_parameters(np.arange(90))
    assert parameters.structure.tolist() == [0] * 30 + [1] * 30 + [2] * 30
    service.finish(done)
    assert extend(service, done, **EPOCHS).json()["counts"]["samples"] == 270


def test_an_extended_job_is_found_by_its_former_and_its_new_recipe(service, done):
    former = service.status(done)
    recipe = extend(service, done, **EPOCHS).json()["recipe"]
    assert recipe != former["recipe"]
    assert recipe == service.ledger.jobs.get(done).recipe_id
    again = service.http.post("/v1/jobs", json=former["spec"])
    assert (again.status_code, again.json()["id"]) == (200, done)
    service.http.delete(f"/v1/jobs/{done}")
    assert service.redis.keys("afmbatch:recipe:*") == []


def test_the_rate_counts_from_the_extension(service, done):
    status = extend(service, done, **EPOCHS).json()
    assert (status["samples_per_second"], status["eta_seconds"]) == (None, None)
    service.ledger.jobs.mark_started(done)
    service.record(done, 15, b"npz")
    assert service.status(done)["samples_per_second"] > 0
    assert service.status(done)["started_at"] == status["started_at"]


def test_a_job_cancelled_during_its_last_batch(service):
    job = service.job(samples=2)
    service.ledger.jobs.cancel(job)
    service.record(job, 0, b"npz")
    assert service.status(job)["state"] == "done"
    assert extend(service, job, **EPOCHS).json()["state"] in ("queued", "running")


def test_simultaneous_extensions(service, done):
    """A single extension is accepted; the others are refused, because the job is not done any more."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: extend(service, done, kind="epochs", epochs=n), range(1, 9)))
    (taken,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert service.status(done)["counts"]["samples"] == taken["counts"]["samples"]
    assert len(service.queued()) == 1


def test_a_batch_recorded_during_an_extension_is_not_lost(service, done, monkeypatch):
    extend_job = service.ledger.jobs.extend

    def slow(record, pipe):
        service.redis.hset(f"afmbatch:job:{done}", "changed", "1.0")
        monkeypatch.setattr(service.ledger.jobs, "extend", extend_job)
        extend_job(record, pipe)

    monkeypatch.setattr(service.ledger.jobs, "extend", slow)
    assert extend(service, done, **EPOCHS).json()["counts"]["samples"] == 90
    assert len(service.queued()) == 1


def test_only_a_job_that_is_done_is_extended(service):
    queued, running, cancelled, failed = (service.job(seed=n) for n in range(4))
    service.ledger.jobs.mark_started(running)
    service.http.post(f"/v1/jobs/{cancelled}/cancel")
    for batch in range(4):
        service.ledger.batches.record_failure(failed, BatchFailure(batch=batch, error="hung"))
    for job, state in ((queued, "queued"), (running, "running"), (cancelled, "cancelled"), (failed, "failed")):
        with unchanged(service):
            answer = extend(service, job, **EPOCHS)
        assert answer.status_code == 409
        assert state in problem(answer)["detail"]


def test_a_job_of_chosen_samples_is_not_extended(service, done):
    service.http.get(f"/v1/jobs/{done}/samples/3")
    (child,) = service.ledger.jobs.children(done)
    service.finish(child)
    assert "some samples" in problem(extend(service, child, **EPOCHS))["detail"]


def test_an_extension_is_checked_like_a_new_job(service, done):
    bare = service.dataset(BARE_WATER, "bare.xyz")
    with unchanged(service):
        assert "bare.xyz" in errors_by_field(extend(service, done, kind="molecules", dataset=bare))["dataset"]["reason"]
        assert errors_by_field(extend(service, done, kind="molecules", dataset="ds-0"))["dataset"]
        assert errors_by_field(extend(service, done, kind="molecules"))["dataset"]["reason"] == "it is required"
        assert errors_by_field(extend(service, done, kind="epochs", epochs=0))["epochs"]
        assert errors_by_field(extend(service, done, kind="all"))["kind"]["accepted"] == "one of 'epochs', 'molecules'"
        assert errors_by_field(extend(service, done, kind="epochs", epochs=1, more=1))["more"]


def test_limits_hold_for_the_whole_job(limited):
    job = limited.job(samples=None)
    limited.finish(job)
    many = limited.dataset("".join(WATER.replace("0.96", f"0.9{n:02}") for n in range(40)), "many.xyz")
    with unchanged(limited):
        error = errors_by_field(extend(limited, job, kind="epochs", epochs=33))["epochs"]
    assert error["accepted"] == "at most 32 epochs"
    assert (
        errors_by_field(extend(limited, job, kind="molecules", dataset=many))["dataset"]["accepted"]
        == "at most 32 structures"
    )
    assert extend(limited, job, kind="epochs", epochs=32).json()["counts"]["samples"] == 990


def test_a_dataset_that_was_deleted(service, done):
    dataset = service.dataset()
    service.http.delete(f"/v1/datasets/{dataset}")
    answer = extend(service, done, **EPOCHS)
    assert answer.status_code == 409
    assert dataset in problem(answer)["detail"]


def test_a_dataset_it_was_extended_by_is_in_use(service, done):
    other = service.dataset(OTHER, "other.xyz")
    extend(service, done, kind="molecules", dataset=other)
    refused = service.http.delete(f"/v1/datasets/{other}")
    assert refused.status_code == 409
    assert done in problem(refused)["detail"]


def test_a_job_that_does_not_exist(service):
    assert extend(service, "job-0000000000000000", **EPOCHS).status_code == 404
