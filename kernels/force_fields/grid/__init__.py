"""Force fields from grids: energies of a probe particle from a sample's density and potential and those of a tip."""

from kernels.force_fields.grid import kinds

__all__ = ["kinds"]
