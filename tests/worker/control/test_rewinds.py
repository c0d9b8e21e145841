"""Rewinds streams while their batches are in progress: every shard ends, no job waits for ever, no worker ends."""

import signal

import pytest

from afmbatch.ledger.records import State
from afmbatch.ledger.shard_scheduler import ShardScheduler
from service.services.streams import StreamService
from tests.redis_server import until

STREAM = {"delivery": {"kind": "stream", "buffer_batches": 16}}  # in shards of two batches


@pytest.fixture
def streams(rig):
    return StreamService(rig.ledger, rig.store, rig.queue, ShardScheduler(rig.queue, rig.ledger))


def read(rig, streams, job):
    """Acknowledge the batches of a stream until it is done, and check that each was delivered once."""
    had = []

    def step():
        records = rig.ledger.batches.page(job, range(rig.batches[job]))[1]
        had.extend(record.batch for record in records)
        streams.acknowledge(job, [record.batch for record in records])
        return len(set(had)) == rig.batches[job]

    until(step, seconds=30)
    assert rig.ledger.jobs.status(job).state is State.DONE
    return had


def test_the_tasks_of_a_killed_worker_are_taken_after_a_rewind(rig, streams):
    """The shards that a worker had open during the rewind end, so that it has room for the tasks of the killed one."""
    job = rig.post(batches=20, **STREAM)
    worker = rig.worker("QuickDeepPipeline")
    until(lambda: rig.done(job) >= 1)
    streams.rewind(job, 0)
    assert sorted(read(rig, streams, job)) == list(range(20))
    until(rig.idle, seconds=10)
    other = rig.post(batches=30)
    doomed = rig.worker("Slow")
    until(lambda: len(rig.ledger.workers.live()) == 2 and rig.queue.started_job_registry.get_job_ids(cleanup=False))
    until(lambda: rig.done(other) >= 12)
    doomed.kill()
    assert rig.finish(other).state is State.DONE
    until(rig.idle, seconds=10)
    assert worker.poll() is None


def test_a_batch_of_two_tasks_is_made_once(rig, streams):
    """A stopped worker hands a task back, and a rewind issues its shard again: both tasks are queued."""
    job = rig.post(batches=10, delivery={"kind": "stream", "buffer_batches": 40})  # in shards of five batches
    stopped = rig.worker("Slower")
    until(rig.begun)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(10) == 0
    begun = rig.begun()
    assert rig.queue.job_ids == [f"{job}-0", f"{job}-1"]
    streams.rewind(job, 0)
    assert rig.queue.job_ids == [f"{job}-0", f"{job}-0-1"]
    worker = rig.worker("Grouping")
    assert sorted(read(rig, streams, job)) == list(range(10))
    until(rig.idle, seconds=10)
    assert worker.poll() is None
    made = rig.begun()[len(begun) :]
    assert sorted(made) == sorted(set(made))
