"""What happens to a job as server-sent events (the WHATWG HTML standard, "Server-sent events"), until it has ended.

progress: the job's status, at once and then at most every PROGRESS_SECONDS, where it has changed. batch: each recorded
batch, in the order of recording. end: the last status. Their ids say how far in that order the client is, which finds
what it missed when it comes back with it. A stream that ends without `end` (the service or Redis went, the job was
deleted) is to be asked for again.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator

from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from redis import RedisError
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord, JobStatus
from service.transport.job_notifier import FALLBACK_SECONDS, JobNotifier, rung

MEDIA_TYPE = "text/event-stream"
PROGRESS_SECONDS = 0.5
_KEEP_ALIVE_SECONDS = 15.0  # half of what proxies commonly allow
_LOOK_SECONDS = 0.05  # most looks are so far apart, however fast batches come
_PAGE = 500
_log = logging.getLogger(__name__)


class EventStream(StreamingResponse):
    """The events of a job after the batch at place `after` of its order, from 1."""

    def __init__(self, ledger: Ledger, bell: JobNotifier, job_id: str, after: int) -> None:
        self._events = _events(ledger, bell, job_id, after)
        # X-Accel-Buffering: nginx passes on each event as it comes
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(self._events, headers=headers, media_type=MEDIA_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the end, or the client goes; then nothing of it is left."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._events.aclose()


async def _events(ledger: Ledger, bell: JobNotifier, job_id: str, after: int) -> AsyncGenerator[str, None]:
    look, event = _Look(ledger, job_id, after), asyncio.Event()
    told: JobStatus | None = None
    due, spoken = 0.0, time.monotonic()
    with bell.rings(event, (job_id, None)):
        while not bell.stopped:
            now = time.monotonic()
            try:
                status, records = await run_in_threadpool(look.at, now >= due)
            except (NotFound, RedisError) as error:
                _log.info("events of job %s end: %s", job_id, error)
                return
            text = "".join(_event("batch", record, place) for place, record in records)
            if status is not None:
                due = now + PROGRESS_SECONDS
                if told is None or _lasting(status) != _lasting(told):
                    text += _event("progress", status, look.after)
                    told = status
                if status.state.final and len(records) < _PAGE:
                    yield text + _event("end", status, look.after)
                    return
            if not text and now - spoken >= _KEEP_ALIVE_SECONDS:
                text = ":\n\n"
            if text:
                spoken = now
                yield text
            if len(records) == _PAGE:
                continue
            # Without a status something has happened, but the time for the next progress has not come.
            await rung(event, FALLBACK_SECONDS if status is not None else due - now)
            await asyncio.sleep(now + _LOOK_SECONDS - time.monotonic())


class _Look:
    """Looks into the ledger, which block: for a thread. `after`: how far in the order of the batches it is."""

    def __init__(self, ledger: Ledger, job_id: str, after: int) -> None:
        self._ledger = ledger
        self._job_id = job_id
        self.after = after

    def at(self, status: bool) -> tuple[JobStatus | None, list[tuple[int, BatchRecord]]]:
        """The job's status, if wanted, and a page of batches that were not seen. Raises NotFound, RedisError."""
        found = self._ledger.jobs.status(self._job_id) if status else None  # first: then a final one has all batches
        records = self._ledger.batches.recorded_after(self._job_id, self.after, _PAGE)
        if records:
            self.after = records[-1][0]
        return found, records


def _lasting(status: JobStatus) -> JobStatus:
    """Without what changes as time goes by."""
    return status.model_copy(update={"samples_per_second": None, "eta_seconds": None})


def _event(kind: str, data: BaseModel, place: int) -> str:
    return f"event: {kind}\nid: {place}\ndata: {data.model_dump_json()}\n\n"
