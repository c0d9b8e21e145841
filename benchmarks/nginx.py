"""A real nginx with the configuration of docker-compose.yml, in a directory of its own; for the tests as well."""

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
_AROUND = """
daemon off;
user {user};
pid {here}/pid;
error_log {here}/errors.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    include {here}/servers.conf;
}}
"""


@contextmanager
def proxying(here: Path, service: str, store: Path) -> Iterator[str]:
    """The address of a proxy before the service at an address, which has its store in this directory."""
    listen = f"127.0.0.1:{free_port()}"
    words = {"AFMBATCH_SERVICE": service.removeprefix("http://"), "AFMBATCH_STORE": str(store)}
    with nginx(here, Template(_TEMPLATE.read_text()).safe_substitute(words, AFMBATCH_LISTEN=listen)):
        _wait(f"http://{listen}/v1/health")
        yield f"http://{listen}"


@contextmanager
def sending(here: Path, directory: Path) -> Iterator[str]:
    """The address of an nginx that sends the files of a directory, and knows nothing of us."""
    listen = f"127.0.0.1:{free_port()}"
    with nginx(here, f"server {{ listen {listen}; root {directory}; sendfile on; tcp_nopush on; }}"):
        _wait(f"http://{listen}/")
        yield f"http://{listen}"


@contextmanager
def nginx(here: Path, servers: str) -> Iterator[None]:
    """An nginx with these servers."""
    (here / "servers.conf").write_text(servers)
    (here / "nginx.conf").write_text(_AROUND.format(here=here, user=getpass.getuser()))
    process = child_process.start(
        ["nginx", "-q", "-e", f"{here}/errors.log", "-p", f"{here}", "-c", f"{here}/nginx.conf"]
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
