"""Defines the randomised quantities of samples.

Each field's description states if a sampled value is added to the given value, multiplies it, or replaces it.
"""

from typing import Self

from pydantic import Field, model_validator

from afmbatch.spec.distributions import Chance, Distribution, Integer, Number, TipChoice, Vector, check_bounds
from afmbatch.spec.force_fields import PAULI_EXPONENTS, PAULI_STRENGTHS
from afmbatch.spec.model import Model, refusal

_SAME_FOR_ALL_TIPS = ("offset", "in_plane_rotation", "mirror")  # all tips image the molecule in the same place
_BOUNDS = {
    "lateral_stiffness": (1e-3, 1e4),
    "radial_stiffness": (1e-3, 1e4),
    "lj_radius": (0.1, 10.0),
    "lj_epsilon": (0.0, 100.0),
    "pauli_strength": PAULI_STRENGTHS,
    "pauli_exponent": PAULI_EXPONENTS,
}


class Randomise(Model):
    """The distributions of randomised quantities; null: not randomised. The batch file holds every value used."""

    distance: Number | None = Field(default=None, description="Length added to the tip-sample distance, in Å.")
    tilt: Vector | None = Field(default=None, description="Offset (x, y) added to the tilt of each tip, in Å.")
    df_steps: Integer | None = Field(
        default=None,
        description="Oscillation amplitude in vertical steps; it replaces scan.df_steps. The scan is extended "
        "away from its anchor or shortened so that the number of slices stays.",
    )
    r0: Number | None = Field(default=None, description="Length added to r0 of each tip, in Å.")
    lateral_stiffness: Number | None = Field(
        default=None, description="Spring constant that replaces k_x and k_y of each tip, in N/m."
    )
    radial_stiffness: Number | None = Field(
        default=None, description="Spring constant that replaces k_r of each tip, in N/m."
    )
    tip_charges: Number | None = Field(
        default=None, description="Factor by which all charges of the probe particle are multiplied."
    )
    sample_charges: Number | None = Field(
        default=None, description="Factor by which all charges of the sample are multiplied."
    )
    lj_radius: Number | None = Field(
        default=None,
        description="Factor by which the Lennard-Jones radius is multiplied, sampled for each element, that of the "
        "probe particle included.",
    )
    lj_epsilon: Number | None = Field(
        default=None,
        description="Factor by which the depth of the Lennard-Jones potential is multiplied, sampled for each element, "
        "that of the probe particle included.",
    )
    pauli_strength: Number | None = Field(
        default=None,
        description="Factor A of the Pauli repulsion that replaces force_field.strength, in eV·Å^(6B−3)/e^(2B).",
    )
    pauli_exponent: Number | None = Field(
        default=None, description="Exponent B of the densities that replaces force_field.exponent."
    )
    tip: TipChoice | None = Field(default=None, description="Tip that replaces each of the tips.")
    offset: Vector | None = Field(
        default=None, description="Lateral displacement (x, y) of the molecule, in Å; the scope 'tip' is refused."
    )
    in_plane_rotation: Number | None = Field(
        default=None,
        description="Angle by which the molecule is rotated about the z axis, in degrees; the scope 'tip' is refused.",
    )
    mirror: Chance | None = Field(
        default=None,
        description="Probability that the molecule is mirrored, x to −x; the scope 'tip' is refused.",
    )

    @property
    def by_batch(self) -> bool:
        """True if any quantity is sampled once for a whole batch."""
        return any(isinstance(value, Distribution) and value.scope == "batch" for _, value in self)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in _SAME_FOR_ALL_TIPS:
            distribution = getattr(self, name)
            if distribution is not None and distribution.scope == "tip":
                reason = "all tips image the molecule in the same place"
                raise refusal(f"{name}.scope", "tip", reason, "'batch' or 'sample'")
        for name, (minimum, maximum) in _BOUNDS.items():
            if (distribution := getattr(self, name)) is not None:
                check_bounds(name, distribution, minimum, maximum)
        return self
