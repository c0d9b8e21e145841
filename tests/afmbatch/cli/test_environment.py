"""A variable that the programs cannot use ends them with one line that names it and tells no secret."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from redis import Redis
from typer.testing import CliRunner

import afmbatch
from afmbatch.cli.app import app
from afmbatch.cli.opencl_cache import cache_problem
from afmbatch.cli.redis_address import check_redis_login, check_redis_url
from afmbatch.errors import CannotStart
from afmbatch.settings import Settings
from tests.redis_server import RedisServer
from tests.service.conftest import running

CODE = "from afmbatch.cli.app import app; app()"


def afmbatch_with(environment, *arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        env={k: v for k, v in os.environ.items() if not k.startswith(("AFMBATCH", "POCL", "XDG"))} | environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://:secret#word@127.0.0.1:6379/0", "%23"),
        ("redis://user:6379#secret@127.0.0.1/0", "%23"),  # redis-py would connect to the host "user"
        ("redis://:secret/word@127.0.0.1:6379/0", "%2F"),
        ("redis://:secret?word@127.0.0.1:6379/0", "%3F"),
        ("redis://:secret@127.0.0.1:99999/0", "port"),
        ("redis://:secret@127.0.0.1:x/0", "port"),
        ("redis://:secret@[::1:6379/0", "can't be read"),
        ("127.0.0.1:6379", "does not begin with redis://"),
        ("http://:secret@127.0.0.1", "does not begin with redis://"),
        ("redis+sentinel://:secret@127.0.0.1:26379/mymaster", "Sentinel"),
        ("sentinel://127.0.0.1", "Sentinel"),
        ("redis://:secret@127.0.0.1/zero", "number of a database"),
        ("redis://:secret@127.0.0.1/0?foo=secret", "unknown option foo"),
        ("redis://:secret@127.0.0.1/0?socket_timeout=secret", "options"),
        ("", "empty"),
    ],
)
def test_a_url_that_can_not_be_used(url, reason):
    with pytest.raises(CannotStart) as info:
        check_redis_url(url)
    text = str(info.value)
    assert text.startswith("AFMBATCH_REDIS_URL: ")
    assert reason in text
    assert "secret" not in text
    assert info.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://host",
        "redis://user:p%23ss@host:6379/3",
        "redis://[::1]:6379/0",
        "redis://host/0?socket_timeout=3",
        "rediss://:p@host:6380/0?ssl_ca_certs=/ca.pem",
        "unix:///tmp/redis.sock",
        "unix://:p@/tmp/redis.sock?db=1",
    ],
)
def test_a_url_that_can_be_used(url):
    check_redis_url(url)


@pytest.mark.parametrize("command", ["serve", "worker", "sweep"])
def test_a_bad_url_ends_every_program_with_one_line(command, monkeypatch):
    url = "redis://:secret#word@127.0.0.1:6379/0"
    monkeypatch.setenv("AFMBATCH_REDIS_URL", url)
    ended = CliRunner().invoke(app, [command])
    assert ended.exit_code == 1
    assert ended.stderr.startswith("afmbatch: AFMBATCH_REDIS_URL: ")
    assert ended.stderr.count("\n") == 1
    assert "secret" not in ended.stderr


@pytest.fixture(scope="module")
def guarded():
    """A server that requires a password."""
    server = RedisServer()
    with Redis.from_url(server.url) as redis:
        redis.config_set("requirepass", "secret")
    yield server
    server.process.kill()
    server.process.wait()
    shutil.rmtree(server.directory)


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_password_that_is_missing(guarded, command, tmp_path):
    ended = afmbatch_with({"AFMBATCH_REDIS_URL": guarded.url, "AFMBATCH_PORT": "0"}, command, cwd=tmp_path)
    assert ended.returncode == 1
    line = ended.stderr.splitlines()[-1]
    assert line == "afmbatch: AFMBATCH_REDIS_URL: Redis requires a password, which the URL does not have"
    assert "Traceback" not in ended.stderr


def test_a_password_that_is_wrong(guarded):
    check_redis_login(guarded.url.replace("unix://", "unix://:secret@"))
    with pytest.raises(CannotStart, match="AFMBATCH_REDIS_URL: Redis does not accept") as info:
        check_redis_login(guarded.url.replace("unix://", "unix://:wrong-secret@"))
    assert "secret" not in str(info.value)


def test_a_server_that_does_not_answer_yet_is_no_error():
    check_redis_login("unix:///nowhere")


@pytest.mark.parametrize(("command", "variable"), [("devices", "XDG_CACHE_HOME"), ("worker", "HOME")])
def test_a_cache_that_can_not_be_written(redis_server, command, variable, tmp_path):
    environment = {"AFMBATCH_REDIS_URL": redis_server.url, variable: "/proc/nowhere"}
    ended = afmbatch_with(environment, command, cwd=tmp_path)
    assert ended.returncode == 1
    line = ended.stderr.splitlines()[-1]
    assert line.startswith("afmbatch: ")
    assert "/proc/nowhere" in line
    assert f"follows from {variable}" in line


def test_the_directory_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/proc/home")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("POCL_CACHE_DIR", raising=False)
    assert "/proc/home/.cache/pocl/kcache, which follows from HOME" in cache_problem()
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/cache")
    assert "/proc/cache/pocl/kcache, which follows from XDG_CACHE_HOME" in cache_problem()
    monkeypatch.setenv("POCL_CACHE_DIR", "/proc/pocl")
    assert "/proc/pocl, which follows from POCL_CACHE_DIR" in cache_problem()
    monkeypatch.setenv("POCL_CACHE_DIR", str(tmp_path))
    assert cache_problem() == ""


def test_devices_with_a_cache(tmp_path):
    listed = afmbatch_with({"POCL_CACHE_DIR": str(tmp_path)}, "devices")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout


def test_the_version():
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout) == (0, f"afmbatch {afmbatch.__version__}\n")


def test_up_takes_its_port_from_the_environment(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("AFMBATCH_PORT", port)
        ended = CliRunner().invoke(app, ["up", "--data", str(tmp_path)])
    assert f"can't listen on 127.0.0.1 port {port}" in ended.stderr


def _forward(source, target):
    with closing(source), closing(target):
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:  # closed by the thread for the other direction
            return


@pytest.fixture
def tls(redis_server, tmp_path):
    """URL of a TLS port in front of the server, which itself may have been built without TLS."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *words.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def accept():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            try:
                encrypted = context.wrap_socket(connection, server_side=True)
            except OSError:  # the client does not trust the certificate
                continue
            plain = socket.socket(socket.AF_UNIX)
            plain.connect(f"{redis_server.directory}/s")
            for pair in ((encrypted, plain), (plain, encrypted)):
                threading.Thread(target=_forward, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield f"rediss://127.0.0.1:{listening.getsockname()[1]}/0?ssl_ca_certs={certificate}"
        listening.shutdown(socket.SHUT_RDWR)


def test_redis_by_tls(tls, tmp_path):
    check_redis_url(tls)
    with running(Settings(redis_url=tls, store_url=tmp_path.as_uri())) as service:
        service.redis.flushall()
        job = service.job()
        service.record(job, 1, b"batch")
        assert service.http.get(f"/v1/jobs/{job}/batches/1").content == b"batch"
        assert service.queued() == [f"{job}-0"]
    refused = afmbatch_with({"AFMBATCH_REDIS_URL": tls.partition("?")[0]}, "worker", cwd=tmp_path)
    assert "certificate verify failed" in refused.stderr.splitlines()[-1]
