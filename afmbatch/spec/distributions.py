"""Probability distributions of randomised values, and their scope: the batch, the sample or the tip.

The distributions are closed unions: `afmbatch.sampling.distributions` samples each of them.
"""

import math
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.model import Finite, Model, refusal
from afmbatch.spec.scan import DfSteps
from afmbatch.spec.tips import Pair, Tip

Scope: TypeAlias = Literal["batch", "sample", "tip"]
MAX_VALUES = 1000


class Distribution(Model):
    """The base class of all distributions. All combinations of a sweep share the values sampled for their sample."""

    scope: Scope = Field(
        default="sample",
        description="How often a value is sampled. 'batch': once for all samples of a batch; 'sample': once for all "
        "tips of a sample; 'tip': once for each tip of a sample.",
    )


class Uniform(Distribution):
    """Uniform on [low, high). For a pair, each component is sampled independently."""

    kind: Literal["uniform"]
    low: Finite = Field(description="Lowest value, in the unit of the randomised quantity.")
    high: Finite = Field(description="End of the interval, in the unit of the randomised quantity; not below low.")

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest possible value."""
        return self.low, self.high

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_order(self.low, self.high)
        return self


class Normal(Distribution):
    """Normal, clipped: values beyond low or high are set to that bound. For a pair, each component is independent."""

    kind: Literal["normal"]
    mean: Finite = Field(default=0.0, description="Mean before clipping, in the unit of the randomised quantity.")
    sigma: float = Field(
        gt=0, le=1e4, description="Standard deviation before clipping, in the unit of the randomised quantity."
    )
    low: Finite = Field(description="Lower bound, in the unit of the randomised quantity.")
    high: Finite = Field(description="Upper bound, in the unit of the randomised quantity; not below low.")

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest possible value."""
        return self.low, self.high

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_order(self.low, self.high)
        return self


class Disk(Distribution):
    """A pair, uniform on a disk around 0."""

    kind: Literal["disk"]
    radius: float = Field(ge=0, le=100, description="Radius of the disk, in Å.")


class _Choice(Distribution):
    weights: Annotated[tuple[Annotated[float, Field(ge=0, le=1e6)], ...], Field(max_length=MAX_VALUES)] | None = Field(
        default=None,
        description="Relative frequency of each value, one weight for each; null: all values are equally frequent.",
    )

    def _check_weights(self, values: int) -> None:
        if self.weights is None:
            return
        if len(self.weights) != values:
            reason = "there must be one weight for each value"
            raise refusal("weights", self.weights, reason, f"a list of {values}")
        if not sum(self.weights) > 0:
            raise refusal("weights", self.weights, "all weights are zero", "a weight above 0")


class Choice(_Choice):
    """A choice between numbers, with weights or equally often."""

    kind: Literal["choice"]
    values: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=MAX_VALUES)] = Field(
        description="Numbers to choose from, in the unit of the randomised quantity."
    )

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest possible value."""
        return min(self.values), max(self.values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_weights(len(self.values))
        return self


class PairChoice(_Choice):
    """A choice between pairs, with weights or equally often."""

    kind: Literal["choice"]
    values: Annotated[tuple[Pair, ...], Field(min_length=1, max_length=MAX_VALUES)] = Field(
        description="Pairs (x, y) to choose from, in Å."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_weights(len(self.values))
        return self


class Integers(Distribution):
    """Any integer from low to high, both included, with equal probability."""

    kind: Literal["integers"]
    low: DfSteps = Field(description="Lowest integer.")
    high: DfSteps = Field(description="Highest integer; not below low.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_order(self.low, self.high)
        return self


class IntegerChoice(_Choice):
    """A choice between integers, with weights or equally often."""

    kind: Literal["choice"]
    values: Annotated[tuple[DfSteps, ...], Field(min_length=1, max_length=MAX_VALUES)] = Field(
        description="Integers to choose from."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_weights(len(self.values))
        return self


class TipChoice(_Choice):
    """A choice between tips, with weights or equally often."""

    kind: Literal["choice"]
    values: Annotated[tuple[Tip, ...], Field(min_length=1, max_length=64)] = Field(description="Tips to choose from.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_weights(len(self.values))
        return self


class Chance(Distribution):
    """True with a given probability."""

    kind: Literal["chance"]
    probability: float = Field(default=0.5, ge=0, le=1, description="Probability of true, from 0 to 1.")


Number: TypeAlias = Annotated[Uniform | Normal | Choice, Field(discriminator="kind")]
Vector: TypeAlias = Annotated[Disk | Uniform | Normal | PairChoice, Field(discriminator="kind")]
Integer: TypeAlias = Annotated[Integers | IntegerChoice, Field(discriminator="kind")]


def max_length(vector: Vector | None) -> float:
    """Return the largest possible length of a sampled pair, 0 without a distribution."""
    match vector:
        case None:
            return 0.0
        case Disk():
            return vector.radius
        case PairChoice():
            return max(math.hypot(*value) for value in vector.values)
        case Uniform() | Normal():
            return math.sqrt(2.0) * max(map(abs, vector.bounds))


def check_bounds(field: str, distribution: Number, minimum: float, maximum: float) -> None:
    """Refuse a distribution of `field` that can give a value below the minimum or above the maximum."""
    low, high = distribution.bounds
    if low < minimum or high > maximum:
        reason = "the distribution can give values that are out of range"
        raise refusal(field, [low, high], reason, f"values from {minimum:g} to {maximum:g}")


def _check_order(low: float, high: float) -> None:
    if high < low:
        raise refusal("high", high, "high is below low", f"at least {low:g}")
