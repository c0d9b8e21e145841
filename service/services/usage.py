"""Resources that unfinished jobs use are not removed."""

import contextlib
from collections.abc import Callable

from afmbatch.errors import Conflict, NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import JobRecord, JobStatus

_JOBS_PER_PAGE = 500


def require_unused(ledger: Ledger, thing: str, uses: Callable[[JobRecord], bool]) -> None:
    """Raise Conflict if a job that is not finished uses a resource.

    thing: names the resource in the error, such as "Dataset ds-0"; uses: returns whether a job uses it.
    """
    start, users = 0, list[str]()
    while jobs := ledger.jobs.page(start, _JOBS_PER_PAGE)[1]:
        users += [user for job in jobs if uses(job) for user in _unfinished(ledger, job)]
        start += _JOBS_PER_PAGE
    if users:
        raise Conflict(f"{thing} is used by jobs that are not finished: {', '.join(users)}. Cancel them first.")


def _unfinished(ledger: Ledger, job: JobStatus) -> list[str]:
    """Return which of a job and the jobs of its single samples are not finished."""
    statuses = [job]
    for child in ledger.jobs.children(job.id):
        with contextlib.suppress(NotFound):
            statuses.append(ledger.jobs.status(child))
    return [status.id for status in statuses if not status.state.final]
