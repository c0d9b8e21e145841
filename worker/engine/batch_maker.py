"""The simulate-plus-descriptor loop: from a batch's number to its file in the store."""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernels
from afmbatch.errors import AfmbatchError, CannotStart
from afmbatch.sampling.noise import StepParameters
from afmbatch.sampling.parameters import SampleParameters
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import ENGINE, Recipe, Source
from afmbatch.settings import GROUPS, Settings
from afmbatch.spec.descriptors import channel_names, own_arrays
from afmbatch.spec.job import JobSpec
from afmbatch.storage.batch_file import FORMAT, Batch, memory_bytes, npz_chunks
from afmbatch.storage.object_store import ObjectStore, dataset_key
from afmbatch.structures.structures import Structures
from kernels.simulator import Pending, Prepared
from worker.engine.binding import Bound, bind, bind_descriptor, bind_noise
from worker.engine.bond_cache import Bonding
from worker.engine.orientations import Orientations
from worker.messages import Made, Make, Ready

_JOBS_KEPT = 4  # jobs whose structures and rotations stay in memory
# Ready.ahead and Ready.samples. A GPU is full with 120 samples; preparing 480 at once costs half as much a sample, and
# while they are hashed, each file by one core, sixteen cores are busy.
_AT_BEST = {"gpu": (GROUPS, 480), "cpu": (GROUPS - 1, 16), "other": (2, 1)}
_FLAGS = {  # by the names of contract.status.Flags
    "not_converged": kernels.Quality.NOT_CONVERGED,
    "left": kernels.Quality.LEFT,
    "no_iso_surface": kernels.Quality.NO_ISO_SURFACE,
    "not_finite": kernels.Quality.NOT_FINITE,
}


@dataclass(frozen=True, slots=True, eq=False)
class _Samples:
    """What the samples of a job are made of; with periodic images, where there are any."""

    structures: Structures
    rotations: Orientations
    bonding: Bonding


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Batches to be made pipe: their samples one after the other, bounds where each begins and the last ends."""

    make: Make
    bounds: list[int]
    known: Batch  # without what is simulated
    own: tuple[str, ...]  # names of the descriptors' arrays besides `desc`
    prepared: Prepared


class Maker:
    """Makes batches on one device, in the steps of worker.engine.pipeline."""

    def __init__(self, device: kernels.Device, store: ObjectStore, settings: Settings) -> None:
        self._info = device.info
        self._simulator = kernels.Simulator(device, settings.device_memory_bytes)
        self._store = store
        self._settings = settings
        self._samples: OrderedDict[tuple[str, tuple[Source, ...]], _Samples] = OrderedDict()

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

        Raises FileNotFoundError if the dataset is gone, AfmbatchError for a batch that does not fit the host or that
        the kernels refuse, now and always.
        """
        try:
            return self._prepared(make)
        except kernels.InvalidInput as error:
            raise AfmbatchError(str(error)) from None

    def _prepared(self, make: Make) -> _Group:
        plan, samples = self._job(make)
        bounds = [0, *accumulate(map(plan.size, make.batches))]
        spec, numbers = plan.spec, plan.numbers(*make.batches)
        draws = plan.sample_parameters(numbers)
        atoms = int(np.diff(samples.structures.offsets)[draws.structure].sum())
        size = memory_bytes(spec, bounds[-1], atoms)
        if size > (most := self._settings.group_bytes):
            raise AfmbatchError(f"batch_size: a batch needs {size} bytes of this worker's memory, it may use {most}")
        bound = bind(spec, samples.structures, samples.rotations, samples.bonding, draws)
        noise = plan.sample_noise(numbers)
        prepared = self._simulator.prepare(
            bound.atoms,
            bound.images,
            [bind_descriptor(d) for d in spec.descriptors],
            pairs=bound.pairs,
            noise=bind_noise(spec, noise) if noise else None,
        )
        known = self._known(plan.recipe, draws, noise, bound)
        return _Group(make, bounds, known, tuple(own_arrays(spec.descriptors)), prepared)

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
        known = group.known
        shape = known.by_sample["distance"].shape
        simulated: dict[str, NDArray[Any]] = {
            "afm": result.df.reshape(*shape, *result.df.shape[1:]),
            "desc": result.descriptors,
            **dict(zip(group.own, result.own, strict=True)),
            "quality": result.quality.astype(np.uint8).reshape(shape),
        }
        whole = replace(known, by_sample={**simulated, **known.by_sample})
        done = _Countdown(len(group.make.batches), partial(self._simulator.recycle, result))
        return [
            partial(self._write, group.make.job_id, batch, whole.part(begin, end), done)
            for batch, (begin, end) in zip(group.make.batches, pairwise(group.bounds), strict=True)
        ]

    def _write(self, job_id: str, number: int, batch: Batch, done: "_Countdown") -> Made:
        try:
            content = self._store.put_batch(job_id, number, npz_chunks(batch.arrays()))
            quality = batch.by_sample["quality"]
        finally:
            done.one()
        return Made(
            job_id=job_id,
            batch=number,
            samples=len(batch.mol_offsets) - 1,
            bytes=content.bytes,
            sha256=content.sha256,
            flagged=int(np.count_nonzero(quality)),
            flags={name: n for name, flag in _FLAGS.items() if (n := int(np.count_nonzero(quality & flag)))},
        )

    def _job(self, make: Make) -> tuple[Plan, _Samples]:
        recipe = Recipe.model_validate_json(make.recipe)
        key = recipe.spec.digest, recipe.sources
        if key not in self._samples:
            self._samples[key] = self._open(recipe)
            if len(self._samples) > _JOBS_KEPT:
                self._samples.popitem(last=False)
        self._samples.move_to_end(key)
        return Plan(recipe), self._samples[key]

    def _open(self, recipe: Recipe) -> _Samples:
        spec = recipe.spec
        structures = Structures.concatenated(
            [Structures.from_bytes(self._store.get(dataset_key(source.dataset))) for source in recipe.sources]
        )
        imaged = structures
        if (periodic := spec.periodic) is not None:
            lattice = None if periodic.lattice is None else np.array(periodic.lattice)
            imaged = structures.repeated(periodic.npbc, lattice)
        return _Samples(imaged, Orientations(spec, structures), Bonding(imaged))

    def _known(self, recipe: Recipe, draws: SampleParameters, noise: list[StepParameters], bound: Bound) -> Batch:
        mols = np.column_stack([bound.atoms.xyz, bound.atoms.charge, bound.number])[bound.original]
        by_sample = _as_used(recipe.spec, draws, bound) | _noise(recipe.spec, noise)
        places = {"structure": draws.structure, "epoch": draws.epoch, "sample": draws.sample}
        by_atom = {"mols": mols.astype(np.float32)}
        if bound.lj is not None:
            by_atom["lj"] = bound.lj[bound.original].astype(np.float32)
        original = np.concatenate([[0], np.cumsum(bound.original)])
        return Batch(
            {name: _small(array) for name, array in by_sample.items()} | places,
            by_atom,
            original[bound.atoms.offsets],
            {
                "desc_names": np.array(channel_names(recipe.spec.descriptors), dtype=np.str_),
                "meta": np.array(json.dumps(self._meta(recipe), sort_keys=True)),
            },
        )

    def _meta(self, recipe: Recipe) -> dict[str, str | int]:
        return {
            "format": FORMAT,
            "engine": ENGINE,
            "recipe": recipe.recipe_id,
            "spec_sha256": recipe.spec.digest,
            "dataset": recipe.spec.dataset,
            "seed": recipe.spec.seed,
            "device": self._info.name,
            "device_kind": self._info.kind,
            "driver": self._info.driver,
        }


def _as_used(spec: JobSpec, draws: SampleParameters, bound: Bound) -> dict[str, NDArray[Any]]:
    """What was given, swept or drawn, by its name in the file.

    What only some specs can make differ from sample to sample is there for these: each array costs a file of few
    samples some microseconds.
    """
    used = {
        "scan_windows": bound.window,
        "rotation": bound.rotation,
        "distance": draws.distance,
        "df_steps": draws.df_steps,
        "tip_tilt": draws.tilt,
        "r0": draws.r0,
        "stiffness": draws.stiffness,
    }
    drawn, swept = spec.randomise, spec.sweep
    if drawn.tip or swept.tip or drawn.tip_charges or swept.tip_charges or drawn.lj_radius or drawn.lj_epsilon:
        used |= {
            "tip": draws.tip,
            "tip_element": draws.element,
            "tip_charges": draws.charges,
            "tip_charge_z": draws.charge_z,
            "tip_lj": bound.tip_lj,
        }
    if drawn.sample_charges or swept.sample_charges:
        used["sample_charges"] = draws.sample_charges
    if drawn.offset:
        used["offset"] = draws.offset
    if spec.periodic:
        used["lattice"] = bound.lattice
    if spec.scan.crop:
        used["crop"] = draws.crop
    if swept.axes:
        used["sweep"] = draws.sweep
    return used


def _noise(spec: JobSpec, steps: list[StepParameters]) -> dict[str, NDArray[Any]]:
    """Return the parameters of noise steps that are recorded, by their names in the file."""
    return {
        name: np.asarray(parameters[parameter])
        for step, parameters in zip(spec.noise, steps, strict=True)
        for parameter, name in step.recorded.items()
    }


def _small(array: NDArray[Any]) -> NDArray[Any]:
    """As it stands in a file: four bytes a number."""
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int32)


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
    return Maker(device, ObjectStore(settings.store_url), settings)
