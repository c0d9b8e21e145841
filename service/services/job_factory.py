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
from afmbatch.sampling.recipe import ENGINE, Recipe


class JobFactory:
    """Creates jobs in transactions on the connection of the queue."""

    def __init__(self, ledger: Ledger, queue: Queue, scheduler: ShardScheduler) -> None:
        self._ledger = ledger
        self._queue = queue
        self._scheduler = scheduler

    def find_or_create(
        self, recipe_of: Callable[[Pipeline], Recipe], job_id: str, *, at_front: bool = False
    ) -> tuple[JobStatus, bool]:
        """Return the job that makes a recipe, and True if it was created, with the id `job_id`, by this call.

        recipe_of: returns the recipe; it reads datasets through the pipeline, so that the transaction fails if they
        change.
        at_front: put the first task of a new job before all others.
        """
        while True:
            with self._queue.connection.pipeline() as pipe:
                recipe = recipe_of(pipe)
                if (found := self.find(recipe, pipe)) is not None:
                    return found, False
                if self._create(recipe, job_id, None, pipe, at_front=at_front):
                    return self._ledger.jobs.status(job_id), True

    def find_or_create_child(
        self, recipe: Recipe, parent: JobRecord, check: Callable[[Pipeline], None]
    ) -> tuple[JobStatus | None, str]:
        """Return the child job that makes a recipe for the job `parent`, and its id.

        The child needs the same engine version as the parent. It is None if this call created it. check: raises an
        error if a child job must not be created.
        """
        child_id = new_job_id()
        while True:
            with self._queue.connection.pipeline() as pipe:
                found = self._latest(recipe.id_under(parent.engine or ENGINE), parent.id, pipe)
                if found is not None and found.state is not State.CANCELLED:
                    return found, found.id
                check(pipe)
                if self._create(recipe, child_id, parent, pipe, at_front=True):
                    return None, child_id

    def find(self, recipe: Recipe, pipe: Pipeline | None = None) -> JobStatus | None:
        """Return the job that makes, or has made, all batches of a recipe; None if no job does.

        The transaction `pipe` fails if such a job is created meanwhile.
        """
        found = self._latest(recipe.recipe_id, None, pipe)
        return None if found is None or found.state in (State.CANCELLED, State.FAILED) else found

    def _latest(self, recipe_id: str, parent: str | None, pipe: Pipeline | None) -> JobStatus | None:
        """Return the job, in whatever state, that was created last for a recipe; None if there was no such job."""
        job_id = self._ledger.jobs.find_by_recipe(recipe_id, parent, pipe)
        try:
            return None if job_id is None else self._ledger.jobs.status(job_id)
        except NotFound:
            return None

    def _create(self, recipe: Recipe, job_id: str, parent: JobRecord | None, pipe: Pipeline, *, at_front: bool) -> bool:
        """Create a job and return True; return False if a key that the pipeline watches has changed."""
        origin = {"engine": ENGINE} if parent is None else {"engine": parent.engine, "parent": parent.id}
        record = JobRecord(**dict(recipe), id=job_id, created_at=time.time(), **origin)
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
