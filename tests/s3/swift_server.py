"""A real S3 server: OpenStack Swift with its s3api, from Debian's packages, in a directory of its own.

It checks signatures and their expiry, which servers made for tests do not.
"""

import getpass
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import httpx

from afmbatch.cli import child_process
from tests.redis_server import until

_PYTHON = "/usr/bin/python3"
_SWIFT_CONF = "[swift-hash]\nswift_hash_path_suffix = tests\n[storage-policy:0]\nname = one\ndefault = yes\n"
_STORAGE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {here}
devices = {here}/devices
mount_check = false
user = {user}
workers = 0
[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
"""
_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {here}
user = {user}
workers = 0
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_afm_batch = secret .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{cache}
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
"""
_STORED = ("account", "container", "object")


class Swift:
    """A running server with the bucket `batches`. `environment` holds the variables by which obstore finds it."""

    def __init__(self) -> None:
        self.here = Path(tempfile.mkdtemp(prefix="afm-swift-"))
        (self.here / "devices" / "d1").mkdir(parents=True)
        (self.here / "swift.conf").write_text(_SWIFT_CONF)
        ports = dict(zip((*_STORED, "proxy", "cache"), _free_ports(5), strict=True))
        self.url = f"http://127.0.0.1:{ports['proxy']}"
        self.environment = {
            "AWS_ENDPOINT": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "afm:batch",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        words = {"here": self.here, "user": getpass.getuser(), "cache": ports["cache"]}
        for part in _STORED:
            builder = self.here / f"{part}.builder"
            for order in ("create 4 1 1", f"add r1z1-127.0.0.1:{ports[part]}/d1 1", "rebalance"):
                command = ["swift-ring-builder", str(builder), *order.split()]
                subprocess.run(command, check=True, capture_output=True)
        memcached = ["memcached", "-u", getpass.getuser(), "-l", "127.0.0.1", "-p", str(ports["cache"])]
        self._processes = [child_process.start(memcached)]
        for part in (*_STORED, "proxy"):
            conf = self.here / f"{part}.conf"
            conf.write_text((_PROXY if part == "proxy" else _STORAGE).format(part=part, port=ports[part], **words))
            script = Path(__file__).with_name("swift_part.py")
            self._processes.append(child_process.start([_PYTHON, "-I", str(script), part, str(conf)]))
        until(self._answers)
        user = {"X-Auth-User": "afm:batch", "X-Auth-Key": "secret"}
        entered = httpx.get(f"{self.url}/auth/v1.0", headers=user, trust_env=False).raise_for_status().headers
        token = {"X-Auth-Token": entered["x-auth-token"]}
        httpx.put(f"{entered['x-storage-url']}/batches", headers=token, trust_env=False).raise_for_status()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthcheck", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def close(self) -> None:
        for process in reversed(self._processes):
            child_process.stop(process, grace_seconds=5)
        shutil.rmtree(self.here)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
