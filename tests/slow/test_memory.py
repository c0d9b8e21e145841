"""Uploads a cube file of a gigabyte, which never exists as a whole on the sender's side, and measures the memory."""

import itertools
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis

from afmbatch.cli import child_process
from afmbatch.cli.stack import free_port
from service.transport.bodies import MAX_PART_BYTES
from tests.redis_server import until
from tests.system.conftest import ok

from .gigabyte_cube import SHAPE, cube_blocks

#: The file has 77 million values, 308 MB as float32: one grid is in memory at a time. The rest is for reading text.
MAX_GROWTH = 400_000_000
BOUNDARY = "boundary"


def in_parts(http):
    """Send the file in parts, each when it is generated; return the answer of the dataset that is made of it."""
    size = sum(map(len, cube_blocks()))
    upload = ok(http.post("/v1/uploads", json={"name": "h2.cube", "bytes": size, "field": "electrons"})).json()["id"]
    offset = 0
    for part in parts(cube_blocks()):
        headers = {"Content-Type": "application/octet-stream"}
        ok(http.put(f"/v1/uploads/{upload}/{offset}", content=part, headers=headers))
        offset += len(part)
    assert offset == size
    return http.post("/v1/datasets", files=[("uploads", (None, upload))])


def parts(blocks):
    """Yield the same bytes in parts of the largest size."""
    held = bytearray()
    for block in blocks:
        held += block
        while len(held) >= MAX_PART_BYTES:
            yield bytes(held[:MAX_PART_BYTES])
            del held[:MAX_PART_BYTES]
    yield bytes(held)


def in_one_form(http):
    """Send the file as one form while it is generated; return the answer of the dataset that is made of it."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="electrons"; filename="h2.cube"\r\n\r\n'
    body = itertools.chain([head.encode()], cube_blocks(), [f"\r\n--{BOUNDARY}--\r\n".encode()])
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return http.post("/v1/datasets", content=body, headers=headers)


@contextmanager
def serving(env):
    """Run the service in a process of its own; give its process id and a client."""
    port = free_port()
    process = child_process.start([sys.executable, "-m", "afmbatch", "serve"], env | {"AFMBATCH_PORT": str(port)})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=600) as http:
            until(lambda: answers(http))
            yield process.pid, http
    finally:
        child_process.stop(process, grace_seconds=10)


def answers(http):
    try:
        return http.get("/v1/health").is_success
    except httpx.TransportError:
        return False


def memory(pid, name):
    """Return an entry of /proc/PID/status in bytes. VmHWM is the largest resident memory that a process ever had."""
    return 1024 * int(re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("send", [in_parts, in_one_form])
def test_a_cube_file_of_a_gigabyte(redis_server, tmp_path, measured, send):
    Redis.from_url(redis_server.url).flushall()
    env = {
        "AFMBATCH_REDIS_URL": redis_server.url,
        "AFMBATCH_STORE_URL": tmp_path.as_uri(),
        "AFMBATCH_MAX_UPLOAD_BYTES": str(2 << 30),  # of a form; files in parts may have 8 GiB
    }
    with serving(env) as (pid, http):
        before = memory(pid, "VmHWM")
        answer = send(http)
        growth = memory(pid, "VmHWM") - before
    assert answer.status_code == 201, answer.text
    assert answer.json()["largest_grid"] == list(SHAPE)
    measured("a cube file of 1.0 GB | growth of the service's memory", f"{send.__name__} | {growth / 1e6:.0f} MB")
    assert growth < MAX_GROWTH
