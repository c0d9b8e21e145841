"""Tests the shard scheduler on a real server and store.

Workers and readers act in any order and fail at any time: every shard is done, and no buffer overflows.
"""

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from redis import Redis
from rq.job import Job

from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchFailure, BatchRecord, JobRecord, State
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import open_queue, remove_tasks, requeue_popped_task
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore, batch_key, job_prefix
from service.services.streams import StreamService

BATCHES = 30
STREAMS = [None, 2, 7, 16, 24]  # buffers; None: all is kept, in shards of two batches


class Rig:
    """Has a ledger, a queue and a store with jobs, and acts as a worker for the tests."""

    def __init__(self, url, directory):
        self.settings = Settings(redis_url=url, store_url=Path(directory).as_uri())
        self.redis = Redis.from_url(url, decode_responses=True)
        self.redis.flushall()
        self.ledger, self.store = Ledger.on(self.redis), ObjectStore(self.settings.store_url)
        self.queue = open_queue(self.settings)
        self.scheduler = ShardScheduler(self.queue, self.ledger)
        self.streams = StreamService(self.ledger, self.store, self.queue, self.scheduler)
        self.jobs = 0

    def close(self):
        self.redis.close()
        self.queue.connection.close()

    def post(self, buffer=None, batches=BATCHES, *, first=False, **more):
        delivery = {"kind": "keep"} if buffer is None else {"kind": "stream", "buffer_batches": buffer}
        spec = JobSpec(dataset="ds", rotations={"kind": "none"}, batch_size=50, delivery=delivery, **more)
        job_id = f"job-{self.jobs}"
        job = JobRecord(**dict(Recipe.of(spec, 50 * batches, 500 * batches)), id=job_id, created_at=time.time())
        self.jobs += 1
        with self.queue.connection.pipeline() as pipe:
            pipe.multi()
            self.ledger.jobs.add(job, pipe)
            self.scheduler.begin(job, pipe, at_front=first)
            pipe.execute()
        return job.id

    def take(self):
        """Take the next task as a worker does; return None if the queue is empty."""
        name = self.redis.lmove(self.queue.key, self.queue.intermediate_queue_key, "LEFT", "RIGHT")
        if name is None:
            return None
        task = Job.fetch(name, connection=self.queue.connection, serializer="json")
        with self.queue.connection.pipeline() as pipe:
            self.scheduler.take(task.args[0], task.id, pipe)
            pipe.lrem(self.queue.intermediate_queue_key, 1, task.id)
            pipe.execute()
        return task

    def missing(self, task):
        job, shard = task.args
        return self.ledger.batches.missing(job, Plan(self.ledger.jobs.get(job)).shard(shard))

    def record(self, job, batch):
        """Record a batch as a worker does and return whether its file is the one on record."""
        content = self.store.put_batch(job, batch, [f"{job} {batch}".encode()])
        record = BatchRecord(batch=batch, samples=50, bytes=content.bytes, sha256=content.sha256)
        (accepted,) = self.ledger.batches.record(job, [record])
        if not accepted:
            self.store.delete(batch_key(job, batch, content.sha256))
        return accepted

    def end(self, task):
        task.delete()
        self.scheduler.resume(task.args[0])

    def waiting(self):
        return self.redis.lrange(self.queue.key, 0, -1)

    def recorded(self, job):
        plan = Plan(self.ledger.jobs.get(job))
        return [record.batch for record in self.ledger.batches.page(job, range(plan.batches))[1]]

    def files(self, job):
        return [int(Path(key).name.split("-")[1]) for key in self.store.keys(job_prefix(job))]


@pytest.fixture
def rig(redis_server, tmp_path):
    rig = Rig(redis_server.url, tmp_path)
    yield rig
    rig.close()


class SchedulerMachine(RuleBasedStateMachine):
    """A job with some workers and some readers."""

    def __init__(self, url):
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.rig = Rig(url, self.directory.name)
        self.job = None
        self.held = []
        self.again = set()  # ids of tasks that were handed back
        self.had = set()  # acknowledged batches of a stream, which must not be delivered again
        self.failed = set()

    @precondition(lambda self: self.job is None)
    @rule(buffer=st.sampled_from(STREAMS))
    def post(self, buffer):
        self.job, self.buffer = self.rig.post(buffer), buffer

    @rule()
    def take(self):
        task = self.rig.take()
        if task is not None:
            self.held.append(task)

    @rule()
    def die_while_taking(self):
        queue = self.rig.queue
        name = self.rig.redis.lmove(queue.key, queue.intermediate_queue_key, "LEFT", "RIGHT")
        if name is not None:
            requeue_popped_task(queue, name)  # as worker.control.sweeper does

    @precondition(lambda self: self.held)
    @rule(data=st.data(), limit=st.integers(1, 4))
    def work(self, data, limit):
        """Record some batches of a task, or end the task if none is missing."""
        task = data.draw(st.sampled_from(self.held))
        missing = self.rig.missing(task)
        for batch in missing[:limit]:
            assert self.rig.record(self.job, batch)
            self.failed.discard(batch)
        if not missing:
            self.held.remove(task)
            self.rig.end(task)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def fail(self, data):
        missing = self.rig.missing(data.draw(st.sampled_from(self.held)))
        if missing:
            self.rig.ledger.batches.record_failure(self.job, BatchFailure(batch=missing[0], error="hung"))
            self.failed.add(missing[0])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def hand_back(self, data):
        """Put a task back, as when its worker stops or its lease expires."""
        task = data.draw(st.sampled_from(self.held))
        self.held.remove(task)
        self.again.add(task.id)
        self.rig.queue.enqueue_job(task, at_front=True)

    @precondition(lambda self: self.job and self.buffer)
    @rule(batch=st.integers(0, BATCHES - 1))
    def record_late(self, batch):
        """Record a batch as a worker that was paused: a batch that is not on record leaves no file."""
        if self.rig.record(self.job, batch):
            self.failed.discard(batch)

    @precondition(lambda self: self.job and self.buffer)
    @rule(data=st.data())
    def acknowledge(self, data):
        recorded = self.rig.recorded(self.job)
        assume(recorded)
        some = data.draw(st.lists(st.sampled_from(recorded), min_size=1, unique=True))
        again = data.draw(st.lists(st.sampled_from(sorted(self.had)), max_size=3)) if self.had else []
        issued = [batch for batch in some if batch < self.highest_end()]
        assert self.rig.streams.acknowledge(self.job, issued + again) == len(issued)
        self.had |= set(issued)

    def highest_end(self):
        return int(self.rig.redis.hget(f"afmbatch:job:{self.job}:issued", "highest_end"))

    @precondition(lambda self: self.job and self.buffer)
    @rule(data=st.data())
    def acknowledge_in_advance(self, data):
        batch = data.draw(st.integers(0, self.highest_end() - 1))
        self.rig.streams.acknowledge(self.job, [batch])
        if batch not in self.failed:
            self.had.add(batch)

    @precondition(lambda self: self.job and self.buffer)
    @rule(batch=st.integers(0, BATCHES - 1))
    def rewind(self, batch):
        self.rig.streams.rewind(self.job, batch)
        self.had = {had for had in self.had if had < batch}
        self.failed = {failed for failed in self.failed if failed < batch}

    @invariant()
    def the_buffer_does_not_overflow(self):
        if self.job is None:
            return
        recorded = self.rig.recorded(self.job)
        assert self.rig.files(self.job) == recorded
        issued = [task for task in self.rig.waiting() if task not in self.again]
        assert len(issued) <= 1
        if self.buffer is not None:
            gone = self.had | self.failed
            first = next((b for b in range(BATCHES) if b not in gone), BATCHES)
            assert all(first <= b < first + self.buffer for b in recorded)
            assert not self.had & set(recorded)
        counts = self.rig.ledger.jobs.status(self.job).counts
        assert counts.batches_done == len(self.had | set(recorded))
        assert counts.batches_failed == len(self.failed)

    def teardown(self):
        """Finish the job: it ends once every batch was read."""
        if self.job is not None:
            for _ in range(20 * BATCHES):
                if self.rig.ledger.jobs.status(self.job).state.final and not self.held and not self.rig.waiting():
                    break
                self.take()
                for task in list(self.held):
                    for batch in self.rig.missing(task):
                        assert self.rig.record(self.job, batch)
                    self.rig.end(task)
                self.held.clear()
                if self.buffer is not None:
                    recorded = [b for b in self.rig.recorded(self.job) if b < self.highest_end()]
                    self.rig.streams.acknowledge(self.job, recorded)
                    self.had |= set(recorded)
            status = self.rig.ledger.jobs.status(self.job)
            assert status.state is (State.FAILED if self.failed else State.DONE)
            assert self.rig.redis.keys("rq:job:*") == []
            if self.buffer is not None:
                assert self.had | self.failed == set(range(BATCHES))
        self.rig.close()
        self.directory.cleanup()


def test_any_order(redis_server):
    run_state_machine_as_test(
        lambda: SchedulerMachine(redis_server.url),
        settings=settings(max_examples=30, stateful_step_count=30, deadline=None, phases=[Phase.generate]),
    )


def order(rig, steps=1000):
    """Return the jobs of the tasks that a worker takes, in this order."""
    taken = []
    while len(taken) < steps and (task := rig.take()) is not None:
        taken.append(task.args[0])
    return taken


def test_jobs_take_turns(rig):
    """Jobs of 15 shards, 2 and 1 take turns."""
    large, middle, small = rig.post(), rig.post(batches=4), rig.post(batches=2)
    assert order(rig) == [large, middle, small, large, middle] + [large] * 13


def test_idle_workers_spread_over_one_job(rig):
    job = rig.post()
    tasks = [rig.take() for _ in range(15)]
    assert [task.args for task in tasks] == [(job, shard) for shard in range(15)] or [
        list(task.args) for task in tasks
    ] == [[job, shard] for shard in range(15)]
    assert rig.take() is None


def test_the_higher_priority_first(rig):
    low, usual, high = (rig.post(batches=4, priority=priority) for priority in (-1, 0, 10))
    assert order(rig) == [high, high, usual, usual, low, low]


@pytest.mark.parametrize("priorities", [[0, 3, -2, 3, 0, 10, -10, 0, 3], [5, 5, 5], [-1, -2, -3], [1, 2, 3]])
def test_older_tasks_come_first_within_a_priority(rig, priorities):
    jobs = [rig.post(batches=1, priority=priority) for priority in priorities]
    by = sorted(range(len(jobs)), key=lambda i: -priorities[i])
    assert order(rig) == [jobs[i] for i in by]


def test_a_task_put_at_the_front_comes_first_whatever_its_priority(rig):
    waiting = rig.post(batches=1, priority=10)
    samples = [rig.post(batches=1, priority=-10, first=True) for _ in range(2)]
    assert order(rig) == [*samples, waiting]


def test_a_task_that_was_handed_back_comes_before_others_of_its_priority(rig):
    jobs = [rig.post(batches=1) for _ in range(2)]
    task = rig.take()
    rig.queue.enqueue_job(task, at_front=True)
    jobs.append(rig.post(batches=1))
    assert order(rig) == jobs


def test_a_cancelled_job_issues_nothing(rig):
    job = rig.post()
    task = rig.take()
    rig.ledger.jobs.cancel(job)
    remove_tasks(rig.queue, job)
    assert rig.waiting() == []
    rig.queue.enqueue_job(task, at_front=True)
    assert rig.take().id == task.id
    assert rig.take() is None


def test_a_stream_waits_for_its_readers(rig):
    """The stream has shards of two batches and a buffer of sixteen."""
    job = rig.post(buffer=16)
    for shard in range(8):
        task = rig.take()
        for batch in (2 * shard, 2 * shard + 1):
            assert rig.record(job, batch)
        rig.end(task)
    assert rig.take() is None
    assert rig.ledger.jobs.status(job).state is State.PAUSED
    rig.streams.acknowledge(job, [1, 2, 3])  # the first one is still wanted
    assert rig.waiting() == []
    rig.streams.acknowledge(job, [0])
    assert rig.ledger.jobs.status(job).state is State.QUEUED or rig.waiting()
    assert [rig.take().args[1] for _ in range(2)] == [8, 9]
    assert rig.take() is None
