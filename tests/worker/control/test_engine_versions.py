"""Workers of one engine version make a job, the version that it was posted for. Others leave its tasks in the queue."""

from afmbatch.ledger.records import State
from tests.redis_server import until


def worker_of_version(rig, engine):
    worker = rig.worker("Slow", ENGINE_OF_THIS_TEST=engine)
    until(lambda: engine in {record.engine for record in rig.ledger.workers.live()})
    return worker


def test_workers_of_two_engine_versions(rig):
    """Each job is made by one version alone, although a worker of the other one has nothing to do for a while."""
    old, new = rig.post(batches=20, engine="4"), rig.post(batches=20, engine="5")
    assert rig.ledger.jobs.status(old).warnings == ("No worker is running.",)
    worker_of_version(rig, "5")
    assert rig.finish(new).state is State.DONE
    assert rig.done(old) == 0
    assert rig.queue.job_ids == [f"{old}-0"]
    [warning] = rig.ledger.jobs.status(old).warnings
    assert warning == (
        "The job waits for a worker with engine version 4; the running workers have 5. "
        "Start such a worker, or cancel the job and post it again."
    )
    later = rig.post(batches=10, engine="5")
    assert rig.finish(later).state is State.DONE  # the worker passes over the task at the front of the queue
    worker_of_version(rig, "4")
    status = rig.finish(old)
    assert (status.state, status.warnings, status.engine) == (State.DONE, (), "4")
    both = [rig.post(batches=20, engine=engine) for engine in "45"]
    assert [rig.finish(job).state for job in both] == [State.DONE] * 2
    # The samples of the jobs for each version, and no others:
    until(lambda: {w.engine: w.samples_done for w in rig.ledger.workers.live()} == {"4": 400, "5": 500}, seconds=5)
    until(rig.idle)
