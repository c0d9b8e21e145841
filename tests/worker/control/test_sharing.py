"""Work that has not begun goes to the worker that has nothing to do, even if another worker has taken it already."""

from collections import defaultdict

from afmbatch.ledger.records import State
from tests.redis_server import until

SOON = {"AFMBATCH_HANDOVER_SECONDS": "0.5"}


def begun_by(rig, job):
    """Return the batches of a job that each worker began, by process id."""
    found = defaultdict(list)
    for line in (rig.directory / "begun_by").read_text().splitlines():
        name, batch, pid = line.split()
        if name == job:
            found[int(pid)].append(int(batch))
    return found


def test_a_small_job_does_not_wait_behind_a_long_batch_while_a_worker_is_idle(rig):
    """The first worker has taken the small job while its engine works on the long batch."""
    long = rig.post(batches=1, batches_per_shard=1)
    first = rig.worker("VeryLongBatch", **SOON)
    until(lambda: "Job job-0: opened shard 0" in rig.log() if rig.directory.joinpath("workers.log").exists() else False)
    small = rig.post(batches=10)
    until(lambda: "Job job-1: opened shard 0" in rig.log())
    second = rig.worker("VeryLongBatch", **SOON)
    assert rig.finish(small).state is State.DONE
    assert rig.done(long) == 0
    assert first.pid not in begun_by(rig, small)
    assert len(begun_by(rig, small)[second.pid]) == 10
    assert rig.finish(long).state is State.DONE
    until(rig.idle)


def test_an_idle_worker_makes_a_part_of_a_long_shard(rig):
    """One worker has taken all batches of a job; two workers make them."""
    job = rig.post(batches=7)
    workers = [rig.worker("LongJob", **SOON)]
    until(lambda: rig.done(job) >= 1)
    workers.append(rig.worker("LongJob", **SOON))
    assert rig.finish(job).state is State.DONE
    begun = begun_by(rig, job)
    assert all(len(begun[worker.pid]) >= 2 for worker in workers)
    assert len(rig.begun()) <= 10  # few batches were made by both
    until(rig.idle)
