"""What is drawn for each sample: added to the value given, as a factor of it, or in its place, as each field says."""

from typing import Self

from pydantic import Field, model_validator

from afmbatch.spec.distributions import Chance, Integer, Number, TipChoice, Vector, within
from afmbatch.spec.model import Model, refusal

_FOR_THE_SAMPLE = ("offset", "in_plane_rotation", "mirror")  # a molecule has one place, whichever tip images it
_WITHIN = {
    "lateral_stiffness": (1e-3, 1e4),
    "radial_stiffness": (1e-3, 1e4),
    "lj_radius": (0.1, 10.0),
    "lj_epsilon": (0.0, 100.0),
}


class Randomise(Model):
    """What is drawn; null: nothing is. Every value that was used is in the batch file."""

    distance: Number | None = Field(default=None, description="Added to the tip-sample distance, Å.")
    tilt: Vector | None = Field(default=None, description="Added to each tip's tilt, Å.")
    df_steps: Integer | None = Field(
        default=None,
        description="In place of scan.df_steps: the oscillation amplitude in vertical steps. The scan goes down so far "
        "that the number of slices stays.",
    )
    r0: Number | None = Field(default=None, description="Added to each tip's r0, Å.")
    lateral_stiffness: Number | None = Field(default=None, description="In place of k_x and k_y, N/m.")
    radial_stiffness: Number | None = Field(default=None, description="In place of k_r, N/m.")
    tip_charges: Number | None = Field(default=None, description="Factor of all charges of the probe particle.")
    sample_charges: Number | None = Field(default=None, description="Factor of all charges of the sample.")
    lj_radius: Number | None = Field(
        default=None, description="Factor of the Lennard-Jones radius, drawn for each element, the probe's among them."
    )
    lj_epsilon: Number | None = Field(
        default=None, description="Factor of the Lennard-Jones depth, drawn for each element, the probe's among them."
    )
    tip: TipChoice | None = Field(default=None, description="In place of each of the tips.")
    offset: Vector | None = Field(default=None, description="By which the molecule is moved laterally, Å.")
    in_plane_rotation: Number | None = Field(default=None, description="Turns the molecule about the z axis, degrees.")
    mirror: Chance | None = Field(default=None, description="Whether the molecule is mirrored, x to −x.")

    @property
    def by_batch(self) -> bool:
        """Whether anything is drawn for whole batches."""
        drawn = (getattr(self, name) for name in type(self).model_fields)
        return any(d is not None and d.scope == "batch" for d in drawn)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in _FOR_THE_SAMPLE:
            draw = getattr(self, name)
            if draw is not None and draw.scope == "tip":
                reason = "all tips image the molecule in one place"
                raise refusal(f"{name}.scope", "tip", reason, "'batch' or 'sample'")
        for name, (least, most) in _WITHIN.items():
            if (draw := getattr(self, name)) is not None:
                within(name, draw, least, most)
        return self
