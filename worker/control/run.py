"""Runs a worker's parent process: opens Redis and the store, and makes shards in the engine. It never loads OpenCL."""

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
from worker.control.engine_process import EngineProcess
from worker.control.heartbeat import Heartbeat
from worker.control.queue_worker import QueueWorker
from worker.control.retry_policy import RetryPolicy
from worker.control.shards import Shards
from worker.control.shutdown import Shutdown
from worker.control.sweeper import Sweeper
from worker.messages import EngineReady

_log = logging.getLogger("worker")


def work(settings: Settings, engine: EngineProcess) -> None:
    """Make shards in an engine that has been launched, until SIGTERM or SIGINT.

    Raises CannotStart, EngineNotStartedError, and redis.RedisError if Redis cannot be reached at the start or does not
    answer for minutes later on.
    """
    _log_to_stderr()
    shutdown = Shutdown()
    shutdown.listen()
    with Redis.from_url(settings.redis_url, socket_connect_timeout=2) as redis:
        redis.ping()  # without retries, so that a wrong address is reported at once
    # From here on Redis may be restarted: every command is tried again for about three minutes.
    options = {"retry": Retry(ExponentialBackoff(cap=1.0, base=0.05), 180), "socket_timeout": 10}
    store = ObjectStore(settings.store_url)
    with Redis.from_url(settings.redis_url, decode_responses=True, **options) as redis:
        ledger = Ledger.on(redis)
        shards = Shards(settings, ledger, store, engine, shutdown)
        queue = open_queue(settings, **options)
        scheduler = ShardScheduler(queue, ledger)
        retry_policy = RetryPolicy(settings, ledger)
        worker = QueueWorker(queue, scheduler, settings.lease_seconds, ENGINE)
        sweeper = Sweeper(queue, settings.lease_seconds, retry_policy)
        consumer = Consumer(worker, ledger, scheduler, shards, retry_policy, settings.stall_seconds)
        try:
            record = _describe(worker.name, engine.wait_until_ready())
            _log.info("Worker %s: started on %s (%s)", record.name, record.device, record.device_kind)

            def announce() -> None:
                changes = {
                    "shard": consumer.task_id,
                    "samples_done": shards.recorder.samples_done,
                    "pixels_per_second": shards.throughput.pixels_per_second,
                }
                ledger.workers.announce(record.model_copy(update=changes), settings.lease_seconds)

            actions = [worker.send_heartbeat, sweeper.sweep, announce]
            with worker, Heartbeat(actions, settings.heartbeat_seconds, shutdown):
                consumer.serve(shutdown)
            ledger.workers.retire(record.name)
        finally:
            queue.connection.close()
    _log.info("Worker %s: stopped", record.name)


def _describe(name: str, device: EngineReady) -> WorkerRecord:
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
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    for name in ("rq", "rq.worker"):  # RQ sets a level for the second one as well
        logging.getLogger(name).setLevel(logging.WARNING)
