"""The bell: wakes whoever waits for something of a job when the ledger says that it happened.

One subscription to Redis serves the whole process; whoever waits has an entry here and no thread. Since messages may be
lost with a connection, all are woken when one is lost or made, and look again by themselves after FALLBACK_SECONDS.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeAlias, TypeVar

from fastapi import Request
from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from afmbatch.errors import NotYet, Unavailable
from afmbatch.ledger.events import decode_event
from afmbatch.ledger.keys import EVENTS

FALLBACK_SECONDS = 5.0
_RECONNECT_SECONDS = 0.5
_PING_SECONDS = 30
_log = logging.getLogger(__name__)
Found = TypeVar("Found")
Place: TypeAlias = tuple[str, int | None]  # a job and one of its batches; None: all of the job


class JobNotifier:
    """Of one event loop. `redis_url`: where the ledger is."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._ears: dict[str, set[tuple[int | None, asyncio.Event]]] = defaultdict(set)
        self.stopped = False

    @property
    def waiting(self) -> int:
        """How many are waiting."""
        return sum(map(len, self._ears.values()))

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Meanwhile the bell works; it needs no Redis to begin with."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            self.stop()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def stop(self) -> None:
        """Let nobody wait any longer: the process is to end."""
        self.stopped = True
        self._ring_everywhere()

    @contextlib.contextmanager
    def rings(self, event: asyncio.Event, place: Place | None) -> Iterator[None]:
        """Meanwhile set the event whenever something happened at this place."""
        if place is None:
            yield
            return
        job_id, batch = place
        self._ears[job_id].add(ear := (batch, event))
        try:
            yield
        finally:
            self._ears[job_id].discard(ear)
            if not self._ears[job_id]:
                del self._ears[job_id]

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except RedisError as error:
                _log.warning("Redis tells nothing of what happens: %s", error)
                self._ring_everywhere()
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _hear(self) -> None:
        redis = Redis.from_url(
            self._url,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),  # errors come here, where everybody is woken
            socket_connect_timeout=2,
            health_check_interval=_PING_SECONDS,
        )
        async with redis, redis.pubsub() as subscription:
            await subscription.subscribe(EVENTS)
            while True:  # not listen(), which would not ask whether the other side is still there
                message = await subscription.get_message(timeout=_PING_SECONDS)
                if message is None:
                    continue
                if message["type"] == "message":
                    self._ring(*decode_event(message["data"]))
                else:  # subscribed: what came before went unheard
                    self._ring_everywhere()

    def _ring(self, job_id: str, batches: set[int]) -> None:
        for batch, event in self._ears.get(job_id, ()):
            if batch is None or not batches or batch in batches:
                event.set()

    def _ring_everywhere(self) -> None:
        for ears in self._ears.values():
            for _, event in ears:
                event.set()


async def awaited(request: Request, bell: JobNotifier, look: Callable[[], Found], seconds: float) -> Found:
    """What `look` finds, in a thread, now or within so many seconds. Raises what it raises; NotYet after that time.

    Raises Unavailable when the process is to end, ClientDisconnect when nobody waits for the answer any more.
    """
    if not seconds:
        return await run_in_threadpool(look)
    end, event = time.monotonic() + seconds, asyncio.Event()
    place: Place | None = None
    async with _departure(request, event) as gone:
        while True:
            with bell.rings(event, place):
                try:  # again after the ear is there: in between it may have happened
                    return await run_in_threadpool(look)
                except NotYet as still:
                    if (rest := end - time.monotonic()) <= 0:
                        raise
                    if bell.stopped:
                        raise Unavailable("the service is being stopped; ask again") from None
                    if gone.done():
                        raise ClientDisconnect from None
                    if place == still.place:
                        await rung(event, min(rest, FALLBACK_SECONDS))
                    place = still.place


async def rung(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event came within so many seconds; it is cleared."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    came = event.is_set()
    event.clear()
    return came


@contextlib.asynccontextmanager
async def _departure(request: Request, event: asyncio.Event) -> AsyncIterator["asyncio.Task[None]"]:
    """Done, and the event set, once the client of this request has gone away."""

    async def leave() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(leave())
    task.add_done_callback(lambda _: event.set())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
