"""Structures that are on a device together, with no others."""

from collections.abc import Sequence

from kernels.device.device import Device
from kernels.force_fields.grid.resident import ResidentBatch, ResidentSamples
from kernels.force_fields.grid.samples import SampleGrid


def resident(device: Device, grids: Sequence[SampleGrid]) -> ResidentBatch:
    """Return a batch of these structures, with just the memory that all of them take."""
    memory = ResidentSamples(device, 4 * sum(grid.coefficients for grid in grids))
    return ResidentBatch(memory, list(enumerate(grids)))
