"""Clients follow the events of a job until it has ended.

`progress` is the job's status, at once and then when it has changed, at most every PROGRESS_SECONDS. `batch` is a
recorded batch, in the order of recording. `end` is the final status. Each event has a position: the number of batches
recorded up to it. A client that comes back with the position of its last event gets the batches that it missed.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from redis import RedisError
from starlette.concurrency import run_in_threadpool

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchRecord, JobStatus
from service.services.job_notifier import FALLBACK_SECONDS, JobNotifier, wait_for_event

PROGRESS_SECONDS = 0.5
_MIN_PERIOD_SECONDS = 0.05  # between two reads of the ledger, however fast batches come
_PAGE = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Describes something that happened to a job."""

    kind: Literal["progress", "batch", "end"]
    #: Number of batches recorded up to this event.
    position: int
    data: JobStatus | BatchRecord


class EventService:
    """Follows jobs and reads their events from the ledger."""

    def __init__(self, ledger: Ledger, notifier: JobNotifier) -> None:
        self._ledger = ledger
        self._notifier = notifier

    def require_job(self, job_id: str) -> None:
        """Raise NotFound if there is no such job. Blocks."""
        self._ledger.jobs.get(job_id)

    async def follow(self, job_id: str, position: int) -> AsyncGenerator[JobEvent, None]:
        """Yield the events of a job after a position.

        Ends without an `end` event if the service is stopped, Redis does not answer or the job is deleted: the client
        asks again and learns why.
        """
        reader, event = _JobReader(self._ledger, job_id, position), asyncio.Event()
        sent: JobStatus | None = None
        next_progress = 0.0
        with self._notifier.subscribe(event, job_id):
            while not self._notifier.is_stopped:
                now = time.monotonic()
                try:
                    status, batches = await run_in_threadpool(reader.read, now >= next_progress)
                except (NotFound, RedisError) as error:
                    _log.info("the event stream of job %s ends: %s", job_id, error)
                    return
                for batch in batches:
                    yield batch
                if status is not None:
                    next_progress = now + PROGRESS_SECONDS
                    if sent is None or _without_rates(status) != _without_rates(sent):
                        yield JobEvent("progress", reader.position, status)
                        sent = status
                    if status.state.final and len(batches) < _PAGE:
                        yield JobEvent("end", reader.position, status)
                        return
                if len(batches) == _PAGE:
                    continue
                # Without a status something has happened, but the time for the next progress has not come.
                await wait_for_event(event, FALLBACK_SECONDS if status is not None else next_progress - now)
                await asyncio.sleep(now + _MIN_PERIOD_SECONDS - time.monotonic())


class _JobReader:
    """Reads the new events of a job from the ledger."""

    def __init__(self, ledger: Ledger, job_id: str, position: int) -> None:
        self._ledger = ledger
        self._job_id = job_id
        self.position = position

    def read(self, with_status: bool) -> tuple[JobStatus | None, list[JobEvent]]:
        """Return the job's status, if wanted, and a page of batches after the position. Blocks.

        Raises NotFound, redis.RedisError.
        """
        # The status is read first, so that all batches of a final one are found after it.
        status = self._ledger.jobs.status(self._job_id) if with_status else None
        records = self._ledger.batches.recorded_after(self._job_id, self.position, _PAGE)
        if records:
            self.position = records[-1][0]
        return status, [JobEvent("batch", position, record) for position, record in records]


def _without_rates(status: JobStatus) -> JobStatus:
    """Return a status without the values that change with time alone."""
    return status.model_copy(update={"samples_per_second": None, "eta_seconds": None})
