"""Clients that close a connection early, never read or never finish a request cost the service nothing that lasts."""

import gc
import hashlib
import os
import socket
import struct
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import numpy as np
import pytest

from afmbatch.settings import Settings
from afmbatch.storage.batch_file import npz_chunks
from service.transport.protocol import ServiceProtocol
from tests.redis_server import until

from .conftest import running
from .test_formats import ARRAYS

FORMATS = ["", "dtype=f2", "form=webdataset", "encoding=zstd"]
LARGE = b"".join(npz_chunks(ARRAYS | {"afm": np.tile(ARRAYS["afm"], (1, 1, 1, 1, 4))}))  # 23 MB, more than sockets hold


class ImpatientProtocol(ServiceProtocol):
    """The protocol with short limits."""

    HEADER_SECONDS = 0.5
    STALL_SECONDS = 0.5
    CHECK_SECONDS = 0.1


@pytest.fixture(scope="module")
def session_service(redis_url, tmp_path_factory):
    settings = Settings(redis_url=redis_url, store_url=tmp_path_factory.mktemp("store").as_uri(), max_connections=30)
    with running(settings, http=ImpatientProtocol) as service:
        yield service


@pytest.fixture
def path(service):
    """Path of a recorded batch."""
    job = service.job()
    service.record(job, 1, LARGE)
    return f"/v1/jobs/{job}/batches/1"


def connect(service, text):
    """Send the beginning of a request, or all of it, and return the socket."""
    connection = socket.create_connection((service.http.base_url.host, service.http.base_url.port))
    connection.sendall(text.replace("\n", "\r\n").encode())
    connection.settimeout(10)
    return connection


def get(path, query=""):
    return f"GET {path}?{query} HTTP/1.1\nHost: 127.0.0.1\n\n"


def open_files(service):
    """Return the number of files of the store that this process, which runs the service, has open."""
    folder, found = str(service.store.path("")), 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found += str(descriptor.readlink()).startswith(folder)
        except FileNotFoundError:  # closed meanwhile
            continue
    return found


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def end_of(connection):
    """Read to the end of a connection; return the bytes and whether it was reset."""
    received = b""
    try:
        while piece := connection.recv(1 << 20):
            received += piece
    except ConnectionResetError:
        return received, True
    return received, False


@pytest.fixture
def _without_garbage_collection():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_garbage_collection")
@pytest.mark.parametrize("query", FORMATS)
def test_abandoned_downloads_keep_no_file_and_no_memory(service, path, query):
    reset = struct.pack("ii", 1, 0)
    before = resident_bytes()
    for number in range(30):
        connection = connect(service, get(path, query))
        if number % 3:
            connection.recv(1000)
        if number % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        connection.close()
    until(lambda: open_files(service) == 0, seconds=10)
    assert resident_bytes() - before < 100e6  # once 11 MB for each


@pytest.mark.parametrize("query", FORMATS[:2])
def test_a_client_that_never_reads_is_disconnected(service, path, query):
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(service, get(path, query))) for _ in range(5)]
        until(lambda: open_files(service) == 5, seconds=10)
        until(lambda: open_files(service) == 0, seconds=10)
        assert len(end_of(connections[0])[0]) < len(LARGE) // 3
    assert service.http.get("/v1/health").is_success


@pytest.mark.parametrize("query", FORMATS[:2])
def test_a_slow_reader_is_not_disconnected(service, path, query):
    whole = service.http.get(path, params=query).content
    with service.http.stream("GET", path, params=query) as answer:
        digest = hashlib.sha256()
        for number, piece in enumerate(answer.iter_raw(1 << 20)):
            digest.update(piece)
            if number < 4:
                time.sleep(0.2)  # together longer than the limit
    assert digest.hexdigest() == hashlib.sha256(whole).hexdigest()


def test_requests_that_never_end(service):
    begin = time.monotonic()
    with ExitStack() as stack:
        for text in (
            "",
            "GET /v1/health HT",
            "GET /v1/health HTTP/1.1\nHost: 127.0.0.1\n",
            "POST /v1/jobs HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\nContent-Length: 9\n\n{",
            "GET /v1/health HTTP/1.1\nHost: 127.0.0.1\n\nGET /v1/hea",  # the second request on a connection
        ):
            stack.callback(end_of, stack.enter_context(connect(service, text)))
    assert time.monotonic() - begin < 4


def test_headers_that_trickle_in(service):
    with connect(service, "GET /v1/health HTTP/1.1\n") as connection:
        sent = 0
        with suppress(ConnectionError):
            while sent < 50:
                time.sleep(0.1)
                connection.sendall(f"X-{sent}: 1\r\n".encode())
                sent += 1
    assert sent < 20


def test_a_request_that_waits_for_the_service_is_not_disconnected(service, path):
    answer = service.http.get(path[:-1] + "0", params={"wait": 1})
    assert answer.json()["type"].endswith("not-yet")


def test_a_limit_of_connections(service):
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(service, "")) for _ in range(30)]
        with httpx.Client(base_url=service.http.base_url, trust_env=False) as http:
            assert http.get("/v1/health").status_code == 503
        for connection in connections:
            end_of(connection)  # disconnected, because they send nothing
    assert service.http.get("/v1/health").is_success
