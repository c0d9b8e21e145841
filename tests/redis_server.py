"""A real Redis-compatible server for the tests, dying with us; and how tests wait."""

import shutil
import tempfile
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from afmbatch.cli import child_process
from afmbatch.cli.embedded_redis import server_binary


def until(condition, seconds=60.0):
    """Wait for a condition, and give back what it gave."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain")
        time.sleep(0.01)
    return value


class RedisServer:
    """A server on a unix socket that can be stopped and started again on the same data."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="afm-"))  # pytest's own paths are too long for a socket
        self.url = f"unix://{self.directory}/s"
        self.start()

    def start(self):
        words = f"--port 0 --unixsocket {self.directory}/s --dir {self.directory} --logfile log --appendonly yes"
        self.process = child_process.start([server_binary(), *words.split(), "--save", ""])
        until(self.answers)

    def answers(self):
        try:
            with Redis.from_url(self.url) as redis:
                return redis.ping()
        except RedisError:
            return False

    def stop(self):
        child_process.stop(self.process, grace_seconds=10)

    def close(self):
        self.stop()
        shutil.rmtree(self.directory)
