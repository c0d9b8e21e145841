"""The front end's process: opens Redis, store and queue, and serves HTTP until it is told to stop."""

import logging
import socket

import uvicorn
from redis import Redis

from afmbatch.errors import CannotStart
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.task_queue import open_queue
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore
from service.app import create_app
from service.transport.job_notifier import JobNotifier
from service.transport.sendfile import ZeroCopyProtocol

_GRACE_SECONDS = 30  # downloads get so long to end after SIGTERM


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT (port 0: any free one, the log says which). Raises CannotStart."""
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
        config = uvicorn.Config(
            app,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            access_log=False,
            http=ZeroCopyProtocol,
            loop="asyncio",  # not uvloop, where that is installed: it has no sendfile
        )
        host, port, *_ = listening.getsockname()
        logging.getLogger("uvicorn.error").info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        Server(config, app.state.bell).run(sockets=[listening])


class Server(uvicorn.Server):
    """Lets nobody wait for batches or events any longer once it is to stop."""

    def __init__(self, config: uvicorn.Config, bell: JobNotifier) -> None:
        super().__init__(config)
        self._bell = bell

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As in the base class, which waits for the end of each answer."""
        self._bell.stop()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    # By ourselves, because uvicorn ends the process without a word about the port.
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise CannotStart(f"can't listen on {host} port {port}: {error.strerror or error}") from None
    # asyncio does so only for sockets made with proto=IPPROTO_TCP; without it each answer waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
