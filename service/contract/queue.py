"""The queue between service and workers: its name, its tasks and their options. Nothing else knows them.

A task is a shard: its arguments are (job id, shard index) and nothing else. It is enqueued by name, so that the service
needs no worker to be installed. Whether a task that was lost is tried again is for the worker to decide
(`worker.consumer`): progress counts there, not tries alone.
"""

from collections.abc import Iterable
from typing import Any

from redis import Redis
from rq import Queue, Retry
from rq.job import Job

from service.contract.settings import Settings

QUEUE = "afmbatch"
RUN_SHARD = "worker.task.run_shard"
SWEEPING = "afmbatch:sweeping"  # string with expiry: the worker that just looks for tasks of dead workers
_NO_TIMEOUT = -1  # RQ's alarm can't interrupt a kernel; the worker watches every batch instead

# A task that a worker has taken is left alone: the worker sees that its job is gone, and removes what it stored.
# The list is written anew: to search it for each of a thousand tasks would keep everybody waiting.
_REMOVE = """
local task = {}
for i, id in ipairs(ARGV) do task[id] = KEYS[i + 1] end
local queued = redis.call('LRANGE', KEYS[1], 0, -1)
redis.call('DEL', KEYS[1])
for _, id in ipairs(queued) do
  if task[id] then redis.call('DEL', task[id]) else redis.call('RPUSH', KEYS[1], id) end
end
"""


def open_queue(settings: Settings, **connection: Any) -> Queue:
    """The queue on a Redis connection of its own (RQ's must not decode); `connection`: more options of redis.Redis."""
    options = {"socket_connect_timeout": 2, "socket_timeout": 10} | connection
    redis = Redis.from_url(settings.redis_url, **options)
    return Queue(QUEUE, connection=redis, serializer="json", default_timeout=_NO_TIMEOUT)


def task_id(job_id: str, shard: int) -> str:
    """RQ's id of a task. RQ allows letters, digits, dashes and underscores."""
    return f"{job_id}-{shard}"


def enqueue_shards(
    queue: Queue, job_id: str, shards: Iterable[int], settings: Settings, together: Any, *, at_front: bool = False
) -> None:
    """Enqueue these shards of a job, with whatever else is in the pipeline `together`; at_front: before all others."""
    # No interval: it would need a scheduler. At the front: what was begun is finished before what is new.
    retry = Retry(settings.shard_tries - 1, enqueue_at_front=True) if settings.shard_tries > 1 else None
    tasks = [
        Queue.prepare_data(
            RUN_SHARD,
            args=(job_id, shard),
            timeout=_NO_TIMEOUT,
            result_ttl=0,
            job_id=task_id(job_id, shard),
            description=task_id(job_id, shard),
            retry=retry,
            at_front=at_front,
        )
        for shard in shards
    ]
    queue.enqueue_many(tasks, pipeline=together)


def remove_shards(queue: Queue, job_id: str, shards: int) -> None:
    """Take those shards of a job off the queue that no worker has taken. Raises redis.RedisError."""
    ids = [task_id(job_id, shard) for shard in range(shards)]
    queue.connection.eval(_REMOVE, 1 + len(ids), queue.key, *(Job.key_for(i) for i in ids), *ids)
