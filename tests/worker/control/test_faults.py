"""Tests engines that fail: the batch at fault ends as a named error, and all other batches are delivered."""

import re

import pytest

from afmbatch.ledger.records import Flags, State
from tests.redis_server import until

from ..makers import BAD


def test_an_engine_without_faults(rig):
    job = rig.post(batches=25)
    rig.worker("Good")
    status = rig.finish(job)
    assert status.state is State.DONE
    assert status.counts.samples_done == 250
    assert status.counts.flagged == 3 * 25
    assert status.counts.flags == Flags(left=2 * 25, not_finite=25)
    assert sorted(rig.begun()) == list(range(25))


@pytest.mark.parametrize(
    ("maker", "error"),
    [
        ("Crashes", "the engine was killed by SIGSEGV (tried 3 times)"),
        ("Hangs", "no batch within 0.5 s (tried 3 times)"),
        ("Raises", "MemoryError: no room for this batch (tried 3 times)"),
    ],
)
def test_a_batch_that_fails_the_engine(rig, maker, error):
    job = rig.post()
    rig.worker(maker, AFMBATCH_BATCH_SECONDS="0.5")
    status = rig.finish(job)
    assert status.state is State.FAILED
    assert status.counts.batches_done == 19
    assert [(f.batch, f.error) for f in status.errors] == [(BAD, error)]
    assert rig.begun().count(BAD) == 3


@pytest.mark.parametrize("maker", ["CrashesOnce", "MissesFileOnce"])
def test_a_batch_that_fails_the_engine_once(rig, maker):
    job = rig.post()
    rig.worker(maker)
    assert rig.finish(job).state is State.DONE
    assert rig.begun().count(BAD) == 2


def test_a_worker_announces_its_throughput(rig):
    """Ten images of 128 × 128 pixels take at least 0.05 s."""
    rig.worker("Slow")
    assert until(rig.ledger.workers.live)[0].pixels_per_second is None
    rig.finish(rig.post(batches=20))
    rate = until(lambda: rig.ledger.workers.live()[0].pixels_per_second)
    assert 0 < rate <= 10 * 128 * 128 / 0.05


def test_a_sample_that_is_refused(rig):
    job = rig.post()
    rig.worker("Refuses")
    status = rig.finish(job)
    assert status.state is State.FAILED
    assert status.counts.batches_done == 19
    assert [(f.batch, f.error) for f in status.errors] == [(BAD, "sample 31: two atoms coincide")]
    assert rig.begun().count(BAD) == 1


def test_small_batches_are_made_in_groups(rig):
    job = rig.post(batches=25, batches_per_shard=5)
    rig.worker("Grouping")
    assert rig.finish(job).state is State.DONE
    groups = [list(map(int, line.split())) for line in (rig.directory / "groups").read_text().splitlines()]
    assert [batch for group in groups for batch in group] == list(range(25))
    assert max(map(len, groups)) == 2  # of 20 samples
    assert [4, 5] in groups  # of two shards: the first was still open when the second was begun


def test_groups_of_many_atoms_are_small(rig):
    """A batch of 10 samples takes 10 MB for images and 30 MB for atoms; two of them are more than a group may take."""
    job = rig.post(batches=10, atoms=10_000)
    rig.worker("Grouping", AFMBATCH_HOST_MEMORY_BYTES=str(4 * 60 * 10**6))
    assert rig.finish(job).state is State.DONE
    groups = (rig.directory / "groups").read_text().splitlines()
    assert sorted(map(int, groups)) == list(range(10))


@pytest.mark.parametrize(
    ("maker", "error", "begun"),
    [
        ("RefusesGroup", "sample 31: two atoms coincide", 0),
        ("CrashesGroup", "the engine was killed by SIGSEGV (tried 3 times)", 3),
        ("HangsWhileWriting", "no batch within 1 s (tried 3 times)", 3),
    ],
)
def test_a_batch_at_fault_in_a_group(rig, maker, error, begun):
    job = rig.post(batches=40, batches_per_shard=20)
    rig.worker(maker, AFMBATCH_BATCH_SECONDS="1")
    status = rig.finish(job)
    assert status.counts.batches_done == 39
    assert [(f.batch, f.error) for f in status.errors] == [(BAD, error)]
    assert rig.begun().count(BAD) == begun


def test_a_shard_without_progress_is_handed_back(rig):
    """Another worker makes it, long before the engine's time for a batch is over."""
    job = rig.post(batches=10)
    stuck = rig.worker("NeverAnswersOnce", AFMBATCH_STALL_SECONDS="1", AFMBATCH_BATCH_SECONDS="600")
    until(lambda: BAD in rig.begun())
    other = rig.worker("Good")
    status = rig.finish(job)
    assert status.state is State.DONE
    [warning] = status.warnings
    assert re.fullmatch(
        r"Worker \S+ made no progress with shard 0 for 1 s and handed it back; batches left: 3(, \d)*\.", warning
    )
    assert warning in rig.log()
    until(rig.idle)
    assert (stuck.poll(), other.poll()) == (None, None)


def test_a_shard_whose_every_batch_fails_is_given_up(rig):
    job = rig.post(batches=20)
    rig.worker("AlwaysExits", AFMBATCH_SHARD_TRIES="2")
    status = rig.finish(job)
    assert status.state is State.FAILED
    assert status.counts.batches_failed == 20
    assert status.errors[0].error == "the engine ended with status 7 (tried 2 times)"
    assert status.errors[9].error.startswith("not tried, because the 2 batches before it failed")
    assert rig.begun() == [0, 0, 1, 10, 10, 11]  # the engine had begun 1 and 11 as well when it ended at 0 and 10


def test_a_batch_that_takes_the_whole_worker_with_it(rig):
    job = rig.post()
    losses = 0
    while True:
        worker = rig.worker("KillsWorker", AFMBATCH_SHARD_TRIES="2")
        if until(lambda w=worker: w.poll() or rig.ledger.jobs.status(job).state.final) is True:
            break
        losses += 1
    status = rig.finish(job)
    assert losses == 2
    assert status.counts.batches_done == 19
    assert [f.batch for f in status.errors] == [BAD]
    assert status.errors[0].error == "the worker was lost 2 times while making it; last reason: its lease ran out"


def test_a_batch_that_takes_the_device_with_it(rig):
    job = rig.post()
    ends = 0
    while ends < 5:  # more than enough
        worker = rig.worker("BreaksDevice", AFMBATCH_SHARD_TRIES="2")
        if until(lambda w=worker: w.poll() or rig.ledger.jobs.status(job).state.final) is True:
            break
        ends += 1
    status = rig.finish(job)
    assert ends == 2
    assert status.counts.batches_done == 19
    assert [f.batch for f in status.errors] == [BAD]
    assert (
        "2 times while making it; last reason: the engine did not start: the device is gone" in status.errors[0].error
    )


def test_a_worker_without_a_device_takes_nothing(rig):
    job = rig.post()
    worker = rig.worker("NoDevice")
    assert worker.wait(30) == 1
    assert "the engine did not start: no OpenCL device" in rig.log()
    assert rig.ledger.jobs.status(job).state is State.QUEUED
