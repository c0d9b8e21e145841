"""The state of the service, its workers and its process."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis

import afmbatch
import service as service_package
from afmbatch.errors import CannotStart
from afmbatch.ledger.records import WorkerRecord
from afmbatch.settings import Settings
from service.main import run

from .conftest import WATER, problem, running

WORKER = WorkerRecord(
    name="w1",
    host="here",
    pid=1,
    device="a device",
    device_kind="cpu",
    compute_units=2,
    memory_bytes=1 << 30,
    engine="1",
    started_at=0.0,
)


def test_the_root_leads_to_the_documentation(service):
    answer = service.http.get("/", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.url.path == "/docs"


def test_the_process_is_alive(service):
    assert service.http.get("/v1/health").json() == {"status": "ok"}


def test_ready_without_and_with_a_worker(service):
    alone = service.http.get("/v1/ready")
    assert alone.status_code == 200
    assert alone.json()["workers"] == 0
    assert "no worker" in alone.json()["detail"]
    service.ledger.workers.announce(WORKER, 60)
    assert service.http.get("/v1/ready").json()["workers"] == 1
    assert service.http.get("/v1/workers").json() == {"workers": [WORKER.model_dump(mode="json")]}


def test_not_ready_without_a_store(redis_url, tmp_path):
    with running(Settings(redis_url=redis_url, store_url=(tmp_path / "store").as_uri())) as service:
        shutil.rmtree(tmp_path / "store")
        answer = service.http.get("/v1/ready")
    assert answer.status_code == 503
    assert "store" in problem(answer)["detail"]


CODE = "from service.main import run; from afmbatch.settings import Settings; run(Settings())"


@contextmanager
def serving_process(redis_url, store, *arguments, **environment):
    """Run the service in a process on a free port until SIGTERM; yield a client of it."""
    settings = {"AFMBATCH_REDIS_URL": redis_url, "AFMBATCH_STORE_URL": store.as_uri(), "AFMBATCH_PORT": "0"}
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, env=os.environ | settings | environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            url = next(found[0] for line in process.stderr if (found := re.search(r"http://[\d.]+:\d+", line)))
            with httpx.Client(base_url=url, trust_env=False, timeout=20) as http:
                yield http
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM  # uvicorn ends in order, and then by the signal


def test_the_process_serves_and_stops(redis_url, tmp_path):
    Redis.from_url(redis_url).flushall()
    with serving_process(redis_url, tmp_path, "-c", CODE) as http:
        assert http.post("/v1/datasets", files=[("files", ("water.xyz", WATER))]).status_code == 201


def test_the_process_needs_no_installed_distribution(redis_url, tmp_path):
    """A checkout on PYTHONPATH serves with its dependencies, but without metadata of afmbatch."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "afmbatch" not in path.name:
            (packages / path.name).symlink_to(path)
    checkout = Path(service_package.__file__).parents[1]
    check = "import importlib.metadata as m; assert 'afmbatch' not in [d.name for d in m.distributions()]"
    path = os.pathsep.join(map(str, (checkout, packages)))
    with serving_process(redis_url, tmp_path, "-S", "-c", f"{check}\n{CODE}", PYTHONPATH=path) as http:
        assert http.get("/v1/health").json() == {"status": "ok"}
        assert http.get("/openapi.json").json()["info"]["version"] == afmbatch.__version__


def test_a_taken_port_is_an_error_that_names_it(redis_url, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=str(port)):
            run(Settings(redis_url=redis_url, store_url=tmp_path.as_uri(), port=port))


def test_the_documentation_page_needs_no_other_host(service):
    page = service.http.get("/docs")
    assert "//" not in re.sub(r"<script>.*</script>", "", page.text, flags=re.DOTALL)
    script = re.search(r'src="([^"]+)"', page.text)[1]
    assert service.http.get(script).headers["content-type"].startswith("text/javascript")
