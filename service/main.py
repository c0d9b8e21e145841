"""The front end's process: opens Redis, store and queue, and serves HTTP until it is told to stop."""

import socket

import uvicorn
from redis import Redis

from service.app import create_app
from service.contract.ledger import Ledger
from service.contract.queue import open_queue
from service.contract.settings import Settings
from service.contract.store import Store

_GRACE_SECONDS = 30  # downloads get so long to end after SIGTERM


def run(settings: Settings, listening: socket.socket | None = None) -> None:
    """Serve until SIGTERM or SIGINT: on a bound TCP socket, or on settings' host and port (0: any, see the log)."""
    with Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=10,
        health_check_interval=30,
    ) as redis:
        queue = open_queue(settings)
        app = create_app(settings, Ledger(redis), Store(settings.store_url), queue)
        config = uvicorn.Config(
            app, host=settings.host, port=settings.port, timeout_graceful_shutdown=_GRACE_SECONDS, access_log=False
        )
        listening = listening or config.bind_socket()
        # asyncio does so only for sockets made with proto=IPPROTO_TCP; without it each answer waits 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        uvicorn.Server(config).run(sockets=[listening])
