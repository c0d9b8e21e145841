"""Translates a spec into the arguments of force fields from grids (physics.md §8)."""

from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import kernels
from afmbatch.errors import FieldError, InvalidInput
from afmbatch.sampling.parameters import SampleParameters
from afmbatch.spec.force_fields import FullDensity
from afmbatch.spec.job import JobSpec
from afmbatch.spec.van_der_waals import DampedLennardJones, DispersionD3
from afmbatch.structures.dispersion import LAST_ELEMENT, tables
from afmbatch.structures.structures import Structures

Floats = NDArray[np.float64]


class BatchFields(Protocol):
    """Gives the grids of a batch, as worker.engine.grid_fields.JobFields does."""

    def batch(self, structures: NDArray[np.int64], limit_bytes: int) -> kernels.GridDevice:
        """Return the tips with these structures, (n,) i8, as samples, in this order."""


class GridBinding:
    """Makes the arguments of a job's force field, batch by batch."""

    def __init__(self, spec: JobSpec, structures: Structures, fields: BatchFields) -> None:
        """structures: those of the job with their periodic images."""
        self._spec, self._structures, self._fields = spec, structures, fields
        self._probes = sorted({tip.element for tip in spec.tip_pool})
        self._dispersion: dict[int, Floats] = {}  # coefficients of a structure, (N, P, 4)

    def bind(self, parameters: SampleParameters, limit_bytes: int) -> dict[str, Any]:
        """Return the arguments of the force field for these samples.

        limit_bytes: memory that the grids of the batch may take. Raises NotFound, InvalidInput, AfmbatchError.
        """
        structures, index = np.unique(parameters.structure, return_inverse=True)
        with_surface = any(descriptor.kind == "height_map" for descriptor in self._spec.descriptors)
        arguments = {
            "held": self._fields.batch(structures, limit_bytes),
            "structure": index,
            "tip": parameters.tip.reshape(-1),
            "with_surface": with_surface,
        }
        if isinstance(self._spec.force_field, FullDensity):
            arguments |= {
                "strength": parameters.pauli_strength.reshape(-1),
                "exponent": parameters.pauli_exponent.reshape(-1),
                "van_der_waals": self._van_der_waals(self._spec.force_field, parameters),
            }
        return arguments

    def _van_der_waals(self, force_field: FullDensity, parameters: SampleParameters) -> kernels.PairTerms:
        match force_field.van_der_waals:
            case DispersionD3(functional=functional):
                coefficients = [self._coefficients(s, functional) for s in parameters.structure.tolist()]
                probe = np.searchsorted(self._probes, parameters.element.reshape(-1))
                return kernels.Dispersion(np.concatenate(coefficients), probe)
            case DampedLennardJones(damping=damping):
                return kernels.LennardJones(damping)
            case other:
                raise InvalidInput(FieldError("force_field.van_der_waals.kind", other.kind, "no kernel", "d3 or lj"))

    def _coefficients(self, structure: int, functional: str) -> Floats:
        """Return the D3 coefficients of a structure's atoms with each probe element, f8 (N, P, 4).

        Periodic images have those of their originals, whose neighbours are all there.
        """
        if structure not in self._dispersion:
            atoms, first = self._structures.atoms(structure), int(self._structures.originals[structure])
            number, xyz = self._structures.z[atoms], self._structures.xyz[atoms]
            _check_elements([*number.tolist(), *self._probes])
            by_probe = [
                kernels.dispersion_coefficients(number, xyz, probe, functional, _tables(), first)
                for probe in self._probes
            ]
            self._dispersion[structure] = np.tile(np.stack(by_probe, axis=1), (len(number) // first, 1, 1))
        return self._dispersion[structure]


def _check_elements(numbers: list[int]) -> None:
    if (heaviest := max(numbers)) > LAST_ELEMENT:
        reason = f"the D3 tables end with atomic number {LAST_ELEMENT}, there is {heaviest}"
        raise InvalidInput(FieldError("force_field.van_der_waals.kind", "d3", reason, "lj"))


@cache
def _tables() -> kernels.D3Tables:
    return kernels.D3Tables.from_arrays(tables())
