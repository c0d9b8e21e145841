"""A stream read by ranks that die and come back as others; a small job behind a huge one; cancelling in the middle."""

import itertools

import numpy as np
import pytest

from afmbatch.storage.object_store import ObjectStore, job_prefix
from afmbatch_client import Client, RankBatches

TINY = {
    "scan": {"window": [[6, 6, 5], [10, 10, 6.9]], "dim": [8, 8, 19], "df_steps": 10},
    "descriptors": [],
    "rotations": {"kind": "uniform", "n": 10},
}
WATER = "3\nwater\nO 0.0 0.0 0.0 -0.8\nH 0.96 0.0 0.0 0.4\nH -0.24 0.93 0.0 0.4\n"
BUFFER = 8


@pytest.fixture(scope="module")
def dataset(service):
    return service.upload(water=WATER)


def shares(service, job, world, start):
    client = Client(service.stack.url)
    return [iter(RankBatches(client.job(job), rank, world, start=start, prefetch=1)) for rank in range(world)]


def read(ranks, steps):
    """The samples of so many steps of all ranks, by batch."""
    found = {}
    for _ in range(steps):
        for rank in ranks:
            batch = next(rank)
            assert batch.number not in found
            found[batch.number] = (batch["sample"].tolist(), batch["afm"].tobytes())
    return found


def test_ranks_of_a_stream_without_end_are_killed_and_resume_as_others(service, dataset):
    stream = service.post(
        dataset=dataset,
        **TINY,
        batch_size=4,
        epochs=None,
        delivery={"kind": "stream", "buffer_batches": BUFFER},
    )
    kept = service.run(dataset=dataset, **TINY, batch_size=4, epochs=12)
    two = shares(service, stream, 2, 0)
    first = read(two, 8)
    for rank in two:
        rank.close()
    three = shares(service, stream, 3, 10)  # saved after five steps: three were for nothing
    second = read(three, 6)
    for rank in three:
        rank.close()
    assert sorted(first) == list(range(16))
    assert sorted(second) == list(range(10, 28))
    for number, (samples, afm) in itertools.chain(first.items(), second.items()):
        assert samples == kept[number]["sample"].tolist()
        assert afm == kept[number]["afm"].tobytes()
    status = service.wait(stream, until=lambda s: s["state"] == "paused")
    assert status["counts"]["batches"] is None
    assert 0 < len(ObjectStore(service.stack.env["AFMBATCH_STORE_URL"]).keys(job_prefix(stream))) <= BUFFER
    service.http.delete(f"/v1/jobs/{stream}")


def test_a_small_job_behind_a_huge_one(service, dataset):
    huge = service.post(dataset=dataset, **TINY, epochs=10_000, batch_size=100)
    service.wait(huge, until=lambda s: s["counts"]["batches_done"] > 0)
    small = service.post(dataset=dataset, **TINY, epochs=4, seed=1)
    service.wait(small)
    assert service.status(huge)["state"] == "running"
    service.http.delete(f"/v1/jobs/{huge}")


def test_cancelling_takes_effect_within_what_the_device_has(service, dataset):
    """Batches of 0.1 s and more each."""
    scan = {"window": [[2, 2, 5], [18, 18, 6.9]], "dim": [128, 128, 19], "df_steps": 10}
    job = service.post(dataset=dataset, scan=scan, rotations={"kind": "uniform", "n": 2000}, batch_size=40)
    service.wait(job, until=lambda s: s["counts"]["batches_done"] >= 2)
    done = service.http.post(f"/v1/jobs/{job}/cancel").json()["counts"]["batches_done"]
    while any(worker["shard"] for worker in service.http.get("/v1/workers").json()["workers"]):
        service.pause()
    status = service.status(job)
    assert status["state"] == "cancelled"
    assert status["counts"]["batches_done"] <= done + 4  # two on the device, and what was being written
    assert np.isfinite(service.arrays(job, 0)["afm"]).all()
