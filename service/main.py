"""The process opens Redis, the store and the queue, and serves HTTP until it is stopped."""

import logging
import socket
from typing import Any

import uvicorn
from fastapi import FastAPI
from redis import Redis

from afmbatch.errors import CannotStart
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.task_queue import open_queue
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore
from service.app import create_app
from service.services.job_notifier import JobNotifier
from service.transport.protocol import ServiceProtocol

_GRACE_SECONDS = 30  # for downloads to end after SIGTERM


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Port 0 stands for any free port, which the log names. Raises CannotStart."""
    with (
        _listen(settings.host, settings.port) as listening,
        Redis.from_url(
            settings.redis_url,
            decode_responses=True,
            socket_connect_timeout=2,
            socket_timeout=10,
            health_check_interval=30,
        ) as redis,
    ):
        app = create_app(settings, Ledger.on(redis), ObjectStore(settings.store_url), open_queue(settings))
        config = configure(app, settings, timeout_graceful_shutdown=_GRACE_SECONDS)
        host, port, *_ = listening.getsockname()
        logging.getLogger("uvicorn.error").info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        Server(config, app.state.notifier).run(sockets=[listening])


def configure(app: FastAPI, settings: Settings, **options: Any) -> uvicorn.Config:
    """Return the configuration of a server of this application. options: further options of uvicorn.Config."""
    defaults = {
        "access_log": False,
        "limit_concurrency": settings.max_connections,
        "http": ServiceProtocol,
        "loop": "asyncio",  # not uvloop, where that is installed: it has no sendfile
    }
    return uvicorn.Config(app, **{**defaults, **options})


class Server(uvicorn.Server):
    """Ends the requests that wait for batches or events before it stops."""

    def __init__(self, config: uvicorn.Config, notifier: JobNotifier) -> None:
        super().__init__(config)
        self._notifier = notifier

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop the notifier, then do what the base class does, which waits for the end of each answer."""
        self._notifier.stop()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    # Not left to uvicorn, which ends the process without naming the port.
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise CannotStart(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
    # asyncio sets this only on sockets made with proto=IPPROTO_TCP; without it each answer waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
