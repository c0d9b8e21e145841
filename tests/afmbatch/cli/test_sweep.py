"""`afmbatch sweep` removes what no record refers to, and nothing that anybody may still need."""

import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from afmbatch.cli.app import app
from afmbatch.cli.sweep import KEPT_SECONDS, Sweep
from afmbatch.settings import Settings
from afmbatch.storage.object_store import batch_key
from tests.redis_server import until
from tests.service.conftest import emptied, running

DAY = KEPT_SECONDS


@pytest.fixture(scope="module")
def module_service(redis_server, tmp_path_factory):
    with running(Settings(redis_url=redis_server.url, store_url=tmp_path_factory.mktemp("store").as_uri())) as service:
        yield service


@pytest.fixture
def service(module_service):
    return emptied(module_service)


@pytest.fixture
def sweep(service, monkeypatch):
    """Runs the command with the store and the Redis of the service."""
    monkeypatch.setenv("AFMBATCH_REDIS_URL", service.settings.redis_url)
    monkeypatch.setenv("AFMBATCH_STORE_URL", service.settings.store_url)
    return lambda *options: CliRunner().invoke(app, ["sweep", *options])


def age(service, seconds=2 * DAY):
    """Make all files of the store older."""
    for file in service.store.objects():
        os.utime(service.store.path(file.key), times=(time.time() - seconds,) * 2)


def keys(service):
    return {file.key for file in service.store.objects()}


@pytest.fixture
def filled(service):
    """A service with a dataset, an upload that has a part, and a job with one batch; with the id of that job."""
    job = service.job()
    service.record(job, 1, b"batch")
    upload = service.http.post("/v1/uploads", json={"name": "a.cube", "bytes": 100}).json()["id"]
    octets = {"Content-Type": "application/octet-stream"}
    assert service.http.put(f"/v1/uploads/{upload}/0", content=b"part", headers=octets).is_success
    return service, job


def test_nothing_is_removed_that_the_ledger_knows(filled, sweep):
    service, _ = filled
    age(service)
    before = keys(service)
    assert len(before) == 3
    answer = sweep()
    assert (answer.exit_code, answer.stdout) == (0, "0 orphans, 0.0 MB removed\n")
    assert keys(service) == before


def test_the_files_of_an_emptied_redis(filled, sweep):
    service, job = filled
    age(service)
    before = keys(service)
    service.redis.flushall()
    refused = sweep()
    assert refused.exit_code == 1
    assert refused.stderr.startswith("afmbatch: the ledger knows nothing of what the store holds (3 orphans)")
    assert "--any-ledger" in refused.stderr
    listed = sweep("--dry-run")
    assert listed.exit_code == 0
    assert f"jobs/{job}: 1 files" in listed.stdout
    assert listed.stdout.endswith("would be removed\n")
    assert keys(service) == before
    assert sweep("--any-ledger").stdout.endswith("3 orphans, 0.0 MB removed\n")
    assert keys(service) == set()
    assert not service.store.path(f"jobs/{job}").exists()


def test_orphans_beside_what_is_known(filled, sweep):
    service, job = filled
    kept = keys(service)
    for key in (
        "datasets/ds-0.npz",
        "datasets/ds-0/grids/00000000.npz",
        "tips/tip-0.npz",
        "uploads/upload-0/0000000000000000-0",
        "jobs/job-0/batch-00000000-0.npz",
        f"jobs/{job}/batch-00000001-0000000000000000.npz",  # another file of a recorded batch
        f"jobs/{job}/0123456789abcdef.part",
        "tips/0123456789abcdef.part",
        f"jobs/{job}/batch-00000002-0000000000000000.npz#1",  # of a put by obstore that was cut off
        "other/file",
    ):
        path = service.store.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert "\n0 orphans" in f"\n{sweep().stdout}"  # all are young
    age(service)
    answer = sweep()
    assert answer.stdout.endswith("8 orphans, 0.0 MB removed\n")
    assert "datasets/ds-0: 2 files" in answer.stdout
    assert keys(service) == kept | {"other/file"}
    assert service.http.get(f"/v1/jobs/{job}/batches/1").content == b"batch"


def test_a_dataset_that_is_uploaded_again_meanwhile(filled):
    service, _ = filled
    service.redis.flushall()
    age(service)
    found = Sweep(service.ledger, service.store, time.time() - DAY)
    orphans, known = found.find()
    assert (len(orphans), known) == (3, 0)
    dataset = service.dataset()
    removed = [orphan.name for orphan in orphans if found.remove(orphan)]
    assert len(removed) == 2
    assert f"datasets/{dataset}.npz" in keys(service)


def test_a_bucket(redis_server):
    with running(Settings(redis_url=redis_server.url, store_url="memory:///")) as bucket:
        emptied(bucket)
        job = bucket.job()
        bucket.record(job, 1, b"batch")
        bucket.store.put("jobs/job-0/batch-00000000-0.npz", b"x")
        found = Sweep(bucket.ledger, bucket.store, time.time() + 10)
        (orphan,), known = found.find()
        assert (orphan.name, known) == ("jobs/job-0", 2)
        assert found.remove(orphan)
        assert batch_key(job, 1, bucket.ledger.batches.get(job, 1).sha256) in bucket.store.keys("")
        assert len(bucket.store.keys("")) == 2


def test_the_unfinished_file_of_a_killed_writer(filled, sweep):
    service, job = filled
    before = keys(service)
    code = f"""
from afmbatch.storage.object_store import ObjectStore
import time
def chunks():
    yield bytes(1000)
    time.sleep(60)
ObjectStore({service.settings.store_url!r}).put_batch({job!r}, 2, chunks())
"""
    with subprocess.Popen([sys.executable, "-c", code]) as writer:
        until(lambda: keys(service) != before)
        writer.send_signal(signal.SIGKILL)
    age(service)
    assert sweep().stdout.endswith("1 orphans, 0.0 MB removed\n")
    assert keys(service) == before
