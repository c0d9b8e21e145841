"""Noise and the like, added to Δf images after the simulation; by default nothing is, and images are in Hz."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.distributions import Number, within
from afmbatch.spec.model import Model, refusal
from afmbatch.spec.scan import Pixels

Side: TypeAlias = Annotated[int, Field(ge=1, le=4096)]


class WhiteNoise(Model):
    """Independent noise in every value."""

    amplitude: Number = Field(description="As a part of the slice's range (its highest less its lowest value).")
    distribution: Literal["uniform", "normal"] = Field(
        default="normal", description="Uniform, as wide as the amplitude, or normal, with that standard deviation."
    )


class Cutouts(Model):
    """Rectangles whose pixels show the slice's mean."""

    n: int = Field(default=5, ge=1, le=100, description="How many in each image; they may overlap.")
    side: tuple[Side, Side] = Field(
        default=(1, 16),
        description="Shortest and longest side, pixels, drawn uniformly; one longer than the image is cut to it.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.side[1] < self.side[0]:
            raise refusal("side", self.side, "the longest is below the shortest", "two integers in ascending order")
        return self


class Noise(Model):
    """What is done to each image, in this order; null or false: nothing.

    But for the crop, each combination of a sweep has noise of its own.
    """

    crop: tuple[Pixels, Pixels] | None = Field(
        default=None,
        description="Pixels of a random part of the scan, all that is simulated, of images and descriptors alike.",
    )
    drift: float | None = Field(
        default=None,
        gt=0,
        le=10,
        description="Longest way that the sample drifts from slice to slice, Å: drawn on a disk.",
    )
    normalise: bool = Field(default=False, description="Each slice less its mean, over its standard deviation.")
    gradient: Number | None = Field(
        default=None,
        description="Slope of a plane in a random direction: what it adds from edge to edge, as a part of the slice's "
        "range.",
    )
    white: WhiteNoise | None = None
    cutouts: Cutouts | None = None

    @property
    def alters(self) -> bool:
        """Whether images are worked on after the simulation."""
        return bool(self.drift or self.normalise or self.gradient or self.white or self.cutouts)

    @property
    def by_batch(self) -> bool:
        """Whether anything is drawn for whole batches."""
        drawn = self.gradient, None if self.white is None else self.white.amplitude
        return any(d is not None and d.scope == "batch" for d in drawn)

    @model_validator(mode="after")
    def _check(self) -> Self:
        white = None if self.white is None else self.white.amplitude
        for name, draw in (("gradient", self.gradient), ("white.amplitude", white)):
            if draw is not None:
                within(name, draw, 0.0, 100.0)
        return self
