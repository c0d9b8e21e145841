"""Preflight: a plan without a job, the reasons to refuse it, and a preview of the first samples."""

import pytest

from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec

from .conftest import BARE_WATER, WATER, errors_by_field, unchanged
from .test_service import WORKER

METHANE = "5\nmethane\nC 0 0 0 0\nH .6 .6 .6 0\nH -.6 -.6 .6 0\nH -.6 .6 -.6 0\nH .6 -.6 -.6 0\n"


def report(service, preview=0, **spec):
    answer = service.http.post("/v1/preflight", json={"dataset": service.dataset()} | spec, params={"preview": preview})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_plan_without_a_job(service):
    dataset = service.dataset()
    with unchanged(service):
        found = report(service, dataset=dataset, batch_size=7)
    plan = Plan(Recipe.of(JobSpec(dataset=dataset, batch_size=7), 1, 3))
    assert found["recipe"] == plan.recipe.recipe_id
    assert (found["samples"], found["batches"], found["shards"]) == (30, 5, 1)
    assert (found["accepted"], found["job"], found["preview"]) == (True, None, None)
    assert found["batch_bytes"] == 7 * 128 * 128 * 4 * (10 + 5)
    assert found["bytes"] == 30 * 128 * 128 * 4 * (10 + 5)
    assert found["host_bytes"] == found["batch_bytes"] + 7 * 3 * 300
    assert found["host_bytes_allowed"] == service.settings.group_bytes
    assert found["host_fits"]


def test_an_existing_job_of_the_recipe(service):
    job = service.job()
    spec = service.status(job)["spec"]
    assert report(service, **spec)["job"] == job
    assert report(service, **spec)["recipe"] == service.status(job)["recipe"]
    service.http.post(f"/v1/jobs/{job}/cancel")
    assert report(service, **spec)["job"] is None


def test_the_duration_on_the_live_workers(service):
    assert report(service)["seconds"] is None
    assert report(service)["seconds_from"] == "no worker is running"
    service.ledger.workers.announce(WORKER, 60)
    assert report(service)["seconds"] is None
    assert "preview" in report(service)["seconds_from"]
    for name, rate in (("w2", 1e6), ("w3", 3e6)):
        service.ledger.workers.announce(WORKER.model_copy(update={"name": name, "pixels_per_second": rate}), 60)
    # w1 counts as the mean of the others
    assert report(service)["seconds"] == pytest.approx(30 * 128 * 128 / 6e6)
    two = report(service, tips=[{}, {}], noise={"crop": [64, 32]})
    assert two["seconds"] == pytest.approx(30 * 2 * 64 * 32 / 6e6)
    assert two["seconds_from"] == "image pixels per second of 2 of 3 workers"


@pytest.mark.parametrize(
    ("spec", "field", "structures", "examples"),
    [
        ({}, "force_field.charges", 2, ["some.xyz#2", "some.xyz#4"]),
        (
            {"force_field": {"kind": "lj_pc", "charges": "none"}, "periodic": {}},
            "periodic.lattice",
            4,
            ["some.xyz#2", "some.xyz#4", "some.xyz#1"],
        ),
        (
            {"force_field": {"kind": "lj_pc", "charges": "none"}, "ignored_elements": [1, 8, 79]},
            "ignored_elements",
            3,
            ["some.xyz#2", "some.xyz#4", "some.xyz#1"],
        ),
        (
            {
                "force_field": {"kind": "lj_pc", "charges": "none"},
                "descriptors": [{"kind": "bonds"}, {"kind": "multimap_spheres_elements", "elements": [[1], [8]]}],
            },
            "descriptors[1].elements",
            1,
            ["some.xyz#3"],
        ),
    ],
)
def test_structures_that_contradict_the_spec(service, spec, field, structures, examples):
    dataset = service.dataset(WATER + BARE_WATER + METHANE + BARE_WATER, "some.xyz")
    found = report(service, preview=1, dataset=dataset, **spec)
    (rejected,) = found["rejected"]
    assert (rejected["field"], rejected["structures"], rejected["examples"]) == (field, structures, examples)
    assert (found["accepted"], found["rejected_structures"], found["preview"]) == (False, structures, None)
    with unchanged(service):
        refused = errors_by_field(service.http.post("/v1/jobs", json={"dataset": dataset} | spec))
    assert list(refused) == [field]
    assert refused[field]["reason"] == rejected["reason"]
    assert refused[field]["accepted"] == rejected["accepted"]


def test_a_structure_with_two_problems_is_counted_once(service):
    dataset = service.dataset(WATER + BARE_WATER, "some.xyz")
    found = report(service, dataset=dataset, periodic={})
    assert [rejected["structures"] for rejected in found["rejected"]] == [1, 2]
    assert found["rejected_structures"] == 2


def test_no_lattice_is_needed_without_images(service):
    assert report(service, periodic={"npbc": [0, 0, 0]})["accepted"]
    assert report(service, periodic={"lattice": [[9, 0, 0], [0, 9, 0], [0, 0, 9]]})["accepted"]
    crystal = service.dataset(WATER.replace("water", 'Lattice="9 0 0 0 9 0 0 0 9"'), "crystal.xyz")
    assert report(service, dataset=crystal, periodic={})["accepted"]


def test_periodic_images_take_memory_too(service):
    alone, repeated = (
        report(service, periodic={"npbc": npbc, "lattice": [[9, 0, 0], [0, 9, 0], [0, 0, 9]]})
        for npbc in ([0, 0, 0], [2, 1, 0])
    )
    assert repeated["host_bytes"] - alone["host_bytes"] == 20 * 3 * 300 * (5 * 3 - 1)


def test_limits_are_in_the_report(limited):
    spec = {"epochs": 100, "batch_size": 500}
    found = report(limited, preview=1, **spec)
    assert [exceeded["field"] for exceeded in found["exceeded"]] == ["samples", "batch_size"]
    assert (found["accepted"], found["samples"], found["preview"]) == (False, 3000, None)
    refused = limited.http.post("/v1/jobs", json={"dataset": limited.dataset()} | spec)
    assert refused.json()["errors"] == found["exceeded"]


def test_anything_else_that_is_wrong_is_an_error(service):
    for spec in ({"dataset": "ds-0"}, {"dataset": service.dataset(), "seed": -1}):
        checked, posted = (service.http.post(path, json=spec) for path in ("/v1/preflight", "/v1/jobs"))
        assert checked.status_code == 422
        assert checked.json()["errors"] == posted.json()["errors"]
    assert service.http.post("/v1/preflight", json={}, params={"preview": 11}).status_code == 422


def test_a_preview_comes_first(service):
    other = service.job(seed=1)
    found = report(service, preview=3, batch_size=2)
    shown = found["preview"]
    assert service.queued() == [f"{shown['job']}-0", f"{other}-0"]
    assert (
        shown["samples"]
        == Plan(Recipe.of(JobSpec(dataset=service.dataset(), batch_size=2), 1)).numbers(0, 1).tolist()[:3]
    )
    assert shown["batches"] == [f"/v1/jobs/{shown['job']}/batches/{n}" for n in range(2)]
    assert service.http.get(shown["status"]).json()["counts"]["samples"] == 3
    service.record(shown["job"], 1, b"npz")
    assert service.http.get(shown["batches"][1]).content == b"npz"
    assert [job["id"] for job in service.http.get("/v1/jobs").json()["jobs"]] == [shown["job"], other]
    with unchanged(service):
        assert report(service, preview=3, batch_size=2)["preview"] == shown


def test_a_preview_of_a_job_with_fewer_samples(service):
    assert len(report(service, preview=10, samples=2)["preview"]["samples"]) == 2
