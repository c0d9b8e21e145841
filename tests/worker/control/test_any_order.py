"""Workers, engines and readers act in any order and fail at any time: no batch is lost, and no worker stands still.

Everything is real but the engines: the server and its scripts, the queue, the leases, the sweeper, and the bookkeeping
of the workers.
"""

import tempfile

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import State
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import open_queue, remove_tasks, requeue_popped_task
from afmbatch.settings import Settings
from afmbatch.storage.object_store import job_prefix
from tests.afmbatch.ledger.test_shard_scheduler import Rig
from worker.control import consumer as consumer_module
from worker.control import shards as shards_module
from worker.control.consumer import Consumer
from worker.control.engine_process import EngineLostError, EngineState
from worker.control.queue_worker import QueueWorker
from worker.control.retry_policy import RetryPolicy
from worker.control.shards import Shards
from worker.control.shutdown import Shutdown
from worker.control.sweeper import Sweeper
from worker.messages import BatchMade, BatchSkipped, EngineReady

BATCHES = 30
WORKERS = 3
READY = EngineReady(
    device="none", device_kind="other", compute_units=1, memory_bytes=0, prefetch=3, group_samples=100
)  # groups of two batches


class FakeEngine:
    """An engine that makes batches when it is told to. It has the methods and states of EngineProcess."""

    def __init__(self, store):
        self.store = store
        self.ready = READY
        self.state = EngineState.READY
        self.groups = []  # unanswered batches
        self.answers = []  # answers that were not received
        self.is_lost = False

    @property
    def unanswered_groups(self):
        return len(self.groups)

    @property
    def unmade(self):
        answered = {(answer.job_id, answer.batch) for answer in self.answers}
        return [key for group in self.groups for key in group if key not in answered]

    def ensure_ready(self):
        assert self.state in (EngineState.READY, EngineState.ENDED)
        self.state = EngineState.READY

    def send(self, make):
        keys = [(make.job_id, batch) for batch in make.batches]
        assert len(set(keys)) == len(keys)
        assert not set(keys) & {key for group in self.groups for key in group}
        assert self.unanswered_groups < READY.prefetch
        self.groups.append(keys)
        self.state = EngineState.BUSY

    def skip(self, job_id):
        self.answers += [BatchSkipped(*key) for key in self.unmade if key[0] == job_id]

    def make(self, number):
        """Make and store at most this number of batches, unless the engine was lost."""
        for job_id, batch in [] if self.is_lost else self.unmade[:number]:
            content = self.store.put_batch(job_id, batch, [f"{job_id} {batch}".encode()])
            self.answers.append(
                BatchMade(job_id, batch, samples=50, bytes=content.bytes, sha256=content.sha256, flagged=0, flags={})
            )

    def receive(self, seconds):
        assert self.state is EngineState.BUSY
        if self.is_lost:
            self.groups, self.answers, self.is_lost = [], [], False
            self.state = EngineState.ENDED
            raise EngineLostError("the engine was killed")
        answers, self.answers = self.answers, []
        for answer in answers:
            for group in self.groups:
                if (answer.job_id, answer.batch) in group:
                    group.remove((answer.job_id, answer.batch))
        self.groups = [group for group in self.groups if group]
        if not self.groups:
            self.state = EngineState.READY
        return answers


class FakeProcess:
    """A worker's parent process, run step by step."""

    def __init__(self, rig, settings):
        self.queue = open_queue(settings)
        ledger = Ledger.on(rig.redis)
        retry_policy = RetryPolicy(settings, ledger)
        scheduler = ShardScheduler(self.queue, ledger)
        self.engine = FakeEngine(rig.store)
        shards = Shards(settings, ledger, rig.store, self.engine, Shutdown())
        self.worker = QueueWorker(self.queue, scheduler, settings.lease_seconds, "1")
        self.consumer = Consumer(self.worker, ledger, scheduler, shards, retry_policy, settings.stall_seconds)
        self.sweeper = Sweeper(self.queue, settings.lease_seconds, retry_policy)
        self.worker.__enter__()

    @property
    def is_free(self):
        return self.consumer.task_id is None and self.engine.state is not EngineState.BUSY

    def step(self):
        self.consumer.step(0)

    def lose_leases(self):
        """Let all leases of this worker expire, as if its heartbeats did not arrive."""
        for lease in list(self.worker.executions.values()):
            self.queue.connection.zadd(self.queue.started_job_registry.key, {lease.composite_key: 1}, xx=True)

    def hand_back(self):
        """End in an orderly way: the engine finishes what it has."""
        shutdown = Shutdown()
        shutdown.request()
        while self.engine.unmade or self.engine.answers:
            self.engine.make(BATCHES)
            self.consumer.step(None)
        self.consumer.serve(shutdown)

    def end(self):
        self.worker.__exit__(None, None, None)
        self.queue.connection.close()


class WorkersMachine(RuleBasedStateMachine):
    """A stream, a job whose batches are kept, and three workers. Each worker that dies is replaced."""

    def __init__(self, url, handover):
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.rig = Rig(url, self.directory.name)
        # Losses are not counted as failures: every batch can be made.
        self.settings = Settings(
            **self.rig.settings.model_dump() | {"shard_tries": 10_000, "handover_seconds": handover}
        )
        self.workers = [FakeProcess(self.rig, self.settings) for _ in range(WORKERS)]
        self.stream = self.kept = None
        self.had = set()  # acknowledged batches of the stream, which must not be delivered again
        self.orphans = set()  # files whose engine was lost before it answered
        self.cancelled = False

    @initialize(buffer=st.sampled_from([2, 7, 16, 24]))
    def post_stream(self, buffer):
        self.stream = self.rig.post(buffer, BATCHES)

    @precondition(lambda self: self.kept is None)
    @rule()
    def post(self):
        self.kept = self.rig.post(None, BATCHES // 2)

    @rule(w=st.integers(0, WORKERS - 1))
    def step(self, w):
        """A free worker takes a task whenever one is queued."""
        worker = self.workers[w]
        could_take = worker.is_free and self.rig.waiting()
        before = self.rig.waiting()
        worker.step()
        if could_take:
            assert not worker.is_free or self.rig.waiting() != before

    @rule(w=st.integers(0, WORKERS - 1), number=st.integers(1, 4))
    def make(self, w, number):
        self.workers[w].engine.make(number)
        self.workers[w].step()

    @rule(w=st.integers(0, WORKERS - 1), number=st.integers(1, 4))
    def make_unnoticed(self, w, number):
        self.workers[w].engine.make(number)

    @precondition(lambda self: any(worker.engine.groups for worker in self.workers))
    @rule(data=st.data())
    def lose_engine(self, data):
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.engine.groups]))
        self.forget_answers(worker)
        worker.engine.is_lost = True

    @rule(w=st.integers(0, WORKERS - 1))
    def pause_for_longer_than_a_lease(self, w):
        """Another worker sweeps the tasks; this one goes on later and finds its leases lost."""
        self.workers[w].lose_leases()
        self.workers[(w + 1) % WORKERS].sweeper.sweep()

    @rule(w=st.integers(0, WORKERS - 1))
    def kill(self, w):
        dead = self.workers[w]
        self.forget_answers(dead)
        dead.lose_leases()
        dead.queue.connection.close()
        self.workers[w] = FakeProcess(self.rig, self.settings)
        self.workers[w].sweeper.sweep()

    @rule()
    def die_while_taking(self):
        queue = self.rig.queue
        name = self.rig.redis.lmove(queue.key, queue.intermediate_queue_key, "LEFT", "RIGHT")
        if name is not None:
            requeue_popped_task(queue, name)

    @rule(w=st.integers(0, WORKERS - 1))
    def stop(self, w):
        self.workers[w].hand_back()
        assert self.workers[w].is_free
        self.workers[w].end()
        self.workers[w] = FakeProcess(self.rig, self.settings)

    @precondition(lambda self: self.stream and not self.cancelled)
    @rule(data=st.data())
    def acknowledge(self, data):
        recorded = self.rig.recorded(self.stream)
        if recorded:
            some = data.draw(st.lists(st.sampled_from(recorded), min_size=1, unique=True))
            self.acknowledge_all(some)

    def acknowledge_all(self, batches):
        highest_end = int(self.rig.redis.hget(f"afmbatch:job:{self.stream}:issued", "highest_end"))
        batches = [batch for batch in batches if batch < highest_end]
        self.rig.streams.acknowledge(self.stream, batches)
        self.had |= set(batches)

    @precondition(lambda self: self.stream and not self.cancelled)
    @rule(batch=st.integers(0, BATCHES - 1))
    def rewind(self, batch):
        self.rig.streams.rewind(self.stream, batch)
        self.had = {had for had in self.had if had < batch}

    @precondition(lambda self: self.stream and not self.cancelled and any(w.engine.unmade for w in self.workers))
    @rule(data=st.data(), made=st.integers(0, 4))
    def rewind_under_a_worker(self, data, made):
        """Rewind to a batch that is in an engine; its worker goes on at once."""
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.engine.unmade]))
        batches = [batch for job, batch in worker.engine.unmade if job == self.stream]
        if batches:
            self.rewind(data.draw(st.sampled_from(batches)))
        for _ in range(made):
            worker.engine.make(1)
            worker.step()

    @precondition(lambda self: self.stream and len(self.had) > 3 and not self.cancelled)
    @rule()
    def cancel(self):
        """Cancel the stream as the service does."""
        self.rig.ledger.jobs.cancel(self.stream)
        remove_tasks(self.rig.queue, self.stream)
        self.rig.ledger.streams.clear(self.stream)
        self.rig.store.delete_prefix(job_prefix(self.stream))
        self.cancelled = True

    def forget_answers(self, worker):
        self.orphans |= {(a.job_id, a.batch) for a in worker.engine.answers if isinstance(a, BatchMade)}

    @invariant()
    def nothing_is_delivered_twice(self):
        if self.stream:
            assert not self.had & set(self.rig.recorded(self.stream))

    @invariant()
    def every_record_has_its_file(self):
        for job in filter(None, (self.stream, self.kept)):
            assert set(self.rig.recorded(job)) <= set(self.rig.files(job))

    def teardown(self):
        """From any state, the jobs end within a bounded number of steps, and so do all tasks and leases."""
        jobs = [job for job in (self.stream, self.kept) if job]
        for _ in range(10 * BATCHES):
            for worker in self.workers:
                worker.engine.make(BATCHES)
                worker.step()
            if self.stream and not self.cancelled:
                self.acknowledge_all(self.rig.recorded(self.stream))
            if all(self.is_over(job) for job in jobs) and all(w.is_free for w in self.workers):
                break
        else:
            raise AssertionError("the workers stand still")
        assert self.rig.waiting() == []
        assert self.rig.redis.keys("rq:job:*") == []
        assert self.rig.redis.zcard(self.rig.queue.started_job_registry.key) == 0
        for job in jobs:
            state = self.rig.ledger.jobs.status(job).state
            assert state is (State.CANCELLED if job == self.stream and self.cancelled else State.DONE)
            files = set(self.rig.files(job)) - {batch for orphan, batch in self.orphans if orphan == job}
            assert files <= set(self.rig.recorded(job))
        for worker in self.workers:
            worker.end()
        self.rig.close()
        self.directory.cleanup()

    def is_over(self, job):
        return self.rig.ledger.jobs.status(job).state.final and not self.rig.waiting()


@pytest.mark.parametrize("handover", [1e-9, 1e9])
def test_any_order(redis_server, monkeypatch, handover):
    """Work is handed to idle workers whenever there are any, or never."""
    monkeypatch.setattr(shards_module, "_STEP_SECONDS", 0.0)
    monkeypatch.setattr(consumer_module, "_SHARE_SECONDS", -1.0)
    run_state_machine_as_test(
        lambda: WorkersMachine(redis_server.url, handover),
        settings=settings(max_examples=12, stateful_step_count=40, deadline=None, phases=[Phase.generate]),
    )
