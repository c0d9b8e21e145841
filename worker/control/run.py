"""A worker's parent process: opens Redis and the store, and runs shards in its engine. No OpenCL in here."""

import logging
import os
import socket
import sys
import time

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import WorkerRecord
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import open_queue
from afmbatch.sampling.recipe import ENGINE
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore
from worker.control.consumer import Consumer
from worker.control.engine_process import Engine
from worker.control.heartbeat import Heartbeat
from worker.control.retry_policy import RetryPolicy
from worker.control.shards import Shards
from worker.control.shutdown import Stop
from worker.messages import Ready

_log = logging.getLogger("worker")


def work(settings: Settings, engine: Engine) -> None:
    """Run shards in an engine that was launched, until SIGTERM or SIGINT.

    Raises CannotStart, EngineNotStartedError, and redis.RedisError if Redis is not there or stays away for minutes.
    """
    _log_to_stderr()
    stop = Stop()
    stop.listen()
    with Redis.from_url(settings.redis_url, socket_connect_timeout=2) as redis:
        redis.ping()  # a wrong address is to be told now
    # From here on Redis may be restarted under us: every command waits for it, some minutes in all.
    patience = {"retry": Retry(ExponentialBackoff(cap=1.0, base=0.05), 180), "socket_timeout": 10}
    store = ObjectStore(settings.store_url)
    with Redis.from_url(settings.redis_url, decode_responses=True, **patience) as redis:
        ledger = Ledger.on(redis)
        shards = Shards(settings, ledger, store, engine, stop)
        queue = open_queue(settings, **patience)
        issuer = ShardScheduler(queue, ledger, settings)
        consumer = Consumer(settings, queue, issuer, shards, RetryPolicy(settings, ledger))
        try:
            record = _describe(consumer.name, engine.open())
            _log.info("worker %s on %s (%s)", record.name, record.device, record.device_kind)

            def announce() -> None:
                now = {
                    "shard": consumer.task,
                    "samples_done": shards.samples_done,
                    "pixels_per_second": shards.rate.per_second,
                }
                ledger.workers.announce(record.model_copy(update=now), settings.lease_seconds)

            with consumer, Heartbeat([consumer.beat, announce], settings.heartbeat_seconds, stop):
                consumer.serve(stop)
            ledger.workers.retire(record.name)
        finally:
            queue.connection.close()
    _log.info("worker %s stopped", record.name)


def _describe(name: str, device: Ready) -> WorkerRecord:
    return WorkerRecord(
        name=name,
        host=socket.gethostname(),
        pid=os.getpid(),
        device=device.device,
        device_kind=device.device_kind,
        compute_units=device.compute_units,
        memory_bytes=device.memory_bytes,
        engine=ENGINE,
        started_at=time.time(),
    )


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s worker %(levelname)s: %(message)s"))
    ours = logging.getLogger("worker")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    for theirs in ("rq", "rq.worker"):  # the second has a level of its own
        logging.getLogger(theirs).setLevel(logging.WARNING)
