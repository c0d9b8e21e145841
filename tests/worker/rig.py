"""Provides tests with a rig: a real server, worker processes and a store in a directory, with stand-ins for steps."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from redis import Redis

from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import DatasetRecord, JobRecord
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import open_queue, remove_tasks
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore, batch_key, job_prefix
from tests.redis_server import until

ROOT = Path(__file__).parents[2]
WORKER = """
import os, sys
from afmbatch.sampling import recipe
recipe.ENGINE = os.environ.get("ENGINE_OF_THIS_TEST", recipe.ENGINE)  # before other modules import it
from afmbatch.settings import Settings
from worker.main import run
run(Settings(), sys.argv[1])
"""
LEASE = 2.0


class Rig:
    """Has a server, a ledger, a queue and a store; `worker` starts real workers on them."""

    def __init__(self, server, directory):
        self.directory = directory
        self.env = {
            "AFMBATCH_REDIS_URL": server.url,
            "AFMBATCH_STORE_URL": (directory / "store").as_uri(),
            "AFMBATCH_LEASE_SECONDS": str(LEASE),
            "AFMBATCH_HEARTBEAT_SECONDS": "0.3",
            "AFMBATCH_BATCH_SECONDS": "5",
        }
        self.settings = Settings(**{k.removeprefix("AFMBATCH_").lower(): v for k, v in self.env.items()})
        self.redis = Redis.from_url(server.url, decode_responses=True)
        self.redis.flushall()
        self.ledger = Ledger.on(self.redis)
        self.store = ObjectStore(self.settings.store_url)
        self.queue = open_queue(self.settings)
        self.processes = []
        self.jobs = 0
        self.batches = {}  # number of batches by job

    def post(self, batches=20, batches_per_shard=10, atoms=1, engine=None, **changes):
        """Post a job of `batches` batches on structures of `atoms` atoms; 100 samples make a shard.

        engine: the engine version that the job needs; None: any.
        """
        spec = JobSpec(dataset="ds", rotations={"kind": "none"}, batch_size=100 // batches_per_shard, **changes)
        recipe = Recipe.of(spec, batches * spec.batch_size, atoms * batches * spec.batch_size)
        job = JobRecord(**dict(recipe), id=f"job-{self.jobs}", created_at=time.time(), engine=engine)
        self.jobs += 1
        structures = recipe.structures
        dataset = {"structures": structures, "atoms": atoms * structures, "elements": (), "kinds": ()}
        self.ledger.datasets.add(DatasetRecord(id="ds", created_at=time.time(), **dataset))
        with self.queue.connection.pipeline() as pipe:
            self.ledger.jobs.add(job, pipe)
            ShardScheduler(self.queue, self.ledger).begin(job, pipe)
            pipe.execute()
        self.batches[job.id] = batches
        return job.id

    def worker(self, maker, **env):
        """Start a worker process with an engine of tests.worker.makers, or 'module:function'."""
        with (self.directory / "workers.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", WORKER, maker if ":" in maker else f"tests.worker.makers:{maker}"],
                env={**os.environ, **self.env, **env},
                cwd=ROOT,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def engine(self, process):
        """Return the process id of a worker's engine."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return until(lambda: [int(pid) for pid in children.read_text().split()])[0]

    def cancel(self, job):
        self.ledger.jobs.cancel(job)
        remove_tasks(self.queue, job)

    def remove(self, job):
        """Remove a job as the service does."""
        self.cancel(job)
        self.store.delete_prefix(job_prefix(job))
        self.ledger.jobs.remove(job)
        self.store.delete_prefix(job_prefix(job))

    def done(self, job):
        return self.ledger.jobs.status(job).counts.batches_done

    def finish(self, job):
        """Wait for a job's end, check that files and records agree, and return its status."""
        status = until(lambda: (s := self.ledger.jobs.status(job)).state.final and s)
        total, recorded = self.ledger.batches.page(job, range(min(Plan(status).batches, 10_000)))
        assert total == status.counts.batches_done == len(recorded)
        assert status.counts.samples_done == sum(r.samples for r in recorded)
        for record in recorded:
            assert self.store.get(batch_key(job, record.batch, record.sha256)) == f"{job} {record.batch}".encode()
        return status

    def rq(self, *arguments):
        """Run RQ's command line on the server and return what it prints."""
        command = [sys.executable, "-m", "rq.cli", *arguments, "--url", self.settings.redis_url]
        done = subprocess.run(command, env={**os.environ, **self.env}, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def idle(self):
        """Return whether no key of any task is left."""
        return not self.redis.keys("rq:queue:*") and not self.redis.keys("rq:job:*") and not self.redis.keys("rq:wip:*")

    def begun(self):
        """Return the batches that engines began, in order."""
        file = self.directory / "begun"
        return [int(b) for b in file.read_text().split()] if file.exists() else []

    def log(self):
        return (self.directory / "workers.log").read_text()

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        self.queue.connection.close()
        self.redis.close()
