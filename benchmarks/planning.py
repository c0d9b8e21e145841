"""Measures planning: posting a job, polling it, choosing directions, and the host's work for a batch.

Run `python -m benchmarks.planning` from the root of the repository; it takes a minute or two. The service and its Redis
are real, started for this and reached over HTTP. There is no worker; this program makes its records.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from redis import Redis
from rich.console import Console
from rich.table import Table

from afmbatch.cli import child_process
from afmbatch.cli.embedded_redis import EmbeddedRedis
from afmbatch.cli.stack import free_port
from afmbatch.ledger.ledger import Ledger
from afmbatch.ledger.records import BatchFailure, BatchRecord, DatasetRecord, StructureKind
from afmbatch.sampling.directions import best_directions, directions
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore, batch_key
from afmbatch.structures.structures import Structures
from worker.engine.binding import bind
from worker.engine.bond_cache import Bonding
from worker.engine.orientations import Orientations

RECORDED = 100_000  # batches, of a job of 10⁶ samples
RECORDED_AT_ONCE = 5  # batches
FAILED = 1000  # batches
BATCH_SIZE = 9
FILE_BYTES = 8 << 20
RANDOMISE = {
    "distance": {"kind": "uniform", "low": -0.2, "high": 0.2},
    "tilt": {"kind": "disk", "radius": 0.3},
}


def timed(call: Callable[[], Any], times: int) -> str:
    """Return the median and the slowest of so many calls, after one to warm up, as text."""
    call()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return f"{statistics.median(seconds) * 1e3:.2f} ms (slowest of {times}: {max(seconds) * 1e3:.1f})"


# Measured in this process: directions, and the host's work for a batch


def random_structures(n: int) -> Structures:
    """Return n charged molecules of 10 to 40 atoms."""
    rng = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(10, 41, n))])
    atoms = offsets[-1]
    return Structures(
        xyz=rng.normal(size=(atoms, 3)) * [4.0, 3.0, 1.0],
        q=rng.normal(size=atoms) * 0.1,
        z=rng.choice([1, 6, 7, 8], atoms),
        offsets=offsets,
        names=np.array(["m"] * n),
    )


def measure_host(table: Table) -> None:
    """Measure the choice of directions for 10⁵ molecules, and the host's work for one batch of 120 samples."""
    structures = random_structures(100_000)
    began = time.perf_counter()
    best_directions(structures, np.arange(len(structures)), directions(100), 30)
    table.add_row("best 30 of 100 directions, 10⁵ molecules", f"{time.perf_counter() - began:.2f} s", "seconds")

    spec = JobSpec.model_validate({"dataset": "ds-0", "batch_size": 120, "randomise": RANDOMISE})
    rotations, bonding = Orientations(spec, structures), Bonding(structures)
    plan = Plan(Recipe.of(spec, len(structures), len(structures.z)))
    table.add_row("120 samples: their numbers", timed(lambda: plan.numbers(3), 200), "≪ 1 ms")
    sample = plan.numbers(3)
    table.add_row("120 samples: all random parameters", timed(lambda: plan.sample_parameters(sample), 200), "≪ 1 ms")
    draws = plan.sample_parameters(sample)
    unseen = timed(lambda: Orientations(spec, structures).of(draws), 50)
    table.add_row("120 samples: rotations, structures not seen before", unseen, "")
    table.add_row("120 samples: rotations", timed(lambda: rotations.of(draws), 200), "≪ 1 ms")
    table.add_row("120 samples: bind", timed(lambda: bind(spec, structures, rotations, bonding, draws), 200), "≤ 1 ms")


# Measured over HTTP: posting and polling


@contextmanager
def serving(folder: Path, redis_url: str) -> Iterator[tuple[httpx.Client, int]]:
    """Run a service in a process of its own; yield a client of it and the id of that process."""
    port = free_port()
    env = {
        "AFMBATCH_REDIS_URL": redis_url,
        "AFMBATCH_STORE_URL": (folder / "store").as_uri(),
        "AFMBATCH_PORT": str(port),
    }
    with (folder / "log").open("wb") as log:
        process = child_process.start([sys.executable, "-m", "afmbatch", "serve"], env, log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as http:
                while process.poll() is None:
                    try:
                        http.get("/v1/ready").raise_for_status()
                        break
                    except httpx.TransportError:
                        time.sleep(0.05)
                yield http, process.pid
        finally:
            child_process.stop(process, 10)


def expect(answer: httpx.Response, status: int) -> None:
    """Raise RuntimeError for any other status, because then something else than intended would be measured."""
    if answer.status_code != status:
        raise RuntimeError(f"{answer.request.method} {answer.url}: {answer.status_code}, not {status}")


def memory_mb(pid: int, field: str) -> float:
    """Return VmRSS, or VmHWM, the peak since it was reset, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def measure_posting(table: Table, ledger: Ledger, http: httpx.Client, pid: int) -> dict[str, Any]:
    """Measure the posting of jobs of 10⁶ and 10⁷ samples, and return the last job of 10⁶."""

    def dataset(structures: int, *, charged: bool = True) -> str:
        # The record alone is enough: posting a job reads nothing else of a dataset.
        name = f"ds-{structures:x}{charged:x}"
        kind = StructureKind(
            elements=(6,), charged=charged, lattice=False, structures=structures, examples=("m.xyz#1",)
        )
        record = DatasetRecord(
            id=name,
            structures=structures,
            atoms=25 * structures,
            elements=("C",),
            kinds=(kind,),
            created_at=0.0,
        )
        return ledger.datasets.add(record).id

    def post(what: str, status: int, wanted: str, **spec: Any) -> dict[str, Any]:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # resets VmHWM
        before = memory_mb(pid, "VmRSS")
        began = time.perf_counter()
        answer = http.post("/v1/jobs", json=spec)
        seconds = time.perf_counter() - began
        expect(answer, status)
        job: dict[str, Any] = answer.json()
        growth = memory_mb(pid, "VmHWM") - before
        table.add_row(f"POST {what}", f"{seconds * 1e3:.0f} ms, peak +{growth:.1f} MB", wanted)
        return job

    large, small, wanted = dataset(10**6), dataset(34_000), "< 2 s, < 200 MB"
    post("one sample, to warm up", 201, "", dataset=small, samples=1)
    post("10⁶ structures, not rotated", 201, wanted, dataset=large, rotations={"kind": "none"})
    post("10⁷ of 10⁶ structures × 30", 201, wanted, dataset=large, samples=10**7)
    post("10⁷, one a batch", 201, wanted, dataset=large, samples=10**7, batch_size=1)
    post("10⁶ structures without charges: refused", 422, wanted, dataset=dataset(10**6, charged=False))
    return post("34,000 structures × 30", 201, wanted, dataset=small, samples=10**6, batch_size=BATCH_SIZE)


def measure_polling(table: Table, ledger: Ledger, store: ObjectStore, http: httpx.Client, job: dict[str, Any]) -> None:
    """Record RECORDED batches and FAILED failures of the job, then measure every request about it."""
    name, url, wanted = job["id"], f"/v1/jobs/{job['id']}", "< 10 ms"
    records = [
        BatchRecord(batch=b, samples=BATCH_SIZE, bytes=FILE_BYTES, sha256=os.urandom(32).hex()) for b in range(RECORDED)
    ]
    ledger.jobs.mark_started(name)
    began = time.perf_counter()
    for first in range(0, RECORDED, RECORDED_AT_ONCE):
        ledger.batches.record(name, records[first : first + RECORDED_AT_ONCE])
    table.add_row(
        f"record a batch, {RECORDED_AT_ONCE} at once", f"{(time.perf_counter() - began) / RECORDED * 1e3:.3f} ms", ""
    )
    for batch in range(RECORDED, RECORDED + FAILED):
        ledger.batches.record_failure(name, BatchFailure(batch=batch, error="the engine died over it (tried 3 times)"))
    there = records[RECORDED // 2]
    for record in records:
        store.put(batch_key(name, record.batch, record.sha256), bytes(FILE_BYTES) if record is there else b"")

    def headers(batch: int, status: int) -> None:
        with http.stream("GET", f"{url}/batches/{batch}") as answer:
            expect(answer, status)

    def page() -> None:
        http.get(f"{url}/batches", params={"start": RECORDED // 2}).raise_for_status()

    table.add_row("GET job", timed(lambda: http.get(url).raise_for_status(), 50), wanted)
    table.add_row("GET jobs", timed(lambda: http.get("/v1/jobs").raise_for_status(), 50), wanted)
    table.add_row("GET batches?start=…, 1000 records", timed(page, 50), wanted)
    table.add_row("GET batches/n up to its headers", timed(lambda: headers(there.batch, 200), 50), wanted)
    table.add_row("GET batches/n, still to come", timed(lambda: headers(RECORDED + FAILED, 404), 50), wanted)
    table.add_row("GET batches/n, failed", timed(lambda: headers(RECORDED, 404), 50), wanted)
    plan = Plan(ledger.jobs.get(name))
    shard = plan.shard(plan.shards // 2)
    table.add_row(f"missing of {len(shard)} batches", timed(lambda: ledger.batches.missing(name, shard), 50), "")
    table.add_row("missing of 10⁴ batches", timed(lambda: ledger.batches.missing(name, range(9000, 19_000)), 50), "")


def measure_removing(table: Table, redis: Redis, http: httpx.Client, url: str) -> None:
    """Delete the job, and measure how long the service and Redis keep other requests waiting meanwhile."""
    waits: dict[str, float] = {"service": 0.0, "Redis": 0.0}
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=http.base_url, trust_env=False, timeout=120) as other:
            while not over.is_set():
                for name, call in (("service", lambda: other.get("/v1/health")), ("Redis", redis.ping)):
                    began = time.perf_counter()
                    call()
                    waits[name] = max(waits[name], time.perf_counter() - began)
                over.wait(0.005)

    asking = threading.Thread(target=ask)
    asking.start()
    began = time.perf_counter()
    http.delete(url).raise_for_status()
    seconds = time.perf_counter() - began
    over.set()
    asking.join()
    table.add_row(f"DELETE job with {RECORDED:,} batches", f"{seconds:.1f} s", "")
    for name, wait in waits.items():
        table.add_row(f"… longest wait for {name} meanwhile", f"{wait * 1e3:.0f} ms", "")


def main() -> None:
    """Measure everything and print a table."""
    table = Table("what", "measured", "goal", title="Planning")
    measure_host(table)
    with (
        tempfile.TemporaryDirectory() as name,
        EmbeddedRedis(Path(name) / "redis") as server,
        serving(Path(name), server.url) as (http, pid),
        Redis.from_url(server.url, decode_responses=True) as redis,
    ):
        ledger, store = Ledger.on(redis), ObjectStore((Path(name) / "store").as_uri())
        job = measure_posting(table, ledger, http, pid)
        measure_polling(table, ledger, store, http, job)
        measure_removing(table, redis, http, f"/v1/jobs/{job['id']}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
