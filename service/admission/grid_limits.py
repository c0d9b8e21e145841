"""The grids of a structure must fit into the memory of a device, and uploaded tips must fit the spec."""

from afmbatch.errors import FieldError
from afmbatch.ledger.records import DatasetRecord, TipRecord
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.structures.elements import elements


def device_grid_bytes(spec: JobSpec, dataset: DatasetRecord) -> int:
    """Return the memory that the largest grids of a structure take on a device, in bytes; 0 if the spec needs none."""
    fields = spec.force_field.needs_potential + spec.force_field.needs_density
    return 4 * fields * dataset.spline_coefficients


def check_device_grids(spec: JobSpec, dataset: DatasetRecord, settings: Settings) -> list[FieldError]:
    """Return an error if the grids of a structure do not fit into the memory of a device."""
    size, limit = device_grid_bytes(spec, dataset), settings.device_grid_bytes
    if size <= limit:
        return []
    points = "×".join(map(str, dataset.largest_grid or ()))
    reason = f"the grids of a structure ({points} points) take {size} bytes on a device, but this server allows {limit}"
    return [FieldError("dataset", dataset.id, reason, "structures with smaller cells or coarser grids")]


def check_tip(spec: JobSpec, index: int, tip: TipRecord) -> FieldError | None:
    """Return an error if the uploaded tip that a tip of the spec's tip pool names does not fit it."""
    field, force_field = f"{spec.tip_pool_field}[{index}]", spec.force_field
    probe = elements().number(tip.probe_element)
    element = spec.tip_pool[index].element
    if element != probe:
        reason = f"the probe atom of tip {tip.id} is {tip.probe_element}"
        return FieldError(f"{field}.element", str(element), reason, f"{probe}, or a tip with another probe atom")
    if force_field.needs_density and not tip.density:
        reason = f"tip {tip.id} has no electron density, which the force field {force_field.kind} needs"
        return FieldError(f"{field}.density.id", tip.id, reason, "a tip uploaded with form field electrons")
    if not force_field.needs_density and not tip.delta_density:
        reason = f"tip {tip.id} has neither a difference of electron densities nor a charge density"
        return FieldError(f"{field}.density.id", tip.id, reason, "a tip uploaded with field delta_electrons or charge")
    return None
