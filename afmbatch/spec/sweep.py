"""Sweeps: axes whose values are crossed, each sample being made with every combination."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from afmbatch.spec.distributions import MAX_VALUES
from afmbatch.spec.model import Finite, Model
from afmbatch.spec.scan import DfSteps, Distance
from afmbatch.spec.tips import Pair, Tip

Stiffness: TypeAlias = Annotated[float, Field(ge=1e-3, le=1e4)]


class Sweep(Model):
    """Values that take the place of the given ones; an empty axis is none. The last axis turns fastest.

    All combinations of a sample share its molecule and what is drawn for it, which comes on top. What is drawn for a
    batch they share within a batch.
    """

    tip: Annotated[tuple[Tip, ...], Field(max_length=64)] = Field(default=(), description="In place of each tip.")
    distance: Annotated[tuple[Distance, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Tip-sample distance, Å."
    )
    tilt: Annotated[tuple[Pair, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Tilt of every tip, Å."
    )
    r0: Annotated[tuple[Annotated[float, Field(gt=0, le=100)], ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Bond length of every tip, Å."
    )
    lateral_stiffness: Annotated[tuple[Stiffness, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="k_x and k_y of every tip, N/m."
    )
    radial_stiffness: Annotated[tuple[Stiffness, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="k_r of every tip, N/m."
    )
    df_steps: Annotated[tuple[DfSteps, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Oscillation amplitude in vertical steps; the number of slices stays."
    )
    tip_charges: Annotated[tuple[Finite, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Factor of all charges of the probe particle."
    )
    sample_charges: Annotated[tuple[Finite, ...], Field(max_length=MAX_VALUES)] = Field(
        default=(), description="Factor of all charges of the sample."
    )

    @property
    def axes(self) -> dict[str, Sequence[Any]]:
        """The axes that have values, in their order."""
        return {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name)}

    @property
    def n(self) -> int:
        """How many combinations there are."""
        return math.prod(map(len, self.axes.values()))
