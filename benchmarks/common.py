"""What the benchmarks share: the common job of any size, its molecules, and the kernels' rate on it."""

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from afmbatch.cli.demo import common_job
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import Content, ObjectStore
from afmbatch.storage.zip_writer import Piece
from afmbatch.structures.ingest import Upload, read_structures
from afmbatch.structures.structures import Structures
from worker.engine.batch_maker import BatchMaker
from worker.engine.pipeline import Pipeline
from worker.messages import Answer, BatchRefused, MakeBatches


def molecule_files() -> list[Path]:
    """Those of the demo."""
    return sorted((Path(str(path)) for path in (files("afmbatch") / "molecules").iterdir()), key=lambda path: path.name)


def molecules() -> Structures:
    """The same, read."""
    return read_structures([Upload(path.name, path.open("rb")) for path in molecule_files()], Settings())


def job_of(samples: int, batch_size: int, dataset: str, structures: int) -> JobSpec:
    """The common job with so many samples, in as many rotations as that takes."""
    rotations = -(-samples // structures)
    chosen = {"kind": "directions", "directions": max(100, rotations), "best": rotations}
    return JobSpec.model_validate(common_job(dataset, samples) | {"rotations": chosen, "batch_size": batch_size})


class Nowhere(ObjectStore):
    """Keeps no batches: what is made ends in host memory."""

    def put_batch(self, job_id: str, batch: int, pieces: Iterable[Piece]) -> Content:
        """Nothing."""
        return Content()


def engine_seconds(maker: BatchMaker, spec: JobSpec, structures: int) -> float:
    """How long all batches of a job take in the threads of an engine, in the groups that a worker makes of them."""
    recipe = Recipe.of(spec, structures)
    plan, ready = Plan(recipe), maker.describe()
    together = max(1, -(-ready.group_samples // spec.batch_size))
    room = threading.Semaphore(ready.prefetch * together)

    def answer(answer: Answer) -> None:
        if isinstance(answer, BatchRefused):
            fault(RuntimeError(answer.error))
        room.release()

    def fault(error: Exception) -> None:
        traceback.print_exception(error)
        sys.stderr.flush()
        os._exit(1)  # we are in one of the pipeline's threads

    pipeline = Pipeline(maker, answer, fault)
    began = time.perf_counter()
    for first in range(0, plan.batches, together):
        group = range(first, min(first + together, plan.batches))
        for _ in group:
            room.acquire()
        pipeline.make(MakeBatches(f"job-{spec.digest[:16]}", recipe.model_dump_json(), group))
    for _ in range(ready.prefetch * together):
        room.acquire()
    return time.perf_counter() - began
