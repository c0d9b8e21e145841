"""The queue between service and workers: its name, its tasks and their options. Nothing else knows them.

A task is a shard: its arguments are (job id, shard index) and nothing else. It is enqueued by name, so that the service
needs no worker to be installed. Whether a task that was lost is tried again is for the worker to decide
(`worker.consumer`): progress counts there, not tries alone. When a shard comes into the queue: `contract.issue`.
"""

from typing import Any

from redis import Redis
from rq import Queue, Retry
from rq.job import Job

from service.contract.settings import Settings

QUEUE = "afmbatch"
RUN_SHARD = "worker.task.run_shard"
SWEEPING = "afmbatch:sweeping"  # string with expiry: the worker that just looks for tasks of dead workers
FIRST = 11  # above every priority of a job
_NO_TIMEOUT = -1  # RQ's alarm can't interrupt a kernel; the worker watches every batch instead
_TASK = Job.key_for("")

# The last task goes forward past those of lower priority. What was put in front, whatever its priority, stays there.
_PLACE = """
local id = redis.call('RPOP', KEYS[1])
redis.call('HSET', ARGV[1] .. id, 'priority', ARGV[2])
local at = -1
while true do
  local other = redis.call('LINDEX', KEYS[1], at)
  if not other then redis.call('LPUSH', KEYS[1], id) return end
  if tonumber(redis.call('HGET', ARGV[1] .. other, 'priority') or 0) >= tonumber(ARGV[2]) then
    if at == -1 then redis.call('RPUSH', KEYS[1], id) else redis.call('LINSERT', KEYS[1], 'AFTER', other, id) end
    return
  end
  at = at - 1
end
"""
# A task that a worker has taken is left alone: the worker sees that its job is gone, and removes what it stored.
_REMOVE = """
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if string.sub(id, 1, #ARGV[2]) == ARGV[2] then
    redis.call('LREM', KEYS[1], 1, id)
    redis.call('DEL', ARGV[1] .. id)
  end
end
"""
_DROP = "if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 1 then redis.call('DEL', KEYS[2]) end"


def open_queue(settings: Settings, **connection: Any) -> Queue:
    """The queue on a Redis connection of its own (RQ's must not decode); `connection`: more options of redis.Redis."""
    options = {"socket_connect_timeout": 2, "socket_timeout": 10} | connection
    redis = Redis.from_url(settings.redis_url, **options)
    return Queue(QUEUE, connection=redis, serializer="json", default_timeout=_NO_TIMEOUT)


def task_id(job_id: str, shard: int, rewound: int = 0) -> str:
    """RQ's id of a task of a job that was rewound so often: RQ allows letters, digits, dashes and underscores."""
    return f"{job_id}-{shard}" if rewound == 0 else f"{job_id}-{shard}-{rewound}"


def enqueue_shard(
    queue: Queue, job_id: str, shard: int, task: str, priority: int, settings: Settings, together: Any
) -> None:
    """Enqueue a shard under this task id, in the transaction `together`: behind all tasks of at least its priority."""
    # No interval: it would need a scheduler. At the front: what was begun is finished before what is new.
    retry = Retry(settings.shard_tries - 1, enqueue_at_front=True) if settings.shard_tries > 1 else None
    data = Queue.prepare_data(
        RUN_SHARD,
        args=(job_id, shard),
        timeout=_NO_TIMEOUT,
        result_ttl=0,
        job_id=task,
        description=task,
        retry=retry,
    )
    queue.enqueue_many([data], pipeline=together)
    together.eval(_PLACE, 1, queue.key, _TASK, priority)


def remove_tasks(queue: Queue, job_id: str) -> None:
    """Take those tasks of a job off the queue that no worker has taken. Raises redis.RedisError."""
    queue.connection.eval(_REMOVE, 1, queue.key, _TASK, f"{job_id}-")


def remove_task(queue: Queue, task: str, together: Any) -> None:
    """The same with one task, in the transaction `together`."""
    together.eval(_DROP, 2, queue.key, Job.key_for(task), task)
