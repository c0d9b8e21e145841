"""Defines the tip: a probe particle on its spring (physics.md §2 and §3)."""

import math
from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.model import Finite, Model, refusal
from afmbatch.spec.tip_densities import AnyTipDensity
from afmbatch.structures.elements import elements

CHARGES = 4  # the largest number of point charges on a probe particle
Charge: TypeAlias = Annotated[float, Field(ge=-1000, le=1000)]
Spring: TypeAlias = Annotated[float, Field(ge=0, le=10_000)]
Pair: TypeAlias = tuple[Finite, Finite]
AtomicNumber: TypeAlias = Annotated[int, Field(ge=1, le=elements().last)]


class Tip(Model):
    """A probe particle on its spring (physics.md §2 and §3). The default is CO."""

    element: AtomicNumber = Field(
        default=8, description="Atomic number of the probe particle, for its Lennard-Jones parameters."
    )
    charges: Annotated[tuple[Charge, ...], Field(max_length=CHARGES)] = Field(
        default=(-10.0, 20.0, -10.0, 0.0), description="Up to four point charges on the probe particle, in e."
    )
    charge_z: Annotated[tuple[Finite, ...], Field(max_length=CHARGES)] = Field(
        default=(0.1, 0.0, -0.1, 0.0),
        description="Heights of these charges above the centre of the probe particle, in Å; one for each charge.",
    )
    density: AnyTipDensity | None = Field(
        default=None,
        description="Density of the tip, for the force fields 'lj_hartree' and 'fdbm'; null: the point charges act on "
        "the sample.",
    )
    tilt: Pair = Field(
        default=(0.0, 0.0),
        description="Lateral offset (t_x, t_y) of the probe particle's equilibrium position from the tip, in Å; "
        "shorter than r0.",
    )
    r0: float = Field(default=3.0, gt=0, le=100, description="Length of the bond between tip and probe particle, in Å.")
    stiffness: tuple[Spring, Spring, Spring, Spring] = Field(
        default=(0.25, 0.25, 0.0, 30.0), description="Spring constants (k_x, k_y, k_z, k_r), in N/m."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.charge_z) != len(self.charges):
            reason = "there must be one height for each charge"
            raise refusal("charge_z", self.charge_z, reason, f"a list of {len(self.charges)}")
        if not math.hypot(*self.tilt) < self.r0:
            reason = "the tilt is as long as the bond or longer"
            raise refusal("tilt", self.tilt, reason, f"a length below r0 = {self.r0:g} Å")
        k_x, k_y, k_z, k_r = self.stiffness
        if not (k_x > 0 and k_y > 0 and k_z + k_r > 0):
            reason = "nothing holds the probe particle"
            raise refusal("stiffness", self.stiffness, reason, "k_x > 0, k_y > 0 and k_z + k_r > 0")
        return self
