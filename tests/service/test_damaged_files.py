"""A batch file that was truncated, emptied, lengthened or altered in the store is never passed on as a good one."""

import hashlib
import io
import os
import time

import httpx
import numpy as np
import pytest

from afmbatch.settings import Settings
from afmbatch.storage.batch_file import npz_chunks
from afmbatch.storage.object_store import batch_key

from .conftest import emptied, problem, running
from .test_formats import ARRAYS, DATA

FORMATS = [{}, {"dtype": "f2"}, {"form": "webdataset"}, {"encoding": "zstd"}]
SIZES = {"emptied": b"", "truncated": DATA[: len(DATA) // 2], "one byte short": DATA[:-1], "lengthened": DATA + b"x"}


def flipped(position):
    damaged = bytearray(DATA)
    damaged[position] ^= 0x10
    return bytes(damaged)


@pytest.fixture(scope="module", params=["directory", "bucket"])
def session_service(request, redis_url, tmp_path_factory):
    url = tmp_path_factory.mktemp("store").as_uri() if request.param == "directory" else "memory:///"
    with running(Settings(redis_url=redis_url, store_url=url)) as service:
        yield service


@pytest.fixture
def service(session_service):
    return emptied(session_service)


@pytest.fixture
def job(service):
    """Id of a job of which batch 1 is recorded."""
    job = service.job()
    service.record(job, 1, DATA)
    return job


def damage(service, job, data, batch=1):
    service.store.put(batch_key(job, batch, hashlib.sha256(DATA).hexdigest()), data)


@pytest.mark.parametrize("params", FORMATS, ids=str)
@pytest.mark.parametrize("data", SIZES.values(), ids=SIZES)
def test_a_file_of_another_size(service, job, params, data):
    damage(service, job, data)
    path = f"/v1/jobs/{job}/batches/1"
    answer = service.http.get(path, params=params)
    assert answer.status_code == 410
    assert f"{len(data)} bytes instead of {len(DATA)}" in problem(answer)["detail"]
    assert job in answer.json()["detail"]
    assert service.http.head(path, params=params).status_code == 410
    # An answer that was cut off would be followed by this one, on the same connection.
    assert service.http.get("/v1/health").json() == {"status": "ok"}


@pytest.mark.parametrize("requested", ["bytes=0-9", "bytes=-10"])
def test_a_range_of_a_truncated_file(service, job, requested):
    damage(service, job, DATA[:100])
    assert service.http.get(f"/v1/jobs/{job}/batches/1", headers={"Range": requested}).status_code == 410


@pytest.mark.parametrize("params", FORMATS[1:], ids=str)
@pytest.mark.parametrize("position", [200, len(DATA) // 3, -1000], ids=["header", "image", "end"])
def test_an_altered_file_is_not_converted(service, job, params, position):
    damage(service, job, flipped(position))
    answer = service.http.get(f"/v1/jobs/{job}/batches/1", params=params)
    assert answer.status_code == 410
    assert "sha256" in problem(answer)["detail"]


def test_the_reader_of_an_altered_file_has_its_digest(service, job):
    """Files are not hashed before they are sent as they are, which would take longer than the sending."""
    damage(service, job, flipped(5000))
    answer = service.http.get(f"/v1/jobs/{job}/batches/1")
    assert answer.headers["etag"] != f'"{hashlib.sha256(answer.content).hexdigest()}"'


def test_a_damaged_batch_is_made_again_by_a_new_job(service):
    spec = {"dataset": service.dataset(), "samples": 8, "batch_size": 2}
    job = service.job(**spec)
    service.record(job, 1, DATA)
    damage(service, job, b"")
    assert service.http.delete(f"/v1/jobs/{job}").status_code == 204
    again = service.job(**spec)
    service.record(again, 1, DATA)
    assert service.http.get(f"/v1/jobs/{again}/batches/1").content == DATA


def test_a_damaged_sample_is_made_again(service, job):
    path = f"/v1/jobs/{job}/samples/3"
    service.http.get(path)
    (child,) = service.ledger.jobs.children(job)
    service.record(child, 0, DATA)
    damage(service, child, b"", batch=0)
    assert f"delete job {child}" in problem(service.http.get(path))["detail"]
    assert service.http.delete(f"/v1/jobs/{child}").status_code == 204
    assert problem(service.http.get(path))["type"].endswith(":not-yet")


def test_a_file_that_is_truncated_while_it_is_sent(service, tmp_path):
    """The connection is closed: the answer must neither hang nor be completed by the next one."""
    if service.store.path("") is None:
        pytest.skip("only a directory's files change while they are read")
    job = service.job()
    # The file is larger than the buffers of the sockets.
    large = b"".join(npz_chunks({"afm": np.zeros(30_000_000, dtype=np.float32)}))
    service.record(job, 1, large)
    stored = service.store.path(batch_key(job, 1, hashlib.sha256(large).hexdigest()))
    with service.http.stream("GET", f"/v1/jobs/{job}/batches/1") as answer:
        pieces = answer.iter_raw()
        next(pieces)
        os.truncate(stored, 1_000_000)
        begin = time.monotonic()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
        assert time.monotonic() - begin < 3  # a connection that is kept alive is closed after 5 s
    assert service.http.get("/v1/health").json() == {"status": "ok"}


def test_an_undamaged_file_is_converted(service, job):
    answer = service.http.get(f"/v1/jobs/{job}/batches/1", params={"dtype": "f2"})
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as f:
        assert f.files == list(ARRAYS)
