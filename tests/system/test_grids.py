"""Jobs on potentials and densities, over HTTP and with real workers: exact, and repeatable whatever happens."""

import hashlib
import io
import json
import os
import signal
from pathlib import Path

import httpx
import numpy as np
import pytest

from afmbatch.cli.stack import Stack, free_port
from benchmarks.truth import Deviation, spec_of
from tests.afmbatch.grids.writers import npz

from .conftest import Service, ok

DATA = Path(__file__).parents[1] / "data" / "grid"
SMALL = {
    "scan": {"window": [[0, 0, 0], [1.5, 1.5, 1.3]], "dim": [4, 4, 13], "df_steps": 8, "anchor": "bottom"},
    "distance": 2.5,
    "force_field": {"kind": "fdbm", "strength": 12.0, "exponent": 1.2},
    "descriptors": [],
    "randomise": {"distance": {"kind": "uniform", "low": -0.1, "high": 0.1}},
    "rotations": {"kind": "uniform", "n": 400},
    "batch_size": 20,  # four shards, so that both workers have some
}


def load(name):
    with np.load(DATA / f"{name}.npz") as file:
        return dict(file)


def uploaded(service):
    """Upload formic acid and the CO tip; return the fields of a spec that name them."""
    sample, tip = load("hcooh"), load("co_tip")
    atoms = {"Z": sample["numbers"], "xyz": sample["xyz"]}
    grids = {"rho": sample["density"].astype(np.float32), "pot": sample["potential"].astype(np.float32)}
    file = npz(**grids, lvec=np.vstack((sample["origin"], sample["lattice"])), **atoms)
    dataset = ok(service.http.post("/v1/datasets", files=[("files", ("hcooh.npz", file))])).json()["id"]
    atoms = {"Z": np.array([8, 6]), "xyz": np.array([[0, 0, 0], [0, 0, 1.1417]])}
    grids = {"rho": tip["density"].astype(np.float32), "rho_delta": tip["excess"].astype(np.float32)}
    file = npz(**grids, lvec=np.vstack((np.zeros(3), tip["lattice"])), **atoms)
    tip = ok(service.http.post("/v1/tips", files=[("files", ("co.npz", file))], data={"probe": "O"})).json()["id"]
    return {"dataset": dataset, "tips": [{"density": {"kind": "tip", "id": tip}}]}


def hashes(service, job):
    """Return the sha256 of each batch of a job, as downloaded."""
    return [hashlib.sha256(service.download(job, record["batch"])).hexdigest() for record in service.records(job)]


def arrays(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def inputs(service):
    return uploaded(service)


@pytest.fixture(scope="module")
def finite(service, inputs):
    """The small job, made by one worker without interruption."""
    job = service.post(**inputs, **SMALL)
    assert service.wait(job)["state"] == "done"
    return job


def test_an_image_of_uploaded_grids(service, inputs):
    case = load("hcooh_fdbm_d3_rot")
    spec = spec_of(json.loads(str(case["params"])), inputs["dataset"], inputs["tips"][0]["density"]["id"])
    [batch] = service.run(**spec, rotations={"kind": "list", "rotations": [case["rotation"].tolist()]})
    deviation = Deviation.of(batch["afm"][0, 0, ::8, ::8], case["df"])
    assert deviation.rms <= 3e-4
    assert deviation.within >= 0.999


def test_a_killed_worker_changes_nothing(tmp_path, monkeypatch, service, finite):
    expected = hashes(service, finite)
    monkeypatch.setenv("AFMBATCH_LEASE_SECONDS", "2")
    monkeypatch.setenv("AFMBATCH_HEARTBEAT_SECONDS", "0.5")
    with (
        Stack(tmp_path, free_port(), workers=2) as stack,
        httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as http,
    ):
        killed = Service(stack, http)
        job = killed.post(**uploaded(killed), **SMALL)
        killed.wait(job, until=lambda s: s["counts"]["batches_done"] >= 1)
        busy = [worker["pid"] for worker in ok(http.get("/v1/workers")).json()["workers"] if worker["shard"]]
        os.kill(busy[0], signal.SIGKILL)
        assert killed.status(job)["state"] == "running"

        status = killed.wait(job)
        assert (status["state"], status["errors"]) == ("done", [])
        assert hashes(killed, job) == expected


def test_a_stream_has_the_batches_of_a_finite_job(service, inputs, finite):
    stream = service.post(**inputs, **SMALL, epochs=None, delivery={"kind": "stream", "buffer_batches": 3})
    for number in range(5):
        batch = arrays(ok(service.http.get(f"/v1/jobs/{stream}/batches/{number}?wait=60")).content)
        expected = service.arrays(finite, number)
        assert batch.keys() == expected.keys()
        for name in batch.keys() - {"meta"}:  # which names the recipe, and so the delivery
            assert batch[name].tobytes() == expected[name].tobytes(), name
        ok(service.http.post(f"/v1/jobs/{stream}/acknowledge", json={"batches": [number]}))
    service.http.delete(f"/v1/jobs/{stream}")
