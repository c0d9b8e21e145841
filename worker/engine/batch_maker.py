"""Makes batches: samples their parameters, simulates images and descriptors, and writes the files to the store."""

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
from afmbatch.errors import AfmbatchError, CannotStart, NotFound
from afmbatch.sampling.noise import StepParameters
from afmbatch.sampling.parameters import SampleParameters
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import ENGINE, Recipe, Source
from afmbatch.settings import MAX_GROUPS, Settings
from afmbatch.spec.descriptors import channel_names, own_arrays
from afmbatch.spec.job import JobSpec
from afmbatch.storage.batch_file import FORMAT, Batch, memory_bytes, npz_chunks
from afmbatch.storage.object_store import ObjectStore, dataset_key
from afmbatch.structures.structures import Structures
from kernels.simulator import Pending, Prepared
from worker.engine.binding import BoundBatch, bind, bind_descriptor, bind_force_field, bind_noise
from worker.engine.bond_cache import BondCache
from worker.engine.grid_binding import GridBinding
from worker.engine.grid_fields import GridFields
from worker.engine.orientations import Orientations
from worker.messages import BatchMade, EngineReady, MakeBatches

_JOBS_KEPT = 4  # jobs whose structures and rotations stay in memory
# EngineReady.prefetch and EngineReady.group_samples by the kind of device. 120 samples fill a GPU. Groups of 480 halve
# the time of preparation per sample, and keep sixteen cores busy with hashing, which uses one core for each file.
_PREFETCH_AND_GROUP_SAMPLES = {"gpu": (MAX_GROUPS, 480), "cpu": (MAX_GROUPS - 1, 16), "other": (2, 1)}
_FLAGS = {  # by the names in afmbatch.ledger.records.Flags
    "not_converged": kernels.Quality.NOT_CONVERGED,
    "left": kernels.Quality.LEFT,
    "no_iso_surface": kernels.Quality.NO_ISO_SURFACE,
    "not_finite": kernels.Quality.NOT_FINITE,
}


@dataclass(frozen=True, slots=True, eq=False)
class _JobInputs:
    """The structures of a job, with their periodic images, and the data that depend on them alone."""

    structures: Structures
    rotations: Orientations
    bonds: BondCache
    grids: GridBinding | None


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Prepared batches that are made in one go. Their samples follow each other."""

    make: MakeBatches
    #: Index in the group of each batch's first sample, and the number of samples in the group.
    bounds: list[int]
    #: The arrays of the files except those that are simulated.
    parameters: Batch
    #: Names of the arrays of descriptors that are not in `desc`.
    own_arrays: tuple[str, ...]
    prepared: Prepared


class BatchMaker:
    """Makes batches on one device, in the steps of worker.engine.pipeline.BatchPipelineSteps."""

    def __init__(self, device: kernels.Device, store: ObjectStore, settings: Settings) -> None:
        self._info = device.info
        self._simulator = kernels.Simulator(device, settings.device_memory_bytes)
        self._grid_bytes = settings.device_grid_bytes
        self._grid_fields = GridFields(device, store, self._grid_bytes)
        self._store = store
        self._settings = settings
        self._inputs: OrderedDict[tuple[str, tuple[Source, ...]], _JobInputs] = OrderedDict()

    def describe(self) -> EngineReady:
        """Return a description of the device."""
        prefetch, group_samples = _PREFETCH_AND_GROUP_SAMPLES[self._info.kind]
        return EngineReady(
            device=self._info.name,
            device_kind=self._info.kind,
            compute_units=self._info.compute_units,
            memory_bytes=self._info.memory_bytes,
            prefetch=prefetch,
            group_samples=group_samples,
        )

    def prepare(self, make: MakeBatches) -> _Group:
        """Sample the parameters of these batches and translate them for the kernels.

        Raises NotFound if a dataset was deleted, and AfmbatchError for a group that does not fit into the worker's
        memory or that the kernels refuse.
        """
        try:
            return self._prepared(make)
        except kernels.InvalidInput as error:
            raise AfmbatchError(str(error)) from None

    def _prepared(self, make: MakeBatches) -> _Group:
        plan, inputs = self._open_job(make)
        bounds = [0, *accumulate(map(plan.size, make.batches))]
        spec, numbers = plan.spec, plan.numbers(*make.batches)
        parameters = plan.sample_parameters(numbers)
        atoms = int(np.diff(inputs.structures.offsets)[parameters.structure].sum())
        size = memory_bytes(spec, bounds[-1], atoms)
        if size > (limit := self._settings.group_bytes):
            raise AfmbatchError(f"batch_size: a batch needs {size} bytes of this worker's memory, it may use {limit}")
        bound = bind(spec, inputs.structures, inputs.rotations, inputs.bonds, parameters)
        grids = None if inputs.grids is None else inputs.grids.bind(parameters, limit)
        noise = plan.sample_noise(numbers)
        prepared = self._simulator.prepare(
            bound.atoms,
            bound.images,
            bind_force_field(spec, grids),
            [bind_descriptor(d) for d in spec.descriptors],
            per_image_atoms=bound.per_image_atoms,
            noise=bind_noise(spec, noise),
            frames=bound.frames,
        )
        batch = self._parameter_batch(plan.recipe, parameters, noise, bound)
        return _Group(make, bounds, batch, tuple(own_arrays(spec.descriptors)), prepared)

    def start(self, group: _Group) -> tuple[_Group, Pending]:
        """Start the device on a group. Raises AfmbatchError if its memory is too small, and kernels.KernelError."""
        try:
            return group, self._simulator.start(group.prepared)
        except kernels.DeviceLimit as error:
            raise AfmbatchError(str(error)) from None

    def wait(self, started: tuple[_Group, Pending]) -> list[Callable[[], BatchMade]]:
        """Wait for the device; return a function per batch that puts it into the store.

        The arrays of the batches are views of the result's memory, which is reused once all batches are written.
        """
        group, pending = started
        result = pending.wait()
        parameters = group.parameters
        shape = parameters.by_sample["distance"].shape
        simulated: dict[str, NDArray[Any]] = {
            "afm": result.df.reshape(*shape, *result.df.shape[1:]),
            "desc": result.descriptors,
            **dict(zip(group.own_arrays, result.separate, strict=True)),
            "quality": result.quality.astype(np.uint8).reshape(shape),
        }
        whole = replace(parameters, by_sample={**simulated, **parameters.by_sample})
        unwritten = _Countdown(len(group.make.batches), partial(self._simulator.recycle, result))
        return [
            partial(self._write, group.make.job_id, batch, whole.part(begin, end), unwritten)
            for batch, (begin, end) in zip(group.make.batches, pairwise(group.bounds), strict=True)
        ]

    def _write(self, job_id: str, number: int, batch: Batch, unwritten: "_Countdown") -> BatchMade:
        try:
            content = self._store.put_batch(job_id, number, npz_chunks(batch.arrays()))
            quality = batch.by_sample["quality"]
        finally:
            unwritten.count()
        return BatchMade(
            job_id=job_id,
            batch=number,
            samples=len(batch.mol_offsets) - 1,
            bytes=content.bytes,
            sha256=content.sha256,
            flagged=int(np.count_nonzero(quality)),
            flags={name: n for name, flag in _FLAGS.items() if (n := int(np.count_nonzero(quality & flag)))},
        )

    def _open_job(self, make: MakeBatches) -> tuple[Plan, _JobInputs]:
        recipe = Recipe.model_validate_json(make.recipe)
        key = recipe.spec.digest, recipe.sources
        if key not in self._inputs:
            self._inputs[key] = self._read_inputs(recipe)
            if len(self._inputs) > _JOBS_KEPT:
                self._inputs.popitem(last=False)
        self._inputs.move_to_end(key)
        return Plan(recipe), self._inputs[key]

    def _read_inputs(self, recipe: Recipe) -> _JobInputs:
        spec = recipe.spec
        structures = Structures.concatenated([self._read_dataset(source.dataset) for source in recipe.sources])
        imaged = structures
        if (periodic := spec.periodic) is not None:
            lattice = None if periodic.lattice is None else np.array(periodic.lattice)
            imaged = structures.repeated(periodic.npbc, lattice)
        grids = None
        if spec.force_field.needs_potential:
            self._simulator.reserve(self._grid_bytes)
            grids = GridBinding(spec, imaged, self._grid_fields.open_job(recipe))
        return _JobInputs(imaged, Orientations(spec, structures), BondCache(imaged), grids)

    def _read_dataset(self, dataset_id: str) -> Structures:
        """Read the structures of a dataset. Raises NotFound if its file is not in the store."""
        try:
            return Structures.from_bytes(self._store.get(dataset_key(dataset_id)))
        except FileNotFoundError:
            raise NotFound("dataset", dataset_id) from None

    def _parameter_batch(
        self, recipe: Recipe, parameters: SampleParameters, noise: list[StepParameters], bound: BoundBatch
    ) -> Batch:
        mols = np.column_stack([bound.atoms.xyz, bound.atoms.charge, bound.number])[bound.original]
        by_sample = _parameter_arrays(recipe.spec, parameters, bound) | _noise_arrays(recipe.spec, noise)
        places = {"structure": parameters.structure, "epoch": parameters.epoch, "sample": parameters.sample}
        by_atom = {"mols": mols.astype(np.float32)}
        if bound.lj is not None:
            by_atom["lj"] = bound.lj[bound.original].astype(np.float32)
        original = np.concatenate([[0], np.cumsum(bound.original)])
        return Batch(
            {name: _to_four_bytes(array) for name, array in by_sample.items()} | places,
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


def _parameter_arrays(spec: JobSpec, parameters: SampleParameters, bound: BoundBatch) -> dict[str, NDArray[Any]]:
    """Return the parameters of samples as arrays, by their names in the file.

    Parameters that most jobs leave the same for all samples are only in the files of the other jobs, because each array
    adds some microseconds to the time of a file.
    """
    used = {
        "scan_windows": bound.window,
        "heights": bound.heights,
        "rotation": bound.rotation,
        "distance": parameters.distance,
        "df_steps": parameters.df_steps,
        "tip_tilt": parameters.tilt,
        "r0": parameters.r0,
        "stiffness": parameters.stiffness,
    }
    randomised, swept = spec.randomise, spec.sweep
    if (
        randomised.tip
        or swept.tip
        or randomised.tip_charges
        or swept.tip_charges
        or randomised.lj_radius
        or randomised.lj_epsilon
    ):
        used |= {
            "tip": parameters.tip,
            "tip_element": parameters.element,
            "tip_charges": parameters.charges,
            "tip_charge_z": parameters.charge_z,
            "tip_lj": bound.tip_lj,
        }
    if randomised.pauli_strength or swept.pauli_strength:
        used["pauli_strength"] = parameters.pauli_strength
    if randomised.pauli_exponent or swept.pauli_exponent:
        used["pauli_exponent"] = parameters.pauli_exponent
    if randomised.sample_charges or swept.sample_charges:
        used["sample_charges"] = parameters.sample_charges
    if randomised.offset:
        used["offset"] = parameters.offset
    if spec.periodic:
        used["lattice"] = bound.lattice
    if spec.scan.crop:
        used["crop"] = parameters.crop
    if swept.axes:
        used["sweep"] = parameters.sweep
    return used


def _noise_arrays(spec: JobSpec, steps: list[StepParameters]) -> dict[str, NDArray[Any]]:
    """Return the recorded parameters of noise steps as arrays, by their names in the file."""
    return {
        name: np.asarray(parameters[parameter])
        for step, parameters in zip(spec.noise, steps, strict=True)
        for parameter, name in step.recorded.items()
    }


def _to_four_bytes(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array with four bytes per number, as files have them: float32 or int32."""
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int32)


class _Countdown:
    """Calls `at_zero` when `count` was called `times` times, from any threads."""

    def __init__(self, times: int, at_zero: Callable[[], None]) -> None:
        self._left = times
        self._at_zero = at_zero
        self._lock = Lock()

    def count(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._at_zero()


def open_batch_maker(settings: Settings) -> BatchMaker:
    """Return a batch maker on the device of the settings. Raises CannotStart."""
    try:
        device = kernels.open_device(settings.device)
    except kernels.DeviceNotFound as error:
        raise CannotStart(str(error)) from None
    return BatchMaker(device, ObjectStore(settings.store_url), settings)
