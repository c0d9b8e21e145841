"""How much of its device and its disk a worker uses: `python -m benchmarks.worker`.

Samples a second of: the kernels alone, to arrays in host memory, with everything that is prepared for them; writing the
same bytes to the same disk and nothing else; both as the engine does it, hashes included; a worker with Redis, from a
task to its recorded files. All in the same groups of batches and with the same number of writing threads.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from redis import Redis
from rich.console import Console
from rich.table import Table

import kernels
from afmbatch import tether
from afmbatch.embedded import EmbeddedRedis
from benchmarks.common import job_of, molecules
from service.contract.datasets import dataset_id
from service.contract.ledger import Ledger
from service.contract.plan import Plan
from service.contract.queue import enqueue_shards, open_queue
from service.contract.settings import Settings
from service.contract.spec import JobSpec
from service.contract.status import JobRecord
from service.contract.store import Content, Store, dataset_key
from service.contract.stored_zip import PIECE_BYTES, Piece
from worker.maker import Maker
from worker.messages import Answer, Made, Make
from worker.pipeline import WRITERS, Pipeline


class Nowhere(Store):
    """Keeps no batches."""

    def put_batch(self, job_id: str, batch: int, pieces: Iterable[Piece]) -> Content:
        return Content()


def engine(maker: Maker, spec: JobSpec, structures: int) -> float:
    """Seconds for all batches of a job in an engine's pipeline."""
    plan, ready = Plan(spec, structures), maker.describe()
    size = max(1, -(-ready.samples // spec.batch_size))
    groups = [range(plan.batches)[i : i + size] for i in range(0, plan.batches, size)]
    room, answers = threading.Semaphore(ready.ahead * size), []

    def answer(made: Answer) -> None:
        assert isinstance(made, Made), made
        answers.append(made)
        room.release()

    def fault(error: Exception) -> None:
        os._exit(print(error) or 1)

    pipeline = Pipeline(maker, answer, fault)
    text, began = spec.model_dump_json(), time.perf_counter()
    for group in groups:
        for _ in group:
            room.acquire()
        pipeline.make(Make(f"job-{began}", text, group))
    for _ in range(ready.ahead * size):
        room.acquire()
    return time.perf_counter() - began


def raw_writing(directory: Path, batches: int, batch_bytes: int) -> float:
    """Seconds to write so many files, each in a thread, all in WRITERS threads."""
    data = memoryview(np.random.default_rng(0).bytes(batch_bytes))

    def write(number: int) -> None:
        with (directory / f"raw-{number}").open("xb") as file:
            for start in range(0, batch_bytes, PIECE_BYTES):
                file.write(data[start : start + PIECE_BYTES])

    began = time.perf_counter()
    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write, range(batches)))
    seconds = time.perf_counter() - began
    for number in range(batches):
        (directory / f"raw-{number}").unlink()
    return seconds


class Service:
    """Redis and a worker, for whole jobs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = Ledger(Redis.from_url(settings.redis_url, decode_responses=True))
        self.queue = open_queue(settings)
        self.jobs = 0

    def run(self, spec: JobSpec, structures: int) -> float:
        """Seconds from the job's enqueueing to its last record."""
        self.jobs += 1
        record = JobRecord(id=f"job-{self.jobs}", spec=spec, structures=structures, created_at=time.time())
        with self.queue.connection.pipeline() as together:
            self.ledger.add_job(record, together)
            enqueue_shards(self.queue, record.id, Plan(spec, structures).shards, self.settings, together)
            together.execute()
        while not (status := self.ledger.status(record.id)).state.final:
            time.sleep(0.05)
        assert status.state == "done", status
        assert status.finished_at is not None
        return status.finished_at - record.created_at


def main(
    samples: Annotated[int, typer.Option(min=1, help="Samples of a run.")] = 560,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples of a batch.")] = 20,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each stage; the median counts.")] = 3,
    directory: Annotated[Path, typer.Option(help="On the disk to write to.")] = Path(tempfile.gettempdir()),
) -> None:
    """Measure a worker stage by stage."""
    console = Console()
    with tempfile.TemporaryDirectory(dir=directory, prefix="afmbatch-") as name:
        store_url = (Path(name) / "store").as_uri()
        store, structures = Store(store_url), molecules()
        n, dataset = len(structures), dataset_id(structures)
        store.put(dataset_key(dataset), structures.to_bytes())
        spec, first = job_of(samples, batch_size, dataset, n), job_of(batch_size, batch_size, dataset, n)
        settings = Settings(store_url=store_url)
        device = kernels.open_device(settings.device)
        console.print(f"{device.info.name}, {WRITERS} writing threads, {samples} samples in batches of {batch_size}")

        def clean(seconds: Callable[[], float]) -> float:
            store.delete_prefix("jobs/")
            return seconds()

        def median(seconds: Callable[[], float]) -> float:
            clean(seconds)
            return statistics.median(clean(seconds) for _ in range(runs))

        times = {}
        alone, whole = Maker(device, Nowhere(store_url), settings), Maker(device, store, settings)
        times["kernels"] = median(lambda: engine(alone, spec, n))
        times["engine"] = median(lambda: engine(whole, spec, n))
        (batch,) = whole.wait(whole.start(whole.prepare(Make("job-size", first.model_dump_json(), [0]))))
        size = batch().bytes
        times["raw writing"] = median(lambda: raw_writing(Path(name), -(-samples // batch_size), size))
        del alone, whole
        with EmbeddedRedis(Path(name) / "redis") as redis:
            settings = Settings(store_url=store_url, redis_url=redis.url)
            service = Service(settings)
            env = {"AFMBATCH_REDIS_URL": redis.url, "AFMBATCH_STORE_URL": store_url}
            began = time.perf_counter()
            worker = tether.start([sys.executable, "-m", "afmbatch", "worker"], env)
            service.run(first, n)
            start = time.perf_counter() - began
            times["worker"] = median(lambda: service.run(spec, n))
            tether.stop(worker, 20)
    limit = max(times["kernels"], times["raw writing"])
    table = Table("stage", "µs a sample", "samples/s", "of the slower of kernels and writing")
    for stage, seconds in times.items():
        table.add_row(stage, f"{seconds / samples * 1e6:.0f}", f"{samples / seconds:.0f}", f"{limit / seconds:.0%}")
    console.print(table)
    console.print(f"{size / 1e6:.1f} MB a batch; from a worker's start to its first batch recorded: {start:.2f} s")


if __name__ == "__main__":
    typer.run(main)
