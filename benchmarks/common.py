"""What the benchmarks share: the common job of any size, its molecules, and the kernels' rate on it."""

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from afmbatch.demo import common_job
from service.contract.datasets import Upload, read_structures
from service.contract.plan import Plan
from service.contract.recipe import Recipe
from service.contract.settings import Settings
from service.contract.spec import JobSpec
from service.contract.store import Content, Store
from service.contract.stored_zip import Piece
from service.contract.structures import Structures
from worker.maker import Maker
from worker.messages import Answer, Make, Refused
from worker.pipeline import Pipeline


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


class Nowhere(Store):
    """Keeps no batches: what is made ends in host memory."""

    def put_batch(self, job_id: str, batch: int, pieces: Iterable[Piece]) -> Content:
        """Nothing."""
        return Content()


def engine_seconds(maker: Maker, spec: JobSpec, structures: int) -> float:
    """How long all batches of a job take in the threads of an engine, in the groups that a worker makes of them."""
    recipe = Recipe.of(spec, structures)
    plan, ready = Plan(recipe), maker.describe()
    together = max(1, -(-ready.samples // spec.batch_size))
    room = threading.Semaphore(ready.ahead * together)

    def answer(answer: Answer) -> None:
        if isinstance(answer, Refused):
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
        pipeline.make(Make(f"job-{spec.digest[:16]}", recipe.model_dump_json(), group))
    for _ in range(ready.ahead * together):
        room.acquire()
    return time.perf_counter() - began
