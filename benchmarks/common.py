"""Shared by the benchmarks: the common job in any size, its molecules, and the time an engine takes for it."""

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterable

from afmbatch.cli.demo import common_job
from afmbatch.cli.molecules import shipped_molecules
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import Content, ObjectStore
from afmbatch.storage.zip_writer import Chunk
from afmbatch.structures.ingest import Upload, read_structures
from afmbatch.structures.structures import Structures
from worker.engine.batch_maker import Maker
from worker.engine.pipeline import Pipeline
from worker.messages import Answer, BatchRefused, Make


def molecules() -> Structures:
    """Return the structures of the shipped molecules."""
    return read_structures([Upload(path.name, path.open("rb")) for path in shipped_molecules()], Settings())


def job_of(samples: int, batch_size: int, dataset: str, structures: int) -> JobSpec:
    """Return the common job with so many samples, in as many rotations of each structure as they need."""
    rotations = -(-samples // structures)
    directions = {"kind": "directions", "directions": max(100, rotations), "best": rotations}
    return JobSpec.model_validate(common_job(dataset, samples) | {"rotations": directions, "batch_size": batch_size})


class DiscardingStore(ObjectStore):
    """A store that drops the batches, so that an engine's work ends in host memory."""

    def put_batch(self, job_id: str, batch: int, chunks: Iterable[Chunk]) -> Content:
        """Drop the batch."""
        return Content()


def engine_seconds(maker: Maker, spec: JobSpec, structures: Structures) -> float:
    """Return how many seconds the threads of an engine take for all batches of a job, in the groups of a worker."""
    recipe = Recipe.of(spec, len(structures), len(structures.z))
    plan, ready = Plan(recipe), maker.describe()
    group_size = max(1, -(-ready.samples // spec.batch_size))
    free_slots = threading.Semaphore(ready.ahead * group_size)

    def answer(answer: Answer) -> None:
        if isinstance(answer, BatchRefused):
            fail(RuntimeError(answer.error))
        free_slots.release()

    def fail(error: Exception) -> None:
        traceback.print_exception(error)
        sys.stderr.flush()
        os._exit(1)  # this runs in a thread of the pipeline, where an exception would not end the program

    pipeline = Pipeline(maker, answer, fail)
    began = time.perf_counter()
    for first in range(0, plan.batches, group_size):
        group = range(first, min(first + group_size, plan.batches))
        for _ in group:
            free_slots.acquire()
        pipeline.make(Make(f"job-{spec.digest[:16]}", recipe.model_dump_json(), group))
    for _ in range(ready.ahead * group_size):
        free_slots.acquire()
    return time.perf_counter() - began
