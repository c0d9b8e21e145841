"""Redis pub/sub notifies the service of what the ledger records of jobs.

One subscription to Redis serves the whole process; a request that waits needs no thread. Messages may be lost with a
connection, so all subscribers are notified when a connection is lost or made, and look again after FALLBACK_SECONDS.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from afmbatch.ledger.events import decode_event
from afmbatch.ledger.keys import EVENTS

FALLBACK_SECONDS = 5.0
_RECONNECT_SECONDS = 0.5
_PING_SECONDS = 30
_log = logging.getLogger(__name__)


class JobNotifier:
    """Sets events of the running event loop when something of a job changes."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._subscriptions: dict[str, set[tuple[int | None, asyncio.Event]]] = defaultdict(set)
        self.is_stopped = False

    @property
    def subscriptions(self) -> int:
        """Return the number of subscriptions."""
        return sum(map(len, self._subscriptions.values()))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Receive messages from Redis within this context, and connect again whenever Redis was away."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self.stop()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def stop(self) -> None:
        """Notify all subscribers that the process is about to end."""
        self.is_stopped = True
        self._notify_all()

    @contextlib.contextmanager
    def subscribe(self, event: asyncio.Event, job_id: str, batch: int | None = None) -> Iterator[None]:
        """Within this context, set the event when this batch of a job changes, or anything of it if batch is None."""
        subscription = (batch, event)
        self._subscriptions[job_id].add(subscription)
        try:
            yield
        finally:
            self._subscriptions[job_id].discard(subscription)
            if not self._subscriptions[job_id]:
                del self._subscriptions[job_id]

    async def _run(self) -> None:
        while True:
            try:
                await self._receive_messages()
            except RedisError as error:
                _log.warning("no events received from Redis, polling instead: %s", error)
                self._notify_all()
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _receive_messages(self) -> None:
        redis = Redis.from_url(
            self._url,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),  # errors are handled in _run, which notifies all subscribers
            socket_connect_timeout=2,
            health_check_interval=_PING_SECONDS,
        )
        async with redis, redis.pubsub() as pubsub:
            await pubsub.subscribe(EVENTS)
            while True:  # not listen(), which never checks whether the server is still there
                message = await pubsub.get_message(timeout=_PING_SECONDS)
                if message is None:
                    continue
                if message["type"] == "message":
                    self._notify(*decode_event(message["data"]))
                else:  # subscribed: messages sent before were missed
                    self._notify_all()

    def _notify(self, job_id: str, batches: set[int]) -> None:
        for batch, event in self._subscriptions.get(job_id, ()):
            if batch is None or not batches or batch in batches:
                event.set()

    def _notify_all(self) -> None:
        for subscriptions in self._subscriptions.values():
            for _, event in subscriptions:
                event.set()


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most so many seconds, and clear it."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    event.clear()
