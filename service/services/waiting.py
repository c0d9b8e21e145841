"""A request may wait for a batch or sample that has not been made yet."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from afmbatch.errors import NotYet, Unavailable
from service.services import job_notifier
from service.services.job_notifier import JobNotifier, wait_for_event

T = TypeVar("T")
UntilDisconnected: TypeAlias = Callable[[], Coroutine[Any, Any, None]]  # returns when the client has gone


async def wait_for(
    notifier: JobNotifier, find: Callable[[], T], seconds: float, until_disconnected: UntilDisconnected
) -> T:
    """Call `find` in a thread, again and again within so many seconds while it raises NotYet, and return its result.

    Raises NotYet after that time, whatever else `find` raises, Unavailable when the service stops and ClientDisconnect
    when the client has gone.
    """
    if not seconds:
        return await run_in_threadpool(find)
    end, event = time.monotonic() + seconds, asyncio.Event()
    awaited: tuple[str, int] | None = None
    async with _disconnection(until_disconnected, event) as disconnection:
        while True:
            with contextlib.nullcontext() if awaited is None else notifier.subscribe(event, *awaited):
                try:  # again once subscribed, because it may have been made in between
                    return await run_in_threadpool(find)
                except NotYet as error:
                    if (remaining := end - time.monotonic()) <= 0:
                        raise
                    if notifier.is_stopped:
                        raise Unavailable("The service is being stopped; try again.") from None
                    if disconnection.done():
                        raise ClientDisconnect from None
                    if awaited == (error.job_id, error.batch):
                        await wait_for_event(event, min(remaining, job_notifier.FALLBACK_SECONDS))
                    awaited = error.job_id, error.batch


@contextlib.asynccontextmanager
async def _disconnection(
    until_disconnected: UntilDisconnected, event: asyncio.Event
) -> AsyncIterator["asyncio.Task[None]"]:
    """Yield a task that is done once the client has gone, which also sets the event."""
    task = asyncio.create_task(until_disconnected())
    task.add_done_callback(lambda _: event.set())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
