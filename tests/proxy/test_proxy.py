"""A service behind nginx, which sends the files, answers as a service without a proxy."""

import threading
from dataclasses import replace

import httpx
import pytest

from afmbatch.settings import Settings
from afmbatch.storage.object_store import batch_key
from afmbatch_client import Client
from benchmarks.nginx import proxying
from tests.client.stand_in import npz_of
from tests.redis_server import until
from tests.service.conftest import emptied, problem, redis_url, running  # noqa: F401 - a fixture
from tests.service.test_batches import DATA, DIGEST, ETAG

_HOP_HEADERS = ("date", "server", "connection", "last-modified", "x-accel-redirect")


@pytest.fixture(scope="module")
def direct(redis_url, tmp_path_factory):  # noqa: F811
    """A service that expects a proxy, without the proxy."""
    store = tmp_path_factory.mktemp("store")
    with running(Settings(redis_url=redis_url, store_url=store.as_uri(), accel_prefix="/files/")) as service:
        yield service


@pytest.fixture(scope="module")
def proxied(direct, tmp_path_factory):
    """The same service, behind the proxy."""
    store = direct.store.path("")
    with (
        proxying(tmp_path_factory.mktemp("nginx"), str(direct.http.base_url).rstrip("/"), store) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=20) as http,
    ):
        yield replace(direct, http=http)


@pytest.fixture
def service(proxied):
    return emptied(proxied)


@pytest.fixture
def path(service):
    """Path of a recorded batch."""
    job = service.job()
    service.record(job, 1, DATA)
    return f"/v1/jobs/{job}/batches/1"


def headers(answer):
    return {name: value for name, value in answer.headers.multi_items() if name not in _HOP_HEADERS}


def test_the_service_names_the_file_only(direct, path):
    answer = direct.http.get(path)
    assert answer.content == b""
    assert answer.headers["x-accel-redirect"].startswith("/files/jobs/")


@pytest.mark.parametrize(
    "request_headers",
    [
        {},
        {"Range": "bytes=7-1000006"},
        {"Range": "bytes=7-", "If-Range": ETAG},
        {"Range": "bytes=-5"},
        {"Range": "bytes=0-"},
        {"Range": "bytes=0-9", "If-Range": '"other"'},
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=9-0"},
        {"Range": f"bytes={len(DATA)}-"},
        {"If-None-Match": ETAG},
        {"If-None-Match": '"other"'},
        {"If-Match": ETAG},
        {"If-Match": '"other"'},
        {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ],
    ids=str,
)
def test_it_answers_as_a_service_without_a_proxy(service, redis_url, path, request_headers):  # noqa: F811
    with running(Settings(redis_url=redis_url, store_url=service.settings.store_url)) as plain:
        expected = plain.http.get(path, headers=request_headers)
    answer = service.http.get(path, headers=request_headers)
    assert answer.status_code == expected.status_code
    assert answer.content == expected.content
    assert headers(answer) == headers(expected)


def test_the_headers_of_a_batch(service, path):
    answer = service.http.get(path)
    assert answer.headers["etag"] == ETAG
    assert answer.headers["content-digest"] == answer.headers["repr-digest"] == DIGEST
    assert "x-accel-redirect" not in answer.headers
    head = service.http.head(path)
    assert (head.headers["etag"], head.headers["content-length"]) == (ETAG, str(len(DATA)))


def test_files_cannot_be_fetched_past_the_service(service, direct, path):
    address = direct.http.get(path).headers["x-accel-redirect"]
    assert service.http.get(address).status_code == 404


def test_a_batch_whose_file_was_lost(service, path):
    service.store.delete(batch_key(path.split("/")[3], 1, ETAG.strip('"')))
    answer = service.http.get(path)
    assert answer.status_code == 410
    problem(answer)


def test_uploads_and_problems_pass_the_proxy(service):
    job = service.job()
    assert problem(service.http.get(f"/v1/jobs/{job}/batches/9"))["type"].endswith(":not-found")


def test_an_awaited_batch_passes_when_it_is_made(service):
    job = service.job()
    answers = []
    ask = threading.Thread(
        target=lambda: answers.append(service.http.get(f"/v1/jobs/{job}/batches/2", params={"wait": 15}))
    )
    ask.start()
    until(lambda: service.notifier.subscriptions)
    service.record(job, 2, DATA)
    ask.join()
    assert answers[0].content == DATA


def test_events_pass_when_they_happen(service):
    job = service.job()
    with service.http.stream("GET", f"/v1/jobs/{job}/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "event: progress"
        service.record(job, 2, DATA)
        assert next(line for line in lines if line == "event: batch")
    until(lambda: service.notifier.subscriptions == 0)


def test_a_download_with_the_client(service, tmp_path):
    job = service.job()
    for number in range(4):
        service.record(job, number, npz_of(number))
    with Client(str(service.http.base_url)) as client:
        paths = client.job(job).download(tmp_path)
    assert [p.read_bytes() for p in paths] == [npz_of(number) for number in range(4)]
