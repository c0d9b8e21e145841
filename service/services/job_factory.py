"""A new job is recorded together with its first task, or not at all."""

import secrets
import time
from collections.abc import Callable

from redis import WatchError
from redis.client import Pipeline
from rq import Queue

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import JobRecord, JobStatus, State
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.sampling.recipe import Recipe


class JobFactory:
    """Creates jobs in transactions on the connection of the queue."""

    def __init__(self, ledger: Ledger, queue: Queue, scheduler: ShardScheduler) -> None:
        self._ledger = ledger
        self._queue = queue
        self._scheduler = scheduler

    def find_or_create(
        self, recipe_of: Callable[[Pipeline], Recipe], job_id: str, *, at_front: bool = False
    ) -> tuple[JobStatus, bool]:
        """Return the job that makes a recipe and whether it is new, under the id `job_id`.

        recipe_of looks up what the recipe depends on, in such a way that the transaction fails if that changes.
        at_front: put the first task of a new job before all others.
        """
        while True:
            with self._queue.connection.pipeline() as pipe:
                recipe = recipe_of(pipe)
                if (found := self.find(recipe, None, pipe)) is not None:
                    return found, False
                if self._create(recipe, job_id, None, pipe, at_front=at_front):
                    return self._ledger.jobs.status(job_id), True

    def find_or_create_child(
        self, recipe: Recipe, parent: str, check: Callable[[Pipeline], None]
    ) -> tuple[JobStatus | None, str]:
        """Return the job that makes a recipe on behalf of another job, None if it is new, and its id.

        check raises an error if a new job cannot be made.
        """
        child_id = new_job_id()
        while True:
            with self._queue.connection.pipeline() as pipe:
                found = self._last(recipe, parent, pipe)
                if found is not None and found.state is not State.CANCELLED:
                    return found, found.id
                check(pipe)
                if self._create(recipe, child_id, parent, pipe, at_front=True):
                    return None, child_id

    def find(self, recipe: Recipe, parent: str | None = None, pipe: Pipeline | None = None) -> JobStatus | None:
        """Return the job that makes, or has made, all batches of a recipe; None if there is none.

        The transaction `pipe` fails if such a job comes meanwhile.
        """
        found = self._last(recipe, parent, pipe)
        return None if found is None or found.state in (State.CANCELLED, State.FAILED) else found

    def _last(self, recipe: Recipe, parent: str | None, pipe: Pipeline | None) -> JobStatus | None:
        job_id = self._ledger.jobs.find_by_recipe(recipe.recipe_id, parent, pipe)
        try:
            return None if job_id is None else self._ledger.jobs.status(job_id)
        except NotFound:
            return None

    def _create(self, recipe: Recipe, job_id: str, parent: str | None, pipe: Pipeline, *, at_front: bool) -> bool:
        """Create a job and return True; return False if a key that the pipeline watches has changed."""
        record = JobRecord(**dict(recipe), id=job_id, created_at=time.time(), parent=parent)
        pipe.multi()
        self._ledger.jobs.add(record, pipe)
        self._scheduler.begin(record, pipe, at_front=at_front)
        return try_execute(pipe)


def new_job_id() -> str:
    """Return an id for a new job."""
    return f"job-{secrets.token_hex(8)}"


def try_execute(pipe: Pipeline) -> bool:
    """Execute a transaction and return True; return False if a key that it watches has changed."""
    try:
        pipe.execute()
    except WatchError:
        return False
    return True
