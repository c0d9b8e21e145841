"""The ledger on a real server against a model: whatever is said, in any order, again and again, the state follows."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis import Redis

from afmbatch.errors import NotFound
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchFailure, BatchRecord, Flags, JobRecord, State, WorkerRecord
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec

JOB = "job-1"
BATCHES = 4
LAST = 3  # samples of the last batch; the others have ten
FLAGS = st.dictionaries(st.sampled_from(list(Flags.model_fields)), st.integers(1, 3))


@pytest.fixture(scope="module")
def redis(redis_server):
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        yield redis


def job_record():
    spec = JobSpec(dataset="ds", rotations={"kind": "none"}, batch_size=10)
    return JobRecord(**dict(Recipe.of(spec, 10 * (BATCHES - 1) + LAST, 1000)), id=JOB, created_at=time.time())


def size(batch):
    return LAST if batch == BATCHES - 1 else 10


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self, redis):
        super().__init__()
        self.redis = redis
        self.ledger = Ledger.on(redis)
        redis.flushall()
        self.forget()

    def forget(self):
        self.exists = self.started = self.cancelled = False
        self.done, self.failed = {}, {}

    @rule()
    def add(self):
        if not self.exists:
            with self.redis.pipeline() as pipe:
                self.ledger.jobs.add(job_record(), pipe)
                pipe.execute()
            self.exists = True

    @rule()
    def start(self):
        self.ledger.jobs.mark_started(JOB)
        self.started |= self.exists

    @rule()
    def cancel(self):
        self.ledger.jobs.cancel(JOB)
        self.cancelled |= self.exists

    @rule()
    def remove(self):
        self.ledger.jobs.remove(JOB)
        self.forget()

    @rule(batch=st.integers(0, BATCHES - 1), worker=st.integers(0, 1), flags=FLAGS)
    def record(self, batch, worker, flags):
        """Two workers may make the same batch on different devices: the first's record stays, its flags count."""
        sha256 = f"of worker {worker}"
        known = self.done.get(batch)
        if known is not None and known.sha256 == sha256:
            flags = known.flags  # the same file
        flagged = max(flags.values(), default=0)
        record = BatchRecord(batch=batch, samples=size(batch), bytes=9, sha256=sha256, flagged=flagged, flags=flags)
        on_record = self.exists and self.done.get(batch, record) == record
        assert self.ledger.batches.record(JOB, [record]) == [on_record]
        if self.exists:
            self.done.setdefault(batch, record)
            self.failed.pop(batch, None)

    @rule(batch=st.integers(0, BATCHES - 1), why=st.sampled_from(["hung", "crashed"]))
    def fail(self, batch, why):
        self.ledger.batches.record_failure(JOB, BatchFailure(batch=batch, error=why))
        if self.exists and batch not in self.done:
            self.failed[batch] = why

    def state(self):
        if len(self.done) == BATCHES:
            return State.DONE
        if self.cancelled:
            return State.CANCELLED
        if len(self.done) + len(self.failed) == BATCHES:
            return State.FAILED
        return State.RUNNING if self.started else State.QUEUED

    @invariant()
    def as_the_model_says(self):
        assert self.ledger.jobs.is_wanted(JOB) == (self.exists and not self.cancelled)
        missing = [b for b in range(BATCHES) if b not in self.done and b not in self.failed]
        assert self.ledger.batches.missing(JOB, range(BATCHES)) == missing
        if not self.exists:
            assert self.redis.keys("afmbatch:[jr]*") == []
            for ask in (self.ledger.jobs.get, self.ledger.jobs.status):
                with pytest.raises(NotFound):
                    ask(JOB)
            return
        status = self.ledger.jobs.status(JOB)
        assert status.state is self.state()
        assert status.recipe == job_record().recipe_id
        assert (status.finished_at is not None) == status.state.final
        assert status.counts.batches == BATCHES
        assert status.counts.batches_done == len(self.done)
        assert status.counts.batches_failed == len(self.failed)
        assert status.counts.samples_done == sum(map(size, self.done))
        assert status.counts.flagged == sum(record.flagged for record in self.done.values())
        for flag, images in status.counts.flags:
            assert images == sum(record.flags.get(flag, 0) for record in self.done.values())
        assert [(f.batch, f.error) for f in status.errors] == sorted(self.failed.items())
        total, records = self.ledger.batches.page(JOB, range(Plan(status).batches))
        assert total == len(self.done)
        assert records == [self.done[b] for b in sorted(self.done)]
        for batch in range(BATCHES):
            failure = self.ledger.batches.failure(JOB, batch)
            assert (failure.error if failure else None) == self.failed.get(batch)


def test_any_order(redis):
    run_state_machine_as_test(
        lambda: LedgerMachine(redis), settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )


@given(
    done=st.sets(st.integers(0, 99)), failed=st.sets(st.integers(0, 99)), start=st.integers(0, 99), n=st.integers(1, 99)
)
@settings(max_examples=60, deadline=None)
def test_missing_of_any_run_of_batches(redis, done, failed, start, n):
    """Runs that begin and end within a byte of the bitmap, and beyond what is recorded."""
    ledger = new_job(redis)
    for batch in failed:
        ledger.batches.record_failure(JOB, BatchFailure(batch=batch, error="hung"))
    records = [BatchRecord(batch=batch, samples=10, bytes=9, sha256="of the file") for batch in done]
    assert ledger.batches.record(JOB, records) == [True] * len(done)
    run = range(start, start + n)
    assert ledger.batches.missing(JOB, run) == [b for b in run if b not in done | failed]


def test_the_first_failures_are_shown(redis):
    ledger = new_job(redis)
    for batch in reversed(range(130)):
        ledger.batches.record_failure(JOB, BatchFailure(batch=batch, error="hung"))
    status = ledger.jobs.status(JOB)
    assert status.counts.batches_failed == 130
    assert [f.batch for f in status.errors] == list(range(100))


def new_job(redis):
    """A ledger with one job and nothing else."""
    redis.flushall()
    with redis.pipeline() as pipe:
        Ledger.on(redis).jobs.add(job_record(), pipe)
        pipe.execute()
    return Ledger.on(redis)


def test_the_same_file_recorded_in_other_words(redis):
    """A worker of another version may write its records differently; the file is on record all the same."""
    ledger = new_job(redis)
    record = BatchRecord(batch=0, samples=10, bytes=9, sha256="of the file")
    assert ledger.batches.record(JOB, [record]) == [True]
    redis.hset(f"afmbatch:job:{JOB}:batches", "0", record.model_dump_json(exclude={"flagged"}))
    assert ledger.batches.record(JOB, [record]) == [True]
    assert ledger.batches.record(JOB, [record.model_copy(update={"sha256": "of another"})]) == [False]


def test_workers_come_and_go(redis):
    redis.flushall()
    ledger = Ledger.on(redis)
    one, two = (
        WorkerRecord(
            name=name,
            host="h",
            pid=1,
            device="d",
            device_kind="cpu",
            compute_units=1,
            memory_bytes=1,
            engine="1",
            started_at=0.0,
        )
        for name in ("one", "two")
    )
    ledger.workers.announce(one, 60)
    ledger.workers.announce(two, 0.001)
    deadline = time.monotonic() + 5
    while ledger.workers.live() != [one]:
        assert time.monotonic() < deadline
    assert redis.smembers("afmbatch:workers") == {"one"}
    ledger.workers.retire("one")
    assert redis.keys("*") == []
