"""The simulate-plus-descriptor loop: from a batch's number to its file in the store."""

import json
from collections import OrderedDict

import numpy as np

import kernels
from service.contract.batch import ENGINE, FORMAT, Batch, digest, encode
from service.contract.descriptors import channel_names
from service.contract.errors import CannotStart
from service.contract.plan import Plan, Rotations
from service.contract.settings import Settings
from service.contract.spec import JobSpec
from service.contract.store import Store, batch_key, dataset_key
from service.contract.structures import Structures
from worker.bind import bind, bind_descriptor
from worker.messages import Made, Ready

_JOBS_KEPT = 4  # jobs whose structures and rotations stay in memory


class Maker:
    """Makes batches on one device."""

    def __init__(self, device: kernels.Device, store: Store) -> None:
        self._info = device.info
        self._simulator = kernels.Simulator(device)
        self._store = store
        self._jobs: OrderedDict[str, tuple[Structures, Rotations]] = OrderedDict()

    def describe(self) -> Ready:
        """The device, for the ledger."""
        return Ready(
            device=self._info.name,
            device_kind=self._info.kind,
            compute_units=self._info.compute_units,
            memory_bytes=self._info.memory_bytes,
        )

    def make(self, job_id: str, spec: JobSpec, batch: int) -> Made:
        """Simulate a batch and put its file in the store.

        Raises FileNotFoundError if the dataset is gone, kernels.KernelError if the device fails.
        """
        made = self.simulate(spec, self._job(job_id, spec), batch)
        data = encode(made.arrays())
        sha256 = digest(data)
        self._store.put(batch_key(job_id, batch, sha256), data)
        return Made(
            batch=batch,
            samples=len(made.sample),
            bytes=len(data),
            sha256=sha256,
            flagged=int(np.count_nonzero(made.quality)),
        )

    def _job(self, job_id: str, spec: JobSpec) -> tuple[Structures, Rotations]:
        if job_id not in self._jobs:
            structures = Structures.from_bytes(self._store.get(dataset_key(spec.dataset)))
            self._jobs[job_id] = structures, Rotations(spec, structures)
            if len(self._jobs) > _JOBS_KEPT:
                self._jobs.popitem(last=False)
        self._jobs.move_to_end(job_id)
        return self._jobs[job_id]

    def simulate(self, spec: JobSpec, job: tuple[Structures, Rotations], batch: int) -> Batch:
        """The arrays of a batch; a pure function of spec, dataset and batch number."""
        structures, rotations = job
        plan = Plan(spec, len(structures))
        draws = plan.draw(plan.numbers(batch))
        bound = bind(spec, structures, rotations, draws)
        result = self._simulator.run(
            bound.atoms, bound.images, spec.scan.df_steps, [bind_descriptor(d) for d in spec.descriptors]
        )
        samples, tips = draws.distance.shape
        return Batch(
            afm=result.df.reshape(samples, tips, *result.df.shape[1:]),
            desc=result.descriptors,
            desc_names=np.array(channel_names(spec.descriptors), dtype=np.str_),
            mols=np.column_stack([bound.atoms.xyz, bound.atoms.charge, bound.number]).astype(np.float32),
            mol_offsets=bound.atoms.offsets,
            scan_windows=bound.window.astype(np.float32),
            rotation=bound.rotation.astype(np.float32),
            distance=draws.distance.astype(np.float32),
            tip_tilt=draws.tilt.astype(np.float32),
            r0=bound.images.r0.reshape(samples, tips).astype(np.float32),
            stiffness=bound.images.stiffness.reshape(samples, tips, 4).astype(np.float32),
            df_steps=np.full((samples, tips), spec.scan.df_steps, dtype=np.int32),
            structure=draws.structure,
            sample=draws.sample,
            quality=result.quality.astype(np.uint8).reshape(samples, tips),
            meta=np.array(json.dumps(self._meta(spec), sort_keys=True)),
        )

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


def open_maker(settings: Settings) -> Maker:
    """A maker on the device of the settings. Raises CannotStart."""
    try:
        device = kernels.open_device(settings.device)
    except kernels.DeviceNotFound as error:
        raise CannotStart(str(error)) from None
    return Maker(device, Store(settings.store_url))
