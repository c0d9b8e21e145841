"""Defines noise steps, which change the simulated Δf images in the given order. By default images stay in Hz.

Some steps refer to the range of a slice (its highest minus its lowest value) or to its mean. They take both from the
slice as the preceding drift and normalise steps left it; gradient, white noise and cut-outs do not change the range and
the mean that later steps refer to. Each combination of a sweep has its own noise.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.distributions import Distribution, Number, check_bounds
from afmbatch.spec.family import ModelFamily
from afmbatch.spec.model import Model, refusal

Side: TypeAlias = Annotated[int, Field(ge=1, le=4096)]
MAX_SHARE = 100.0  # of a slice's range

#: Names of the arrays of batch files (afmbatch.storage.batch_file) that noise steps do not record, except the arrays
#: desc_… of descriptors. A step that recorded one of these would replace it.
BATCH_ARRAYS = frozenset(
    {"afm", "desc", "desc_names", "quality", "scan_windows", "heights", "rotation", "distance", "df_steps", "tip_tilt",
     "r0", "stiffness", "tip", "tip_element", "tip_charges", "tip_charge_z", "tip_lj", "pauli_strength",
     "pauli_exponent", "sample_charges", "offset", "lattice", "crop", "sweep", "structure", "epoch", "sample", "mols",
     "lj", "mol_offsets", "meta"}
)  # fmt: skip


class NoiseStep(Model):
    """The base class of all noise steps."""

    kind: str

    #: Sampled parameters that the batch file records: name of the kernel's parameter → name of the array in the file.
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

    recorded: ClassVar[Mapping[str, str]] = {"shift": "drift"}


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

    recorded: ClassVar[Mapping[str, str]] = {"slope": "gradient"}

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


def check_recorded_names(steps: Sequence[NoiseStep]) -> None:
    """Refuse a step that records an array under a name that another array of the batch file has."""
    taken = set(BATCH_ARRAYS)
    for i, step in enumerate(steps):
        for name in step.recorded.values():
            if name in taken or name.startswith("desc_"):
                reason = f"the step records its parameters as {name!r}, which is another array of the batch file"
                accepted = "steps that record arrays under names of their own"
                raise refusal(f"noise[{i}].kind", step.kind, reason, accepted)
            taken.add(name)
