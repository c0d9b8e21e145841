"""Runs a real nginx with the configuration of docker-compose.yml in a directory of its own, also for the tests."""

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

import httpx

from afmbatch.cli import child_process
from afmbatch.cli.stack import free_port

_TEMPLATE = Path(__file__).parents[1] / "proxy" / "afmbatch.conf.template"
_START_SECONDS = 20.0
_MAIN_CONFIGURATION = """
daemon off;
user {user};
pid {directory}/pid;
error_log {directory}/errors.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/servers.conf;
}}
"""


@contextmanager
def proxying(directory: Path, service: str, store: Path) -> Iterator[str]:
    """Run a proxy of the service at the address `service`, whose store is the directory `store`; yield its address."""
    listen = f"127.0.0.1:{free_port()}"
    words = {"AFMBATCH_SERVICE": service.removeprefix("http://"), "AFMBATCH_STORE": str(store)}
    with nginx(directory, Template(_TEMPLATE.read_text()).safe_substitute(words, AFMBATCH_LISTEN=listen)):
        _wait(f"http://{listen}/v1/health")
        yield f"http://{listen}"


@contextmanager
def sending(directory: Path, files: Path) -> Iterator[str]:
    """Run an nginx that sends the files of a directory, without the service; yield its address."""
    listen = f"127.0.0.1:{free_port()}"
    with nginx(directory, f"server {{ listen {listen}; root {files}; sendfile on; tcp_nopush on; }}"):
        _wait(f"http://{listen}/")
        yield f"http://{listen}"


@contextmanager
def nginx(directory: Path, servers: str) -> Iterator[None]:
    """Run an nginx with these servers in a directory."""
    (directory / "servers.conf").write_text(servers)
    (directory / "nginx.conf").write_text(_MAIN_CONFIGURATION.format(directory=directory, user=getpass.getuser()))
    process = child_process.start(
        ["nginx", "-q", "-e", f"{directory}/errors.log", "-p", f"{directory}", "-c", f"{directory}/nginx.conf"]
    )
    try:
        yield
    finally:
        child_process.stop(process, grace_seconds=5)


def _wait(url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
