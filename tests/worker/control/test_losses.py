"""Kills, pauses and stops workers, and stops Redis: every batch is recorded once and nothing is left behind."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from afmbatch.ledger.records import State
from afmbatch.storage.object_store import job_prefix
from tests.redis_server import RedisServer, until

from ..makers import BAD
from ..rig import LEASE, Rig


def test_two_workers_one_of_them_killed(rig):
    job = rig.post(batches=60)
    doomed = rig.worker("Slow")
    rig.worker("Slow")
    until(lambda: len(rig.ledger.workers.live()) == 2 and rig.done(job) >= 5)
    doomed.kill()
    status = rig.finish(job)
    assert status.state is State.DONE
    assert status.counts.batches_done == 60
    until(rig.idle)
    again = [b for b in set(rig.begun()) if rig.begun().count(b) > 1]
    assert len(again) <= 2  # only batches that the dead worker had begun
    until(lambda: len(rig.ledger.workers.live()) == 1)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_instant(rig, seed):
    """Kills workers again and again: whenever a new worker starts, the job has progressed."""
    moment = random.Random(seed)  # noqa: S311 - no secret
    job = rig.post(batches=40)
    rig.worker("Slow")
    for _ in range(2):
        doomed = rig.worker("Slow")
        until(lambda: len(rig.ledger.workers.live()) >= 2 or rig.ledger.jobs.status(job).state.final)
        time.sleep(moment.uniform(0, 0.5))
        doomed.kill()
        doomed.wait()
        until(lambda: len(rig.ledger.workers.live()) == 1)
    assert rig.finish(job).state is State.DONE
    until(rig.idle)


def test_a_task_whose_worker_died_while_taking_it(rig):
    job = rig.post()
    rig.redis.lmove(rig.queue.key, rig.queue.intermediate_queue_key)
    rig.worker("Good")
    assert rig.finish(job).state is State.DONE
    until(rig.idle)


def test_a_stopped_worker_hands_its_task_back_at_once(rig):
    job = rig.post(batches=10)
    first = rig.worker("Slower", AFMBATCH_LEASE_SECONDS="600")
    until(lambda: rig.done(job) >= 1)
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0
    assert rig.ledger.workers.live() == []
    assert rig.queue.job_ids == [f"{job}-0"]
    assert 1 <= rig.done(job) <= 3
    rig.worker("Good")
    assert rig.finish(job).state is State.DONE  # long before the lease of the first worker would have expired
    assert "lost" not in rig.log()


def test_an_idle_worker_stops(rig):
    worker = rig.worker("Good")
    until(rig.ledger.workers.live)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(10) == 0
    assert rig.ledger.workers.live() == []


def test_a_second_signal_ends_a_worker(rig):
    rig.post(batches=10)
    worker = rig.worker("Hangs")
    until(lambda: BAD in rig.begun())
    worker.send_signal(signal.SIGTERM)
    time.sleep(1.1)  # an earlier second signal could be the first one, passed on by a wrapper
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 128 + signal.SIGTERM


def test_paused_for_longer_than_its_lease(rig):
    job = rig.post(batches=10)
    paused = rig.worker("Slower", AFMBATCH_BATCH_SECONDS="1")
    until(lambda: rig.done(job) >= 1)
    paused.send_signal(signal.SIGSTOP)
    os.kill(rig.engine(paused), signal.SIGSTOP)
    rig.worker("Good")
    assert rig.finish(job).state is State.DONE
    os.kill(rig.engine(paused), signal.SIGCONT)
    paused.send_signal(signal.SIGCONT)
    until(lambda: "taken over by another worker" in rig.log())
    status = rig.finish(job)
    assert status.state is State.DONE
    assert status.counts.samples_done == 100
    assert rig.finish(rig.post(batches=2)).state is State.DONE
    assert paused.poll() is None


def test_cancelled_in_the_middle(rig):
    job = rig.post(batches=30)
    rig.worker("Slow")
    until(lambda: rig.done(job) >= 3)
    rig.cancel(job)
    until(rig.idle)
    status = rig.finish(job)
    assert status.state is State.CANCELLED
    assert 3 <= status.counts.batches_done == len(rig.store.keys(job_prefix(job))) < 10


def test_cancelled_with_much_in_the_engine(rig):
    """The device finishes the groups that it has; no other batch is begun, and none counts as failed."""
    job = rig.post(batches=30)
    rig.worker("DeepPipeline")
    until(lambda: rig.done(job) >= 1)
    rig.cancel(job)
    begun = len(rig.begun())
    until(rig.idle)
    assert len(rig.begun()) <= begun + 2  # the second group on the device, and a group that begins during the call
    assert rig.finish(job).counts.batches_failed == 0
    assert rig.finish(rig.post(batches=2)).state is State.DONE


def test_deleted_in_the_middle(rig):
    job = rig.post(batches=30)
    rig.worker("Slow")
    until(lambda: rig.done(job) >= 3)
    rig.remove(job)
    until(rig.idle)
    assert rig.store.keys(job_prefix(job)) == []
    assert rig.redis.keys(f"*{job}*") == []


def test_deleted_while_its_worker_is_dead(rig):
    job = rig.post(batches=10)
    worker = rig.worker("Slow")
    until(lambda: rig.done(job) >= 3)
    worker.kill()
    worker.wait()
    rig.remove(job)
    rig.store.put(f"{job_prefix(job)}batch-00000009.npz", b"made, but not recorded")
    rig.worker("Good")
    until(rig.idle)
    assert rig.store.keys(job_prefix(job)) == []


def test_the_engine_ends_with_its_worker(rig):
    rig.post(batches=1, batches_per_shard=1)
    worker = rig.worker("Slower")
    engine = rig.engine(worker)
    until(rig.begun)
    worker.kill()
    worker.wait()
    until(lambda: not Path(f"/proc/{engine}").exists(), seconds=5)


def test_only_the_engine_knows_opencl(rig):
    """Uses the real BatchMaker."""
    worker = rig.worker("worker.engine.batch_maker:open_batch_maker")
    until(rig.ledger.workers.live)

    def mapped(pid):
        return "opencl" in Path(f"/proc/{pid}/maps").read_text().lower()

    assert mapped(rig.engine(worker))
    assert not mapped(worker.pid)


def test_redis_restarted(tmp_path):
    server = RedisServer()
    try:
        rig = Rig(server, tmp_path)
        job = rig.post(batches=40)
        workers = [rig.worker("Slow"), rig.worker("Slow")]
        until(lambda: rig.done(job) >= 5)
        server.stop()
        time.sleep(LEASE)  # the duration of the outage
        server.start()
        status = rig.finish(job)
        assert status.state is State.DONE
        assert [w.poll() for w in workers] == [None, None]
        until(rig.idle)
        rig.close()
    finally:
        server.close()
