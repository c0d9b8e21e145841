"""A real nginx with the configuration of docker-compose.yml, in a directory of its own."""

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

import httpx

from afmbatch import tether
from tests.redis_server import until

TEMPLATE = Path(__file__).parents[2] / "proxy" / "afmbatch.conf.template"
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


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def nginx(here: Path, servers: str) -> Iterator[Path]:
    """An nginx with these servers, of which the first listens once it is there; its log."""
    (here / "servers.conf").write_text(servers)
    (here / "nginx.conf").write_text(_AROUND.format(here=here, user=getpass.getuser()))
    process = tether.start(["nginx", "-q", "-e", f"{here}/errors.log", "-p", f"{here}", "-c", f"{here}/nginx.conf"])
    try:
        yield here / "errors.log"
    finally:
        tether.stop(process, grace_seconds=5)


@contextmanager
def proxying(here: Path, service: str, store: Path) -> Iterator[str]:
    """The address of a proxy before the service at an address, which has its store in this directory."""
    listen = f"127.0.0.1:{free_port()}"
    words = {"AFMBATCH_SERVICE": service.removeprefix("http://"), "AFMBATCH_STORE": str(store)}
    servers = Template(TEMPLATE.read_text()).safe_substitute(words, AFMBATCH_LISTEN=listen)
    with nginx(here, servers):
        until(lambda: _answers(f"http://{listen}/v1/health"))
        yield f"http://{listen}"


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False
