"""Two workers on one job, seen through HTTP only; one is killed in the middle."""

import hashlib
import io
import os
import signal
from pathlib import Path

import httpx
import numpy as np

from afmbatch.cli.stack import Stack, free_port

from .conftest import Service, ok

MOLECULES = Path(__file__).parents[2] / "afmbatch" / "molecules"


def test_a_worker_killed_in_the_middle_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("AFMBATCH_LEASE_SECONDS", "3")
    monkeypatch.setenv("AFMBATCH_HEARTBEAT_SECONDS", "0.5")
    with (
        Stack(tmp_path, free_port(), workers=2) as stack,
        httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as http,
    ):
        service = Service(stack, http)
        files = {p.stem: p.read_text() for p in sorted(MOLECULES.glob("*.xyz"))}
        job = service.post(dataset=service.upload(**files), batch_size=10, samples=605, seed=3)
        service.wait(job, until=lambda s: s["counts"]["batches_done"] >= 5)
        workers = ok(http.get("/v1/workers")).json()["workers"]
        assert len(workers) == 2
        os.kill(workers[0]["pid"], signal.SIGKILL)
        assert service.status(job)["state"] == "running"

        status = service.wait(job)
        assert status["state"] == "done"
        assert status["errors"] == []
        assert status["counts"]["samples_done"] == 605
        records = service.records(job)
        assert [r["batch"] for r in records] == list(range(61))
        samples = []
        for record in records:
            data = service.download(job, record["batch"])
            assert hashlib.sha256(data).hexdigest() == record["sha256"]
            assert len(data) == record["bytes"]
            with np.load(io.BytesIO(data), allow_pickle=False) as batch:
                samples += batch["sample"].tolist()
                assert len(batch["sample"]) == record["samples"]
        assert len(samples) == len(set(samples)) == 605
        assert len(ok(http.get("/v1/workers")).json()["workers"]) == 1
