"""Defines the RQ queue between service and workers: its name, its tasks and their options.

A task is a shard: its arguments are (job id, shard number) and nothing else. It is enqueued by name, so that the
service needs no worker to be installed. `afmbatch.ledger.shard_scheduler` decides when a shard is enqueued,
`afmbatch.ledger.leases` keeps the tasks in progress, and `worker.control.retry_policy` decides how often a task is
tried. No other file but `worker.control.queue_worker` knows RQ's keys.
"""

from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq import Queue, Retry
from rq.job import Job

from afmbatch.ledger.scripts import script
from afmbatch.settings import Settings

QUEUE = "afmbatch"
RUN_SHARD = "worker.control.tasks.run_shard"
FRONT_PRIORITY = 11  # above every priority a job may have
#: Number of retries left to each task. RQ must never give up a task, because the retry policy decides that; it sets the
#: number back to this value after each loss.
RETRIES = 1_000_000
_NO_TIMEOUT = -1  # RQ's alarm cannot interrupt a kernel; the worker watches every batch instead
_TASK_PREFIX = Job.key_for("")


def open_queue(settings: Settings, **connection: Any) -> Queue:
    """Open the queue on a Redis connection of its own, because RQ needs one that does not decode responses.

    connection: further options of redis.Redis.
    """
    options = {"socket_connect_timeout": 2, "socket_timeout": 10} | connection
    redis = Redis.from_url(settings.redis_url, **options)
    return Queue(QUEUE, connection=redis, serializer="json", default_timeout=_NO_TIMEOUT)


def task_id(job_id: str, shard: int, rewinds: int = 0) -> str:
    """Return RQ's id of a task, which consists of letters, digits, dashes and underscores.

    rewinds: the number of times that the stream was rewound.
    """
    return f"{job_id}-{shard}" if rewinds == 0 else f"{job_id}-{shard}-{rewinds}"


def enqueue_shard(
    queue: Queue, job_id: str, shard: int, task: str, priority: int, engine: str | None, pipe: Pipeline
) -> None:
    """Enqueue a shard within the transaction `pipe`, behind all tasks of the same or a higher priority.

    task: the id of the new task, as `task_id` returns it; engine: the version that its worker needs, None: any.
    """
    data = Queue.prepare_data(
        RUN_SHARD,
        args=(job_id, shard),
        timeout=_NO_TIMEOUT,
        result_ttl=0,
        job_id=task,
        description=task,
        # Retries go to the front: work in progress is finished before new work. An interval would need a scheduler.
        retry=Retry(RETRIES, enqueue_at_front=True),
    )
    queue.enqueue_many([data], pipeline=pipe)
    pipe.eval(script("place_task"), 1, queue.key, _TASK_PREFIX, priority, engine or "")


def take_task(queue: Queue, engine: str) -> str | None:
    """Move the first task that a worker with this engine version can make to RQ's intermediate list; return its id.

    Returns an empty string if all queued tasks need other versions, and None if no task is queued. Raises
    redis.RedisError.
    """
    keys = queue.key, queue.intermediate_queue_key
    found: bytes | None = queue.connection.eval(script("take_task"), len(keys), *keys, _TASK_PREFIX, engine)
    return None if found is None else found.decode()


def remove_tasks(queue: Queue, job_id: str) -> None:
    """Remove the tasks of a job that no worker has taken. Raises redis.RedisError."""
    queue.connection.eval(script("remove_tasks"), 1, queue.key, _TASK_PREFIX, f"{job_id}-")


def remove_task(queue: Queue, task: str, pipe: Pipeline) -> None:
    """Remove one task, within the transaction `pipe`, if no worker has taken it."""
    pipe.eval(script("remove_task"), 2, queue.key, Job.key_for(task), task)


def requeue_popped_task(queue: Queue, task: str) -> None:
    """Put back a task whose worker died between popping it and holding a lease on it. Raises redis.RedisError."""
    keys = queue.intermediate_queue_key, queue.key, Job.key_for(task)
    queue.connection.eval(script("requeue_popped_task"), len(keys), *keys, task)
