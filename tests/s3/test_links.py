"""Batches in a bucket: the service answers with links that expire, and the client asks for new ones."""

import hashlib
import io

import httpx
import numpy as np
import pytest

from afmbatch.settings import Settings
from afmbatch.storage.object_store import batch_key
from afmbatch_client import Client
from tests.client.stand_in import npz_of
from tests.redis_server import until
from tests.service.conftest import problem, running

DATA = npz_of(7, megabytes=12)  # more than one part of an upload
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def path(service):
    """Path of a recorded batch."""
    job = service.job()
    service.record(job, 1, DATA)
    return f"/v1/jobs/{job}/batches/1"


def test_the_answer_is_a_link(service, path):
    answer = service.http.get(path, headers={"Range": "bytes=0-9"})
    assert answer.status_code == 307
    assert answer.headers["etag"] == f'"{SHA256}"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content == b""
    followed = service.http.get(path, follow_redirects=True)
    assert (followed.status_code, followed.content) == (200, DATA)
    with np.load(io.BytesIO(followed.content), allow_pickle=False) as f:
        assert f["structure"].tolist() == [7, 7]
    part = service.http.get(path, headers={"Range": "bytes=7-5000006"}, follow_redirects=True)
    assert (part.status_code, part.content) == (206, DATA[7:5_000_007])


def test_the_link_is_for_reading_this_object_only(service, path):
    link = service.http.get(path).headers["location"]
    assert httpx.put(link, content=b"x", trust_env=False).status_code == 403
    other = link.replace("batch-00000001", "batch-00000002")
    assert httpx.get(other, trust_env=False).status_code == 403


def test_size_and_hash_are_answered_by_the_service(service, path):
    answer = service.http.head(path)
    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["etag"] == f'"{SHA256}"'
    assert service.http.get(path, headers={"If-None-Match": f'"{SHA256}"'}).status_code == 304


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_batch_whose_object_was_lost(service, path, method):
    service.store.delete(batch_key(path.split("/")[3], 1, SHA256))
    answer = service.http.request(method, path)
    assert answer.status_code == 410
    if method == "GET":
        problem(answer)


def test_without_links_the_service_sends_it(store_url, redis_url, path):
    with running(Settings(redis_url=redis_url, store_url=store_url, link_seconds=0)) as service:
        assert service.http.get(path).content == DATA
        assert service.http.get(path, headers={"Range": "bytes=7-5000006"}).content == DATA[7:5_000_007]


class LateTransport(httpx.HTTPTransport):
    """Follows the first link after it has expired, and breaks off the second download."""

    def __init__(self):
        super().__init__()
        self.followed = []

    def handle_request(self, request):
        if "X-Amz-Signature" not in str(request.url):
            return super().handle_request(request)
        answer = super().handle_request(request)
        if not self.followed:
            while answer.status_code == 200:
                answer.close()
                answer = super().handle_request(request)
        self.followed.append((answer.status_code, request.headers.get("range")))
        if len(self.followed) == 2:
            answer.stream = BrokenStream(answer.stream)
        return answer


class BrokenStream(httpx.SyncByteStream):
    """A body that breaks off in the middle."""

    def __init__(self, stream):
        self._stream = stream

    def __iter__(self):
        sent = 0
        for chunk in self._stream:
            yield chunk
            sent += len(chunk)
            if sent > len(DATA) // 2:
                raise httpx.ReadError("cut")

    def close(self):
        self._stream.close()


def test_the_client_renews_a_link_that_has_expired_and_resumes(service, path):
    transport = LateTransport()
    with Client(str(service.http.base_url), transport=transport, retry_for=20) as client:
        batch = client.job(path.split("/")[3]).batch(1)
    assert batch.sha256 == SHA256
    assert (batch.afm == 7).all()
    (expired, _), (first, begun), (second, resumed) = transport.followed
    assert (expired, first, second) == (403, 200, 206)
    assert begun is None
    assert int(resumed.removeprefix("bytes=").removesuffix("-")) > len(DATA) // 2


def test_a_whole_job(service, tmp_path):
    job = service.job()
    for number in range(4):
        service.record(job, number, npz_of(number))
    with Client(str(service.http.base_url)) as client:
        paths = client.job(job).download(tmp_path)
        assert [p.read_bytes() for p in paths] == [npz_of(number) for number in range(4)]
    service.http.delete(f"/v1/jobs/{job}")
    until(lambda: service.store.keys(f"jobs/{job}/") == [])
