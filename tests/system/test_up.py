"""`afmbatch up` leaves nothing running, however it ends."""

import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from afmbatch.cli.stack import Stack, free_port
from tests.redis_server import until

from .conftest import Service, ok


def start(tmp_path, port):
    process = subprocess.Popen(
        [sys.executable, "-m", "afmbatch", "up", "--data", str(tmp_path), "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "is up at" in line:
            return process
    raise AssertionError(f"ended with {process.wait()}")


def descendants(pid):
    """Process ids of children, grandchildren …"""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def wait_until_gone(pids):
    """By pidfd: readable when its process has ended."""
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(fd):
            assert select.select([fd], [], [], 30)[0], f"process {pid} is still there"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_everything_ends_with_it(tmp_path, end):
    up = start(tmp_path, free_port())
    children = descendants(up.pid)
    assert len(children) >= 4  # Redis, service, worker, engine
    up.send_signal(end)
    assert up.wait(60) == (-signal.SIGKILL if end == signal.SIGKILL else 0)
    wait_until_gone(children)


def test_a_worker_that_dies_gets_a_successor(tmp_path):
    port = free_port()
    up = start(tmp_path, port)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:

            def pids():
                return {worker["pid"] for worker in ok(http.get("/v1/workers")).json()["workers"]}

            [first] = pids()
            os.kill(first, signal.SIGKILL)
            until(lambda: pids() - {first})
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)


def test_a_second_one_on_the_same_data_is_refused_in_one_line(tmp_path):
    up = start(tmp_path, free_port())
    try:
        second = subprocess.run(
            [sys.executable, "-m", "afmbatch", "up", "--data", str(tmp_path), "--port", str(free_port())],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert "in use" in second.stderr
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)


def test_a_taken_port_is_said_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = subprocess.run(
            [sys.executable, "-m", "afmbatch", "up", "--data", str(tmp_path), "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert str(port) in answer.stderr


@contextmanager
def running(data):
    """A stack on this data, for as long as it is needed."""
    with (
        Stack(data, free_port(), workers=1) as stack,
        httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as http,
    ):
        yield Service(stack, http)


def test_what_was_recorded_survives_a_restart(tmp_path):
    with running(tmp_path) as service:
        dataset = service.upload(co="2\n\nC 0 0 0 0.1\nO 0 0 1.13 -0.1\n")
        job = service.post(dataset=dataset, rotations={"kind": "none"}, scan={"dim": [16, 16, 19]})
        assert service.wait(job)["state"] == "done"
    with running(tmp_path) as service:
        assert [d["id"] for d in ok(service.http.get("/v1/datasets")).json()["datasets"]] == [dataset]
        assert service.status(job)["state"] == "done"
        assert service.arrays(job, 0)["sample"].tolist() == [0]
