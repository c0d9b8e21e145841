"""Tests that RQ's own tools show workers and tasks as they are, and do no harm."""

import re
import signal
import time

import numpy as np
import pytest
from rq import Worker
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.utils import import_attribute

from afmbatch.ledger.leases import LEAD_SECONDS
from afmbatch.ledger.records import State
from afmbatch.ledger.task_queue import RUN_SHARD
from afmbatch.storage.object_store import dataset_key
from afmbatch.structures.structures import Structures
from tests.redis_server import until

from ..rig import LEASE

WORKER = re.compile(r"^worker (\S+) \(\S+ \S+ (\d+)\) (\S+) (\S+)\. jobs: (\d+) finished, (\d+) failed$", re.MULTILINE)


def states(rig):
    """Return the state that `rq info` prints for each worker, by process id; check that it prints the queue."""
    found = WORKER.findall(rig.rq("info", "--raw"))
    assert {queue for _, _, _, queue, _, _ in found} <= {"afmbatch"}
    return {int(pid): state for _, pid, state, _, _, _ in found}


def executing(rig):
    """Return the number of running tasks that `rq info` prints for the queue."""
    return int(
        re.search(r"^queue afmbatch \d+, (\d+) executing, 0 finished, 0 failed$", rig.rq("info", "--raw"), re.M)[1]
    )


def test_rq_info_in_the_middle_of_a_job(rig):
    one, two = rig.worker("Slower"), rig.worker("Slower")
    until(lambda: len(rig.ledger.workers.live()) == 2)
    assert states(rig) == {one.pid: "idle", two.pid: "idle"}

    job = rig.post(batches=10)  # one shard
    until(lambda: rig.done(job) >= 1)
    assert sorted(states(rig).values()) == ["busy", "idle"]
    assert executing(rig) == 1

    rig.post(batches=100)
    until(lambda: len(rig.queue.started_job_registry.get_job_ids(cleanup=False)) >= 2)
    until(lambda: set(states(rig).values()) == {"busy"})
    shown = rig.rq("info")
    print(shown)  # noqa: T201 - shown for a test that failed
    assert shown.count("busy afmbatch") == 2
    assert "2 workers, 1 queues" in shown
    by_queue = rig.rq("info", "-R")
    assert re.search(r"^afmbatch: \S+ \(busy\), \S+ \(busy\)$", by_queue, re.MULTILINE)
    # What rq-dashboard reads besides.
    workers = Worker.all(connection=rig.queue.connection, serializer="json")
    assert {worker.pid for worker in workers} == {one.pid, two.pid}
    for worker in workers:
        assert (worker.get_state(), worker.queue_names()) == ("busy", ["afmbatch"])
        assert None not in (worker.birth_date, worker.last_heartbeat, worker.hostname)
        task = worker.get_current_job()
        assert (task.func_name, task.get_status(), task.worker_name) == (RUN_SHARD, JobStatus.STARTED, worker.name)


def test_idle_again_after_a_job(rig):
    worker = rig.worker("Good")
    rig.finish(rig.post(batches=25))
    until(rig.idle)
    assert states(rig) == {worker.pid: "idle"}
    [(_, _, _, _, finished, failed)] = WORKER.findall(rig.rq("info", "--raw"))
    assert (int(finished), int(failed)) == (3, 0)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert states(rig) == {}


def test_a_lease_is_renewed_with_everything_that_rq_keeps(rig):
    """Every key that RQ keeps for a task has been renewed in the last lease period, after three of them."""
    job = rig.post(batches=40, batches_per_shard=20)
    rig.worker("Slower")
    until(lambda: rig.done(job) >= 3 * LEASE / 0.4)
    [(task_id, execution_id)] = rig.queue.started_job_registry.get_job_and_execution_ids(cleanup=False)
    task = Job.fetch(task_id, connection=rig.queue.connection, serializer="json")
    execution = Execution.fetch(execution_id, task_id, rig.queue.connection)
    [worker] = Worker.all(connection=rig.queue.connection, serializer="json")
    now = time.time()
    assert rig.redis.zscore(rig.queue.started_job_registry.key, execution.composite_key) > now + LEAD_SECONDS
    assert rig.redis.zscore(task.execution_registry.key, execution.id) > now + LEAD_SECONDS
    assert rig.redis.ttl(task.execution_registry.key) >= LEAD_SECONDS
    assert rig.redis.ttl(execution.key) >= LEAD_SECONDS
    assert rig.redis.smembers(worker.executions_key) == {execution.composite_key}
    assert rig.redis.ttl(task.key) == -1
    for heartbeat in (execution.last_heartbeat, task.last_heartbeat, worker.last_heartbeat):
        assert heartbeat.timestamp() > now - LEASE
    assert execution.created_at.timestamp() < now - 3 * LEASE + LEASE
    assert [e.id for e in task.get_executions()] == [execution.id]
    assert (worker.get_current_job_id(), execution.worker_name) == (task_id, worker.name)


def test_a_paused_worker_is_listed_again(rig):
    paused, other = rig.worker("Slow"), rig.worker("Slow")
    until(lambda: len(states(rig)) == 2)
    paused.send_signal(signal.SIGSTOP)
    until(lambda: set(states(rig)) == {other.pid})
    paused.send_signal(signal.SIGCONT)
    until(lambda: states(rig) == {paused.pid: "idle", other.pid: "idle"})


def test_rq_info_leaves_the_tasks_of_dead_workers_to_the_retry_policy(rig):
    job = rig.post(batches=10)
    doomed = rig.worker("Slow")
    until(lambda: rig.done(job) >= 1)
    doomed.kill()
    doomed.wait()
    until(lambda: states(rig) == {})  # the lease has expired as well
    assert executing(rig) == 1
    rig.worker("Good")
    assert rig.finish(job).state is State.DONE
    assert "was lost with" in rig.log()
    until(rig.idle)


def test_rq_never_gives_a_task_up(rig):
    """Without any live worker, RQ's tools drop expired leases themselves; however often, the job is finished."""
    job = rig.post(batches=10)
    registry = rig.queue.started_job_registry
    for _ in range(5):
        worker = rig.worker("Slow")
        until(lambda: registry.get_job_ids(cleanup=False))
        worker.kill()
        worker.wait()
        for lease in rig.redis.zrange(registry.key, 0, -1):
            rig.redis.zadd(registry.key, {lease: time.time() - 1})
        rig.rq("info")
        assert rig.queue.job_ids == [f"{job}-0"]
    rig.worker("Good")
    assert rig.finish(job).state is State.DONE
    until(rig.idle)


def test_tasks_name_a_function():
    assert callable(import_attribute(RUN_SHARD))


@pytest.mark.parametrize("stored", [True, False])
def test_a_stock_worker_makes_shards(rig, stored):
    """Uses the real engine for two shards. A job whose dataset is gone ends with named errors."""
    n = 200
    if stored:
        structures = Structures(
            xyz=np.zeros((n, 3)),
            q=np.zeros(n),
            z=np.full(n, 6),
            offsets=np.arange(n + 1),
            names=np.array([f"atom {i}" for i in range(n)]),
        )
        rig.store.put(dataset_key("ds"), structures.to_bytes())
    scan = {"window": [[0, 0, 5], [2, 2, 6.9]], "dim": [4, 4, 19]}
    job = rig.post(batches=2, batches_per_shard=1, scan=scan, force_field={"kind": "lj_pc", "charges": "none"})
    rig.rq("worker", "--burst", "--serializer", "json", "afmbatch")
    status = rig.ledger.jobs.status(job)
    if stored:
        assert status.state is State.DONE
    else:
        assert {f.error for f in status.errors} == {"Dataset ds does not exist."}
        assert status.counts.batches_failed == 2
    assert rig.idle()
