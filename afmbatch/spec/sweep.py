"""Defines sweeps: lists of values. Each sample is simulated with all combinations of them."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from afmbatch.spec.distributions import MAX_VALUES
from afmbatch.spec.force_fields import PauliExponent, PauliStrength
from afmbatch.spec.model import Finite, Model
from afmbatch.spec.scan import DfSteps, Distance
from afmbatch.spec.tips import Pair, Tip

Stiffness: TypeAlias = Annotated[float, Field(ge=1e-3, le=1e4)]


class Sweep(Model):
    """Values that replace the given ones. Each list that is not empty is an axis; the last axis varies fastest.

    All combinations of a sample share its molecule and its randomised quantities, which are applied to the swept
    values. Quantities that are randomised once for a batch are the same for all combinations within that batch.
    """

    tip: Annotated[tuple[Tip, ...], Field(max_length=64)] = Field(
        default=(), description="Tips; each in turn replaces all tips of the job."
    )
    distance: Annotated[tuple[Distance, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Tip-sample distances, in Å."
    )
    tilt: Annotated[tuple[Pair, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Tilts (t_x, t_y) of every tip, in Å."
    )
    r0: Annotated[tuple[Annotated[float, Field(gt=0, le=100)], ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Bond lengths r0 of every tip, in Å."
    )
    lateral_stiffness: Annotated[tuple[Stiffness, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Spring constants k_x = k_y of every tip, in N/m."
    )
    radial_stiffness: Annotated[tuple[Stiffness, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Spring constants k_r of every tip, in N/m."
    )
    df_steps: Annotated[tuple[DfSteps, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(),
        description="Oscillation amplitudes in vertical steps. The scan is extended away from its anchor or "
        "shortened so that the number of slices stays.",
    )
    tip_charges: Annotated[tuple[Finite, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Factors by which all charges of the probe particle are multiplied."
    )
    sample_charges: Annotated[tuple[Finite, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Factors by which all charges of the sample are multiplied."
    )
    pauli_strength: Annotated[tuple[PauliStrength, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Factors A of the Pauli repulsion, in eV·Å^(6B−3)/e^(2B)."
    )
    pauli_exponent: Annotated[tuple[PauliExponent, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Exponents B of the densities in the Pauli repulsion."
    )

    @property
    def axes(self) -> dict[str, Sequence[Any]]:
        """The axes that have values, in the order of the fields."""
        return {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name)}

    @property
    def n(self) -> int:
        """The number of combinations."""
        return math.prod(map(len, self.axes.values()))
