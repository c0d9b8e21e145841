"""Measures how much of its device and of its disk a worker uses.

Run `python -m benchmarks.worker` from the root of the repository. It prints the samples a second of: the kernels alone,
to arrays in host memory, with their preparation; an engine, which also hashes and writes the batches; writing the same
bytes to the same disk and nothing else, in as many threads; a worker with Redis, from the job in the queue to its last
record. The goal is that a worker makes 80 % of the slower of kernels and writing.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from redis import Redis
from rich.console import Console
from rich.table import Table

import kernels
from afmbatch.cli import child_process
from afmbatch.cli.embedded_redis import EmbeddedRedis
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import JobRecord, State
from afmbatch.ledger.shard_scheduler import ShardScheduler
from afmbatch.ledger.task_queue import open_queue
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore, dataset_key
from afmbatch.storage.zip_writer import CHUNK_BYTES
from afmbatch.structures.ingest import dataset_id
from afmbatch.structures.structures import Structures
from benchmarks.common import DiscardingStore, engine_seconds, job_of, molecules
from worker.engine.batch_maker import Maker
from worker.engine.pipeline import WRITERS


def writing_seconds(directory: Path, batches: int, batch_bytes: int) -> float:
    """Return how many seconds it takes to write so many files in WRITERS threads, each file in one thread."""
    data = memoryview(np.random.default_rng(0).bytes(batch_bytes))

    def write(number: int) -> None:
        with (directory / f"raw-{number}").open("xb") as file:
            for start in range(0, batch_bytes, CHUNK_BYTES):
                file.write(data[start : start + CHUNK_BYTES])

    began = time.perf_counter()
    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write, range(batches)))
    seconds = time.perf_counter() - began
    for number in range(batches):
        (directory / f"raw-{number}").unlink()
    return seconds


class Jobs:
    """Puts jobs into the queue and waits until they are done."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ledger = Ledger.on(Redis.from_url(settings.redis_url, decode_responses=True))
        self._queue = open_queue(settings)
        self._number = 0

    def seconds(self, spec: JobSpec, structures: Structures) -> float:
        """Run a job and return the seconds from its enqueueing to its last record."""
        self._number += 1
        recipe = Recipe.of(spec, len(structures), len(structures.z))
        job = JobRecord(**dict(recipe), id=f"job-{self._number}", created_at=time.time())
        with self._queue.connection.pipeline() as pipe:
            self._ledger.jobs.add(job, pipe)
            ShardScheduler(self._queue, self._ledger, self._settings).begin(job, pipe)
            pipe.execute()
        while not (status := self._ledger.jobs.status(job.id)).state.final:
            time.sleep(0.05)
        if status.state is not State.DONE or status.finished_at is None:
            raise RuntimeError(str(status.errors))
        return status.finished_at - job.created_at


def main(
    samples: Annotated[int, typer.Option(min=1, help="Number of samples of a run.")] = 560,
    batch_size: Annotated[int, typer.Option(min=1, help="Number of samples of a batch.")] = 20,
    runs: Annotated[
        int, typer.Option(min=1, help="Number of runs of each stage, of which the median is reported.")
    ] = 3,
    directory: Annotated[Path | None, typer.Option(help="Directory on the disk to write to.")] = None,
) -> None:
    """Measure a worker stage by stage."""
    console = Console()
    with tempfile.TemporaryDirectory(dir=directory, prefix="afmbatch-") as name:
        store = ObjectStore((Path(name) / "store").as_uri())
        settings = Settings(store_url=(Path(name) / "store").as_uri())
        structures = molecules()
        dataset, n = dataset_id(structures), len(structures)
        store.put(dataset_key(dataset), structures.to_bytes())
        device = kernels.open_device(settings.device)
        console.print(f"{device.info.name}, {WRITERS} writing threads, {samples} samples in batches of {batch_size}")

        def median(seconds: Callable[[JobSpec], float]) -> float:
            """Return the median of runs with different seeds, after one to warm up, each with an empty store."""
            seconds_of_runs = []
            for seed in range(runs + 1):
                store.delete_prefix("jobs/")
                spec = job_of(samples, batch_size, dataset, n).model_copy(update={"seed": seed})
                seconds_of_runs.append(seconds(spec))
            return statistics.median(seconds_of_runs[1:])

        # One for all runs of a stage, as in a running worker: the first run allocates memory, the others reuse it.
        discarding, writing = (Maker(device, s, settings) for s in (DiscardingStore(settings.store_url), store))
        times = {
            "kernels": median(lambda spec: engine_seconds(discarding, spec, structures)),
            "engine": median(lambda spec: engine_seconds(writing, spec, structures)),
        }
        batch_bytes = max(len(store.get(key)) for key in store.keys("jobs/"))
        batches = -(-samples // batch_size)
        times["raw writing"] = median(lambda _: writing_seconds(Path(name), batches, batch_bytes))
        with EmbeddedRedis(Path(name) / "redis") as redis:
            jobs = Jobs(settings.model_copy(update={"redis_url": redis.url}))
            began = time.perf_counter()
            env = {"AFMBATCH_REDIS_URL": redis.url, "AFMBATCH_STORE_URL": settings.store_url}
            worker = child_process.start([sys.executable, "-m", "afmbatch", "worker"], env)
            jobs.seconds(job_of(batch_size, batch_size, dataset, n), structures)
            start = time.perf_counter() - began
            times["worker"] = median(lambda spec: jobs.seconds(spec, structures))
            child_process.stop(worker, 20)
    limit = max(times["kernels"], times["raw writing"])
    table = Table("stage", "µs a sample", "samples a second", "of the slower of kernels and writing")
    for stage, seconds in times.items():
        table.add_row(stage, f"{seconds / samples * 1e6:.0f}", f"{samples / seconds:.0f}", f"{limit / seconds:.0%}")
    console.print(table)
    console.print(
        f"{batch_bytes / 1e6:.1f} MB a batch; a worker's first batch is recorded {start:.2f} s after its start"
    )


if __name__ == "__main__":
    typer.run(main)
