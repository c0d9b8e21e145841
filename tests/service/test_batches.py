"""Batches over HTTP: listed and downloaded, whole and in ranges, and the answers if a batch is missing."""

import base64
import hashlib
import io

import numpy as np
import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.settings import Settings
from afmbatch.storage.batch_file import npz_chunks
from afmbatch.storage.object_store import batch_key

from .conftest import errors_by_field, problem, running

DATA = b"".join(
    npz_chunks({"afm": np.random.default_rng(1).random((5, 5, 40_000), dtype=np.float32)})
)  # several chunks
ETAG = f'"{hashlib.sha256(DATA).hexdigest()}"'
DIGEST = f"sha-256=:{base64.b64encode(hashlib.sha256(DATA).digest()).decode()}:"


@pytest.fixture
def path(service):
    """Path of a recorded batch. The other batches of its job are missing."""
    job = service.job()
    service.record(job, 1, DATA)
    return f"/v1/jobs/{job}/batches/1"


def test_a_batch_arrives_whole(service, path):
    answer = service.http.get(path)
    assert answer.status_code == 200
    assert answer.content == DATA
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as f:
        assert f["afm"].shape == (5, 5, 40_000)
    assert answer.headers["etag"] == ETAG
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["content-digest"] == answer.headers["repr-digest"] == DIGEST
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "application/vnd.numpy.npz"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-disposition"].endswith('-batch-00000001.npz"')


def test_head_sends_the_same_headers_without_the_body(service, path):
    get, head = service.http.get(path), service.http.head(path, headers={"range": "bytes=0-9"})
    assert head.status_code == 200
    assert head.content == b""
    ignored = ("date", "content-digest")  # a HEAD answer has no content
    assert head.headers["repr-digest"] == DIGEST
    assert "content-digest" not in head.headers
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in get.headers.items() if k not in ignored
    }


def test_a_broken_download_resumes(service, path):
    middle = len(DATA) // 2
    rest = service.http.get(path, headers={"range": f"bytes={middle}-", "if-range": ETAG})
    assert rest.status_code == 206
    assert rest.content == DATA[middle:]
    assert rest.headers["content-range"] == f"bytes {middle}-{len(DATA) - 1}/{len(DATA)}"
    assert rest.headers["etag"] == ETAG
    assert rest.headers["repr-digest"] == DIGEST
    assert "content-digest" not in rest.headers


def test_a_range_that_covers_everything_is_still_a_range(service, path):
    answer = service.http.get(path, headers={"range": "bytes=0-"})
    assert answer.status_code == 206
    assert answer.content == DATA


def test_another_file_is_sent_whole(service, path):
    answer = service.http.get(path, headers={"range": "bytes=0-9", "if-range": '"other"'})
    assert (answer.status_code, answer.content) == (200, DATA)


def test_a_range_outside_the_file(service, path):
    answer = service.http.get(path, headers={"range": f"bytes={len(DATA)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"
    problem(answer)


def test_a_file_that_the_client_has_is_not_sent_again(service, path):
    answer = service.http.get(path, headers={"if-none-match": ETAG, "range": "bytes=0-9"})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", ETAG)
    assert service.http.get(path, headers={"if-match": '"other"'}).status_code == 412


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_batch_whose_file_was_lost(service, path, method):
    job = path.split("/")[3]
    service.store.delete(batch_key(job, 1, ETAG.strip('"')))
    answer = service.http.request(method, path)
    assert answer.status_code == 410
    if method == "GET":
        assert "no longer in the store" in problem(answer)["detail"]


def test_a_batch_that_is_not_made_yet(service, path):
    answer = service.http.get(path[:-1] + "0")
    assert answer.status_code == 404
    assert answer.headers["retry-after"]
    assert problem(answer)["type"].endswith(":not-yet")
    assert "queued" in answer.json()["detail"]


def test_a_batch_that_failed(service, path):
    service.ledger.batches.record_failure(
        path.split("/")[3], BatchFailure(batch=0, error="sample 3: two atoms in one place")
    )
    answer = service.http.get(path[:-1] + "0")
    assert answer.status_code == 404
    assert problem(answer)["type"].endswith(":not-found")
    assert "two atoms in one place" in answer.json()["detail"]


def test_a_batch_of_a_cancelled_job(service, path):
    service.http.post(f"/v1/jobs/{path.split('/')[3]}/cancel")
    assert service.http.get(path).status_code == 200
    assert "cancelled" in problem(service.http.get(path[:-1] + "0"))["detail"]


def test_a_batch_out_of_range(service, path):
    answer = service.http.get(path[:-1] + "4")
    assert answer.status_code == 404
    assert "0 to 3" in problem(answer)["detail"]


@pytest.mark.parametrize("number", ["-1", "x", "1.5", str(2**53), "1" * 5000, "0x1"])
def test_an_invalid_number(service, path, number):
    answer = service.http.get(path[:-1] + number)
    assert answer.status_code == 422
    assert errors_by_field(answer)["number"]["accepted"] == f"an integer from 0 to {2**53 - 1}"


def test_batches_are_listed_by_number(service, path):
    service.record(path.split("/")[3], 3, b"npz")
    listed = service.http.get(path[:-2]).json()
    assert [b["batch"] for b in listed["batches"]] == [1, 3]
    assert (listed["total"], listed["recorded"]) == (4, 2)
    assert listed["batches"][0] == {
        "batch": 1,
        "samples": 2,
        "bytes": len(DATA),
        "sha256": ETAG.strip('"'),
        "flagged": 0,
        "flags": {},
    }
    page = service.http.get(path[:-2], params={"start": 2, "limit": 1}).json()
    assert page["batches"] == []
    assert page["recorded"] == 2


def test_a_job_that_does_not_exist(service):
    for tail in ("", "/0"):
        answer = service.http.get(f"/v1/jobs/job-0000000000000000/batches{tail}")
        assert answer.status_code == 404
        assert "job" in problem(answer)["detail"]


@pytest.fixture
def bucket(redis_url):
    """A service whose store is not a directory."""
    with running(Settings(redis_url=redis_url, store_url="memory:///")) as service:
        service.redis.flushall()
        yield service


def test_a_batch_in_a_bucket(bucket):
    job = bucket.job()
    bucket.record(job, 1, DATA)
    path = f"/v1/jobs/{job}/batches/1"
    assert bucket.http.get(path).content == DATA
    assert bucket.http.get(path, headers={"range": "bytes=7-1500006"}).content == DATA[7:1_500_007]
    assert bucket.http.head(path).headers["content-length"] == str(len(DATA))
    bucket.store.delete(batch_key(job, 1, ETAG.strip('"')))
    assert [bucket.http.request(method, path).status_code for method in ("GET", "HEAD")] == [410, 410]


def test_a_client_that_disconnects_in_the_middle(service):
    """The service answers the next request."""
    job = service.job()
    large = b"".join(
        npz_chunks({"afm": np.zeros(30_000_000, dtype=np.float32)})
    )  # more than the buffers of the sockets
    service.record(job, 1, large)
    path = f"/v1/jobs/{job}/batches/1"
    for _ in range(3):
        with service.http.stream("GET", path) as answer:
            next(answer.iter_raw())
    assert service.http.get(path).content == large


def test_successive_requests_on_a_connection(service, path):
    for _ in range(3):
        assert service.http.get(path).content == DATA
        assert service.http.get(path, headers={"range": "bytes=-5"}).content == DATA[-5:]
        assert service.http.head(path).status_code == 200
