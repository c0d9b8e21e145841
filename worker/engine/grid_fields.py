"""The grids of structures and tips, read from the store and kept for later batches."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

import kernels
from afmbatch.errors import AfmbatchError, FieldError, InvalidInput
from afmbatch.grids.grid import Grid
from afmbatch.grids.stored import read_sample_grids, read_tip_grids
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.force_fields import FullDensity
from afmbatch.spec.job import JobSpec
from afmbatch.spec.tip_densities import MultipoleTip, UploadedTip
from afmbatch.spec.tips import Tip
from afmbatch.storage.object_store import ObjectStore
from worker.engine.tip_cores import core_electrons

KeyedGrid: TypeAlias = tuple[Hashable, kernels.SampleGrid]


class GridFields:
    """Reads structures' grids, keeps the last ones in memory, and all that fit on the device."""

    def __init__(self, device: kernels.Device, store: ObjectStore, memory_bytes: int) -> None:
        """memory_bytes: memory for structures on the device, and as much again for those on the host."""
        self._device, self._store, self._memory_bytes = device, store, memory_bytes
        self._resident = kernels.ResidentSamples(device, memory_bytes)
        self._working = kernels.Workspace(device)  # of all jobs: intermediate results of one launch at a time
        self._kept: OrderedDict[Hashable, kernels.SampleGrid] = OrderedDict()
        self._kept_bytes = 0

    def open_job(self, recipe: Recipe) -> "JobFields":
        """Read the tips of a job. Raises NotFound, InvalidInput."""
        spec = recipe.spec
        tips = [self._read_tip(spec, i, tip) for i, tip in enumerate(spec.tip_pool)]
        return JobFields(self, recipe, kernels.GridDevice(self._device, self.batch([]), tips, self._working))

    def batch(self, grids: list[KeyedGrid]) -> kernels.ResidentBatch:
        """Return the structures of a batch as samples that are loaded onto the device when they are needed."""
        return kernels.ResidentBatch(self._resident, grids)

    def read(self, dataset: str, structure: int, spec: JobSpec) -> KeyedGrid:
        """Return a key and the fields of a dataset's structure that a spec needs. Raises NotFound, InvalidInput."""
        with_density = spec.force_field.needs_density
        cutoff = density_cutoff(spec)
        key = dataset, structure, with_density, cutoff
        if key not in self._kept:
            grid = self._read(dataset, structure, with_density, cutoff)
            self._kept[key] = grid
            self._kept_bytes += grid.nbytes
            while self._kept_bytes > self._memory_bytes and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._kept_bytes -= dropped.nbytes
        self._kept.move_to_end(key)
        return key, self._kept[key]

    def _read(self, dataset: str, structure: int, with_density: bool, cutoff: float | None) -> kernels.SampleGrid:
        grids = read_sample_grids(self._store, dataset, structure)
        if grids.potential is None or (with_density and grids.density is None):
            missing = "potential" if grids.potential is None else "density"
            raise InvalidInput(_missing("dataset", dataset, f"structure {structure} has no {missing}"))
        potential = grids.potential
        density = _clipped(grids.density, cutoff) if with_density and grids.density is not None else None
        return kernels.SampleGrid(potential.lattice, potential.origin, potential.values, density)

    def _read_tip(self, spec: JobSpec, index: int, tip: Tip) -> kernels.Tip:
        """Return the densities of a tip. Raises NotFound, InvalidInput."""
        match tip.density:
            case UploadedTip(id=tip_id):
                return self._read_uploaded_tip(spec, index, tip, tip_id)
            case MultipoleTip(moments=moments, sigma=sigma):
                return kernels.MultipoleTip({str(name): moment for name, moment in moments.items()}, sigma)
            case _:
                return kernels.PointChargeTip(np.array(tip.charges), np.array(tip.charge_z))

    def _read_uploaded_tip(self, spec: JobSpec, index: int, tip: Tip, tip_id: str) -> kernels.Tip:
        grids = read_tip_grids(self._store, tip_id)
        if grids.probe_element != tip.element:
            reason = f"the probe atom of {tip_id} has the atomic number {grids.probe_element}"
            raise InvalidInput(
                FieldError(f"tips[{index}].element", str(tip.element), reason, f"{grids.probe_element}, or another tip")
            )
        charge, density = grids.charge, None
        if isinstance(spec.force_field, FullDensity):
            if grids.density is None:
                raise InvalidInput(_missing(f"tips[{index}].density.id", tip_id, "the tip has no electron density"))
            density = _clipped(grids.density, density_cutoff(spec))
            if charge is None:
                charge = core_electrons(grids.density, spec.force_field.core_radius) - grids.density.values
        if charge is None:
            reason = "the tip has neither a difference density nor a charge density"
            raise InvalidInput(_missing(f"tips[{index}].density.id", tip_id, reason))
        return kernels.GridTip(grids.any.lattice, charge, density, tuple(grids.any.origin.tolist()))


class JobFields:
    """The fields of one job's structures and tips."""

    def __init__(self, fields: GridFields, recipe: Recipe, held: kernels.GridDevice) -> None:
        self._fields, self._recipe, self._held = fields, recipe, held
        self._ends = list(accumulate(source.structures for source in recipe.sources))

    def batch(self, structures: NDArray[np.int64], limit_bytes: int) -> kernels.GridDevice:
        """Return the tips with these structures, (n,) i8, as samples, in this order.

        Raises NotFound, InvalidInput, and AfmbatchError if the structures need more than `limit_bytes` of memory.
        """
        grids = []
        for structure in structures.tolist():
            grids.append(self._read(structure))
            if (size := sum(grid.nbytes for _, grid in grids)) > limit_bytes:
                raise AfmbatchError(
                    f"batch_size: the grids of {len(grids)} of the batch's {len(structures)} structures need {size} "
                    f"bytes of this worker's memory, they may use {limit_bytes}"
                )
        return self._held.with_samples(self._fields.batch(grids))

    def _read(self, structure: int) -> KeyedGrid:
        source = bisect_right(self._ends, structure)
        begin = self._ends[source] - self._recipe.sources[source].structures
        return self._fields.read(self._recipe.sources[source].dataset, structure - begin, self._recipe.spec)


def density_cutoff(spec: JobSpec) -> float | None:
    """Return the largest electron density that a spec's force field uses, in e/Å³; None: there is no limit."""
    return spec.force_field.density_cutoff if isinstance(spec.force_field, FullDensity) else None


def _clipped(density: Grid, cutoff: float | None) -> NDArray[np.float32]:
    return density.values if cutoff is None else np.minimum(density.values, np.float32(cutoff))


def _missing(field: str, value: str, reason: str) -> FieldError:
    return FieldError(field, value, reason, "one that has it, or another force field")
