"""The grids of a structure must fit into the memory of a device, and tips must have what a force field needs."""

from collections.abc import Sequence

import numpy as np

from afmbatch.errors import FieldError
from afmbatch.ledger.records import DatasetRecord, TipRecord
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec

_PADDING = (5, 5, 8)  # spline coefficients beyond the points of each axis, as in kernels.force_fields.grid.splines


def device_grid_bytes(spec: JobSpec, dataset: DatasetRecord) -> int:
    """Return the memory that the largest grids of a structure take on a device, in bytes; 0 if the spec needs none."""
    fields = spec.force_field.needs_potential + spec.force_field.needs_density
    if dataset.largest_grid is None:
        return 0
    return 4 * fields * int(np.prod(np.add(dataset.largest_grid, _PADDING), dtype=np.int64))


def check_device_grids(spec: JobSpec, dataset: DatasetRecord, settings: Settings) -> list[FieldError]:
    """Return an error if the grids of a structure do not fit into the memory of a device."""
    size, limit = device_grid_bytes(spec, dataset), settings.device_memory_bytes
    if size <= limit:
        return []
    points = "×".join(map(str, dataset.largest_grid or ()))
    reason = f"the grids of a structure ({points} points) take {size} bytes on a device, but this server allows {limit}"
    return [FieldError("dataset", dataset.id, reason, "structures with smaller cells or coarser grids")]


def check_tips(spec: JobSpec, tips: Sequence[TipRecord]) -> list[FieldError]:
    """Return an error for each uploaded tip that lacks a density which the force field needs."""
    kind = spec.force_field.kind
    errors = []
    for tip in tips:
        if spec.force_field.needs_density and not tip.density:
            reason = f"tip {tip.id} has no electron density, which force field '{kind}' needs"
            errors.append(FieldError("tips", tip.id, reason, "a tip that was uploaded with form field electrons"))
        elif not spec.force_field.needs_density and not tip.delta_density:
            reason = f"tip {tip.id} has neither a difference of electron densities nor a charge density"
            accepted = "a tip that was uploaded with form field delta_electrons or charge"
            errors.append(FieldError("tips", tip.id, reason, accepted))
    return errors
