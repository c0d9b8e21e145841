"""Noise: a list of steps that change the simulated Δf images, in the order given. By default images stay in Hz.

The steps that refer to the range of a slice (its highest less its lowest value) or to its mean take these from the
slice as the drift and normalise steps before them left it: gradient, white noise and cut-outs do not change what a
later step refers to. Each combination of a sweep has noise of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.distributions import Distribution, Number, check_bounds
from afmbatch.spec.family import ModelFamily
from afmbatch.spec.model import Model, refusal

Side: TypeAlias = Annotated[int, Field(ge=1, le=4096)]
MAX_SHARE = 100.0  # of a slice's range


class NoiseStep(Model):
    """The base class of all noise steps."""

    kind: str

    #: Sampled parameters that the batch file records: their name in the step's kernel → the array's name in the file.
    recorded: ClassVar[Mapping[str, str]] = {}

    @property
    def by_batch(self) -> bool:
        """True if a parameter is sampled once for a whole batch."""
        return any(isinstance(value, Distribution) and value.scope == "batch" for _, value in self)


class Drift(NoiseStep):
    """The sample drifts from slice to slice."""

    kind: Literal["drift"]
    radius: float = Field(
        gt=0,
        le=10,
        description="Longest drift from one slice to the next, in Å; each displacement is uniform on a disk.",
    )

    recorded: ClassVar[Mapping[str, str]] = {"drift": "drift"}


class Normalise(NoiseStep):
    """The mean of each slice is subtracted, and the result is divided by the slice's standard deviation."""

    kind: Literal["normalise"]


class Gradient(NoiseStep):
    """A plane of random direction is added to each slice."""

    kind: Literal["gradient"]
    slope: Number = Field(
        description="Rise of the plane from one edge of the image to the other, as a share of the slice's range, from "
        "0 to 100."
    )

    recorded: ClassVar[Mapping[str, str]] = {"gradient": "gradient"}

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_bounds("slope", self.slope, 0.0, MAX_SHARE)
        return self


class WhiteNoise(NoiseStep):
    """Independent noise is added to every value."""

    kind: Literal["white"]
    amplitude: Number = Field(
        description="Strength of the noise, as a share of the slice's range, from 0 to 100: the standard deviation of "
        "normal noise, the full width of uniform noise."
    )
    distribution: Literal["uniform", "normal"] = Field(
        default="normal",
        description="Distribution of the noise around 0. 'normal': with the amplitude as standard deviation; "
        "'uniform': from −amplitude/2 to amplitude/2.",
    )

    recorded: ClassVar[Mapping[str, str]] = {"amplitude": "noise_amplitude"}

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_bounds("amplitude", self.amplitude, 0.0, MAX_SHARE)
        return self


class Cutouts(NoiseStep):
    """Random rectangles of the image are set to the mean of their slice."""

    kind: Literal["cutouts"]
    n: int = Field(default=5, ge=1, le=100, description="Number of rectangles in each image; they may overlap.")
    side: tuple[Side, Side] = Field(
        default=(1, 16),
        description="Shortest and longest side of a rectangle, in pixels. Sides are uniform between the two; a side "
        "that is longer than the image is shortened to it.",
    )

    recorded: ClassVar[Mapping[str, str]] = {"rectangles": "cutouts"}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.side[1] < self.side[0]:
            reason = "the longest side is below the shortest"
            raise refusal("side", self.side, reason, "two integers in ascending order")
        return self


NOISE_STEPS = ModelFamily(NoiseStep, [Drift, Normalise, Gradient, WhiteNoise, Cutouts])
AnyNoiseStep: TypeAlias = Annotated[NoiseStep, NOISE_STEPS]


def check_each_kind_once(steps: Sequence[NoiseStep]) -> None:
    """Refuse a list in which two steps are of the same kind: they would be given the same random numbers."""
    kinds = [step.kind for step in steps]
    for i, kind in enumerate(kinds):
        if kind in kinds[:i]:
            raise refusal(f"noise[{i}].kind", kind, f"a {kind!r} step is already in the list", "each kind at most once")
