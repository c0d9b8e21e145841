"""The simulate-plus-descriptor loop: from a batch's number to its file in the store."""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernels
from kernels.simulator import Pending, Prepared
from service.contract.batch import ENGINE, FORMAT, Batch, file_bytes, pieces
from service.contract.descriptors import channel_names
from service.contract.errors import AfmbatchError, CannotStart
from service.contract.plan import Draws, Plan, Rotations
from service.contract.settings import GROUPS, Settings
from service.contract.spec import JobSpec
from service.contract.store import Store, dataset_key
from service.contract.structures import Structures
from worker.bind import Bound, bind, bind_descriptor
from worker.bonding import Bonding
from worker.messages import Made, Make, Ready

_JOBS_KEPT = 4  # jobs whose structures and rotations stay in memory
_ATOM_BYTES = 300  # about what an atom under a tip takes until it is on the device, all arrays together
# Ready.ahead and Ready.samples. A GPU is full with 120 samples; preparing 480 at once costs half as much a sample, and
# while they are hashed, each file by one core, sixteen cores are busy.
_AT_BEST = {"gpu": (GROUPS, 480), "cpu": (GROUPS - 1, 16), "other": (2, 1)}


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    spec: JobSpec
    plan: Plan
    structures: Structures
    rotations: Rotations
    bonding: Bonding


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Batches to be made together: their samples one after the other, bounds where each begins and the last ends."""

    make: Make
    bounds: list[int]
    known: dict[str, NDArray[Any]]  # the arrays of `Batch` that are not simulated
    prepared: Prepared


class Maker:
    """Makes batches on one device, in the steps of worker.pipeline."""

    def __init__(self, device: kernels.Device, store: Store, settings: Settings) -> None:
        self._info = device.info
        self._simulator = kernels.Simulator(device, settings.device_memory_bytes)
        self._store = store
        self._settings = settings
        self._jobs: OrderedDict[str, _Job] = OrderedDict()

    def describe(self) -> Ready:
        """The device, for the ledger."""
        ahead, samples = _AT_BEST[self._info.kind]
        return Ready(
            device=self._info.name,
            device_kind=self._info.kind,
            compute_units=self._info.compute_units,
            memory_bytes=self._info.memory_bytes,
            ahead=ahead,
            samples=samples,
        )

    def prepare(self, make: Make) -> _Group:
        """All that is drawn for these batches, in the kernels' terms.

        Raises FileNotFoundError if the dataset is gone, AfmbatchError for a batch that does not fit the host.
        """
        job = self._job(make)
        bounds = [0, *accumulate(map(job.plan.size, make.batches))]
        draws = job.plan.draw(job.plan.numbers(*make.batches))
        atoms = int(np.diff(job.structures.offsets)[draws.structure].sum())
        size = file_bytes(job.spec, bounds[-1]) + atoms * len(job.spec.tips) * _ATOM_BYTES
        if size > (most := self._settings.group_bytes):
            raise AfmbatchError(f"batch_size: a batch needs {size} bytes of this worker's memory, it may use {most}")
        bound = bind(job.spec, job.structures, job.rotations, job.bonding, draws)
        prepared = self._simulator.prepare(
            bound.atoms, bound.images, [bind_descriptor(d) for d in job.spec.descriptors]
        )
        return _Group(make, bounds, self._known(job.spec, draws, bound), prepared)

    def start(self, group: _Group) -> tuple[_Group, Pending]:
        """Have the device begin. Raises AfmbatchError for what does not fit the device, kernels.KernelError."""
        try:
            return group, self._simulator.start(group.prepared)
        except kernels.DeviceLimit as error:
            raise AfmbatchError(str(error)) from None

    def wait(self, started: tuple[_Group, Pending]) -> list[Callable[[], Made]]:
        """Wait for the device; how to put each batch into the store. Their arrays look into the device's results."""
        group, pending = started
        result = pending.wait()
        samples, tips = group.known["distance"].shape
        whole = Batch(
            afm=result.df.reshape(samples, tips, *result.df.shape[1:]),
            desc=result.descriptors,
            quality=result.quality.astype(np.uint8).reshape(samples, tips),
            **group.known,
        )
        done = _Countdown(len(group.make.batches), partial(self._simulator.recycle, result))
        return [
            partial(self._write, group.make.job_id, batch, whole.part(begin, end), done)
            for batch, (begin, end) in zip(group.make.batches, pairwise(group.bounds), strict=True)
        ]

    def _write(self, job_id: str, number: int, batch: Batch, done: "_Countdown") -> Made:
        try:
            content = self._store.put_batch(job_id, number, pieces(batch.arrays()))
        finally:
            done.one()
        return Made(
            job_id=job_id,
            batch=number,
            samples=len(batch.sample),
            bytes=content.bytes,
            sha256=content.sha256,
            flagged=int(np.count_nonzero(batch.quality)),
        )

    def _job(self, make: Make) -> _Job:
        if make.job_id not in self._jobs:
            spec = JobSpec.model_validate_json(make.spec)
            structures = Structures.from_bytes(self._store.get(dataset_key(spec.dataset)))
            self._jobs[make.job_id] = _Job(
                spec, Plan(spec, len(structures)), structures, Rotations(spec, structures), Bonding(structures)
            )
            if len(self._jobs) > _JOBS_KEPT:
                self._jobs.popitem(last=False)
        self._jobs.move_to_end(make.job_id)
        return self._jobs[make.job_id]

    def _known(self, spec: JobSpec, draws: Draws, bound: Bound) -> dict[str, NDArray[Any]]:
        samples, tips = draws.distance.shape
        return {
            "desc_names": np.array(channel_names(spec.descriptors), dtype=np.str_),
            "mols": np.column_stack([bound.atoms.xyz, bound.atoms.charge, bound.number]).astype(np.float32),
            "mol_offsets": bound.atoms.offsets,
            "scan_windows": bound.window.astype(np.float32),
            "rotation": bound.rotation.astype(np.float32),
            "distance": draws.distance.astype(np.float32),
            "tip_tilt": draws.tilt.astype(np.float32),
            "r0": bound.images.r0.reshape(samples, tips).astype(np.float32),
            "stiffness": bound.images.stiffness.reshape(samples, tips, 4).astype(np.float32),
            "df_steps": np.full((samples, tips), spec.scan.df_steps, dtype=np.int32),
            "structure": draws.structure,
            "sample": draws.sample,
            "meta": np.array(json.dumps(self._meta(spec), sort_keys=True)),
        }

    def _meta(self, spec: JobSpec) -> dict[str, str | int]:
        return {
            "format": FORMAT,
            "engine": ENGINE,
            "spec_sha256": spec.digest,
            "dataset": spec.dataset,
            "seed": spec.seed,
            "device": self._info.name,
            "device_kind": self._info.kind,
            "driver": self._info.driver,
        }


class _Countdown:
    """Calls `end` when `one` was called so many times, from whatever threads."""

    def __init__(self, times: int, end: Callable[[], None]) -> None:
        self._left = times
        self._end = end
        self._lock = Lock()

    def one(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._end()


def open_maker(settings: Settings) -> Maker:
    """A maker on the device of the settings. Raises CannotStart."""
    try:
        device = kernels.open_device(settings.device)
    except kernels.DeviceNotFound as error:
        raise CannotStart(str(error)) from None
    return Maker(device, Store(settings.store_url), settings)
