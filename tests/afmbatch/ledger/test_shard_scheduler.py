"""Issuing on a real server and store: whatever workers, readers and accidents do, every shard is done and no buffer
overflows."""

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
from afmbatch.ledger.task_queue import open_queue, remove_tasks
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore, batch_key, job_prefix
from service.services.streams import StreamService

BATCHES = 30
STREAMS = [None, 2, 7, 16, 24]  # buffers; None: all is kept, in shards of two batches


class House:
    """Ledger, queue and store with jobs, and workers that do what the test says."""

    def __init__(self, url, directory):
        self.settings = Settings(redis_url=url, store_url=Path(directory).as_uri())
        self.redis = Redis.from_url(url, decode_responses=True)
        self.redis.flushall()
        self.ledger, self.store = Ledger.on(self.redis), ObjectStore(self.settings.store_url)
        self.queue = open_queue(self.settings)
        self.issuer = ShardScheduler(self.queue, self.ledger, self.settings)
        self.streams = StreamService(self.ledger, self.store, self.queue, self.issuer)
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
            self.issuer.begin(job, pipe, at_front=first)
            pipe.execute()
        return job.id

    def take(self):
        """What a worker does with the next task; None if there is none."""
        name = self.redis.lmove(self.queue.key, self.queue.intermediate_queue_key, "LEFT", "RIGHT")
        if name is None:
            return None
        task = Job.fetch(name, connection=self.queue.connection, serializer="json")
        with self.queue.connection.pipeline() as pipe:
            self.issuer.take(task.args[0], task.id, pipe)
            pipe.lrem(self.queue.intermediate_queue_key, 1, task.id)
            pipe.execute()
        return task

    def missing(self, task):
        job, shard = task.args
        return self.ledger.batches.missing(job, Plan(self.ledger.jobs.get(job)).shard(shard))

    def record(self, job, batch):
        """Whether it is on record; a file that is not is removed, as the worker does."""
        content = self.store.put_batch(job, batch, [f"{job} {batch}".encode()])
        record = BatchRecord(batch=batch, samples=50, bytes=content.bytes, sha256=content.sha256)
        (ours,) = self.ledger.batches.record(job, [record])
        if not ours:
            self.store.delete(batch_key(job, batch, content.sha256))
        return ours

    def end(self, task):
        task.delete()
        self.issuer.resume(task.args[0])

    def waiting(self):
        return self.redis.lrange(self.queue.key, 0, -1)

    def recorded(self, job):
        plan = Plan(self.ledger.jobs.get(job))
        return [record.batch for record in self.ledger.batches.page(job, range(plan.batches))[1]]

    def files(self, job):
        return [int(Path(key).name.split("-")[1]) for key in self.store.keys(job_prefix(job))]


@pytest.fixture
def house(redis_server, tmp_path):
    house = House(redis_server.url, tmp_path)
    yield house
    house.close()


class IssueMachine(RuleBasedStateMachine):
    """One job, some workers, some readers."""

    def __init__(self, url):
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.house = House(url, self.directory.name)
        self.job = None
        self.held = []
        self.again = set()  # tasks that were taken before
        self.had = set()  # of a stream: batches that are not to come (again)
        self.failed = set()

    @precondition(lambda self: self.job is None)
    @rule(buffer=st.sampled_from(STREAMS))
    def post(self, buffer):
        self.job, self.buffer = self.house.post(buffer), buffer

    @rule()
    def take(self):
        task = self.house.take()
        if task is not None:
            self.held.append(task)

    @rule()
    def die_while_taking(self):
        queue = self.house.queue
        name = self.house.redis.lmove(queue.key, queue.intermediate_queue_key, "LEFT", "RIGHT")
        if name is not None:  # as worker.control.consumer brings it back
            self.house.redis.lrem(queue.intermediate_queue_key, 1, name)
            self.house.redis.lpush(queue.key, name)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), most=st.integers(1, 4))
    def work(self, data, most):
        """On some batches, or end the task if there are none."""
        task = data.draw(st.sampled_from(self.held))
        missing = self.house.missing(task)
        for batch in missing[:most]:
            assert self.house.record(self.job, batch)
            self.failed.discard(batch)
        if not missing:
            self.held.remove(task)
            self.house.end(task)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def fail(self, data):
        missing = self.house.missing(data.draw(st.sampled_from(self.held)))
        if missing:
            self.house.ledger.batches.record_failure(self.job, BatchFailure(batch=missing[0], error="hung"))
            self.failed.add(missing[0])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def hand_back(self, data):
        """Told to stop, or killed and its lease run out."""
        task = data.draw(st.sampled_from(self.held))
        self.held.remove(task)
        self.again.add(task.id)
        self.house.queue.enqueue_job(task, at_front=True)

    @precondition(lambda self: self.job and self.buffer)
    @rule(batch=st.integers(0, BATCHES - 1))
    def record_late(self, batch):
        """By a worker that was paused: of use or not, what is not on record leaves no file."""
        if self.house.record(self.job, batch):
            self.failed.discard(batch)

    @precondition(lambda self: self.job and self.buffer)
    @rule(data=st.data())
    def acknowledge(self, data):
        recorded = self.house.recorded(self.job)
        assume(recorded)
        some = data.draw(st.lists(st.sampled_from(recorded), min_size=1, unique=True))
        again = data.draw(st.lists(st.sampled_from(sorted(self.had)), max_size=3)) if self.had else []
        issued = [batch for batch in some if batch < self.most()]
        assert self.house.streams.acknowledge(self.job, issued + again) == len(issued)
        self.had |= set(issued)

    def most(self):
        return int(self.house.redis.hget(f"afmbatch:job:{self.job}:issue", "most"))

    @precondition(lambda self: self.job and self.buffer)
    @rule(data=st.data())
    def acknowledge_in_advance(self, data):
        batch = data.draw(st.integers(0, self.most() - 1))
        self.house.streams.acknowledge(self.job, [batch])
        if batch not in self.failed:
            self.had.add(batch)

    @precondition(lambda self: self.job and self.buffer)
    @rule(batch=st.integers(0, BATCHES - 1))
    def rewind(self, batch):
        self.house.streams.rewind(self.job, batch)
        self.had = {had for had in self.had if had < batch}
        self.failed = {failed for failed in self.failed if failed < batch}

    @invariant()
    def the_buffer_is_enough(self):
        if self.job is None:
            return
        recorded = self.house.recorded(self.job)
        assert self.house.files(self.job) == recorded
        issued = [task for task in self.house.waiting() if task not in self.again]
        assert len(issued) <= 1
        if self.buffer is not None:
            gone = self.had | self.failed
            first = next((b for b in range(BATCHES) if b not in gone), BATCHES)
            assert all(first <= b < first + self.buffer for b in recorded)
            assert not self.had & set(recorded)
        counts = self.house.ledger.jobs.status(self.job).counts
        assert counts.batches_done == len(self.had | set(recorded))
        assert counts.batches_failed == len(self.failed)

    def teardown(self):
        """Left to itself it comes to its end, once everything was read."""
        if self.job is not None:
            for _ in range(20 * BATCHES):
                if self.house.ledger.jobs.status(self.job).state.final and not self.held and not self.house.waiting():
                    break
                self.take()
                for task in list(self.held):
                    for batch in self.house.missing(task):
                        assert self.house.record(self.job, batch)
                    self.house.end(task)
                self.held.clear()
                if self.buffer is not None:
                    recorded = [b for b in self.house.recorded(self.job) if b < self.most()]
                    self.house.streams.acknowledge(self.job, recorded)
                    self.had |= set(recorded)
            status = self.house.ledger.jobs.status(self.job)
            assert status.state is (State.FAILED if self.failed else State.DONE)
            assert self.house.redis.keys("rq:job:*") == []
            if self.buffer is not None:
                assert self.had | self.failed == set(range(BATCHES))
        self.house.close()
        self.directory.cleanup()


def test_any_order(redis_server):
    run_state_machine_as_test(
        lambda: IssueMachine(redis_server.url),
        settings=settings(max_examples=30, stateful_step_count=30, deadline=None, phases=[Phase.generate]),
    )


def order(house, steps=1000):
    """The jobs whose tasks one worker takes, one after the other."""
    taken = []
    while len(taken) < steps and (task := house.take()) is not None:
        taken.append(task.args[0])
    return taken


def test_jobs_take_turns(house):
    """Whatever their size: 15 shards, 2 and 1."""
    large, middle, small = house.post(), house.post(batches=4), house.post(batches=2)
    assert order(house) == [large, middle, small, large, middle] + [large] * 13


def test_idle_workers_spread_over_one_job(house):
    job = house.post()
    tasks = [house.take() for _ in range(15)]
    assert [task.args for task in tasks] == [(job, shard) for shard in range(15)] or [
        list(task.args) for task in tasks
    ] == [[job, shard] for shard in range(15)]
    assert house.take() is None


def test_the_higher_priority_first(house):
    low, usual, high = (house.post(batches=4, priority=priority) for priority in (-1, 0, 10))
    assert order(house) == [high, high, usual, usual, low, low]


@pytest.mark.parametrize("priorities", [[0, 3, -2, 3, 0, 10, -10, 0, 3], [5, 5, 5], [-1, -2, -3], [1, 2, 3]])
def test_of_equal_priority_the_older_first(house, priorities):
    jobs = [house.post(batches=1, priority=priority) for priority in priorities]
    by = sorted(range(len(jobs)), key=lambda i: -priorities[i])
    assert order(house) == [jobs[i] for i in by]


def test_what_comes_first_does_so_whatever_its_priority(house):
    waiting = house.post(batches=1, priority=10)
    samples = [house.post(batches=1, priority=-10, first=True) for _ in range(2)]
    assert order(house) == [*samples, waiting]


def test_what_was_handed_back_comes_before_its_equals(house):
    jobs = [house.post(batches=1) for _ in range(2)]
    task = house.take()
    house.queue.enqueue_job(task, at_front=True)
    jobs.append(house.post(batches=1))
    assert order(house) == jobs


def test_a_cancelled_job_issues_nothing(house):
    job = house.post()
    task = house.take()
    house.ledger.jobs.cancel(job)
    remove_tasks(house.queue, job)
    assert house.waiting() == []
    house.queue.enqueue_job(task, at_front=True)
    assert house.take().id == task.id
    assert house.take() is None


def test_a_stream_waits_for_its_readers(house):
    """Shards of two batches in a buffer of sixteen."""
    job = house.post(buffer=16)
    for shard in range(8):
        task = house.take()
        for batch in (2 * shard, 2 * shard + 1):
            assert house.record(job, batch)
        house.end(task)
    assert house.take() is None
    assert house.ledger.jobs.status(job).state is State.PAUSED
    house.streams.acknowledge(job, [1, 2, 3])  # the first one is still wanted
    assert house.waiting() == []
    house.streams.acknowledge(job, [0])
    assert house.ledger.jobs.status(job).state is State.QUEUED or house.waiting()
    assert [house.take().args[1] for _ in range(2)] == [8, 9]
    assert house.take() is None
