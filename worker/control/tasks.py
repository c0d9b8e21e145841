"""Defines the function that RQ's tasks name.

The workers of this project do not call it: they keep one engine for many shards, see `worker.control.consumer`. RQ's
stock worker (`rq worker --serializer json afmbatch`) calls it, and makes each shard in an engine of its own.
"""

import contextlib

from redis import Redis, WatchError
from rq import Queue, get_current_job

from afmbatch.errors import CannotStart, NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import open_queue, task_id
from afmbatch.sampling.recipe import ENGINE
from afmbatch.settings import read_settings
from afmbatch.storage.object_store import ObjectStore
from worker.control.engine_process import ENGINE_FACTORY, EngineProcess
from worker.control.shards import Shards
from worker.control.shutdown import Shutdown


def run_shard(job_id: str, number: int) -> None:
    """Enqueue the next shard of a job, then make the missing batches of this shard.

    Raises CannotStart, EngineNotStartedError and redis.RedisError; RQ enqueues the task again after these.
    """
    settings = read_settings()
    queue = open_queue(settings)
    engine = EngineProcess(settings, ENGINE_FACTORY)
    try:
        with Redis.from_url(settings.redis_url, decode_responses=True) as redis:
            ledger = Ledger.on(redis)
            _check_engine(ledger, job_id)
            scheduler = ShardScheduler(queue, ledger)
            task = get_current_job()
            _enqueue_next(queue, scheduler, job_id, task_id(job_id, number) if task is None else task.id)
            engine.launch()
            engine.wait_until_ready()
            shards = Shards(settings, ledger, ObjectStore(settings.store_url), engine, Shutdown())
            shard = shards.open(job_id, number, lambda: True, one_by_one=False)
            while shard is not None and shard.batches_left:
                shards.step()
            scheduler.resume(job_id)
    finally:
        engine.stop()
        queue.connection.close()


def _check_engine(ledger: Ledger, job_id: str) -> None:
    """Raise CannotStart if a job needs another engine version: RQ's workers take tasks without a look at it."""
    with contextlib.suppress(NotFound):
        needed = ledger.jobs.get(job_id).engine
        if needed not in (None, ENGINE):
            raise CannotStart(f"Job {job_id} needs engine version {needed}; this worker has {ENGINE}.")


def _enqueue_next(queue: Queue, scheduler: ShardScheduler, job_id: str, task: str) -> None:
    while True:
        with contextlib.suppress(WatchError), queue.connection.pipeline() as pipe:
            scheduler.take(job_id, task, pipe)
            pipe.execute()
            return
