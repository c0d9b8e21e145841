"""How a value is drawn: uniform, normal (clipped), on a disk, by choice; and for whom: each batch, sample or tip."""

import math
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.model import Finite, Model, refusal
from afmbatch.spec.scan import DfSteps
from afmbatch.spec.tips import Pair, Tip

Scope: TypeAlias = Literal["batch", "sample", "tip"]
MAX_VALUES = 1000


class Distribution(Model):
    """What all have in common. The values of a sweep share what is drawn for their sample."""

    scope: Scope = Field(
        default="sample",
        description="'batch': one draw for all samples of a batch; 'sample': one for all tips of a sample; 'tip': each "
        "tip its own.",
    )


class Uniform(Distribution):
    """Uniform on [low, high); of a pair, each component."""

    kind: Literal["uniform"]
    low: Finite
    high: Finite

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.low, self.high

    @model_validator(mode="after")
    def _check(self) -> Self:
        _ascending(self.low, self.high)
        return self


class Normal(Distribution):
    """Normal; values beyond low or high are set to that bound. Of a pair, each component."""

    kind: Literal["normal"]
    mean: Finite = 0.0
    sigma: float = Field(gt=0, le=1e4, description="Standard deviation before clipping.")
    low: Finite
    high: Finite

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.low, self.high

    @model_validator(mode="after")
    def _check(self) -> Self:
        _ascending(self.low, self.high)
        return self


class Disk(Distribution):
    """A pair, uniform on a disk around 0."""

    kind: Literal["disk"]
    radius: float = Field(ge=0, le=100, description="Å")


class _Choice(Distribution):
    weights: Annotated[tuple[Annotated[float, Field(ge=0, le=1e6)], ...], Field(max_length=MAX_VALUES)] | None = Field(
        default=None, description="How often each value comes, in proportion; null: all alike."
    )

    def _check_weights(self, values: int) -> None:
        if self.weights is None:
            return
        if len(self.weights) != values:
            raise refusal("weights", self.weights, "one weight a value is needed", f"a list of {values}")
        if not sum(self.weights) > 0:
            raise refusal("weights", self.weights, "nothing could be drawn", "a weight above 0")


class Choice(_Choice):
    """One of these numbers."""

    kind: Literal["choice"]
    values: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=MAX_VALUES)]

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return min(self.values), max(self.values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_weights(len(self.values))
        return self


class PairChoice(_Choice):
    """One of these pairs."""

    kind: Literal["choice"]
    values: Annotated[tuple[Pair, ...], Field(min_length=1, max_length=MAX_VALUES)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_weights(len(self.values))
        return self


class Integers(Distribution):
    """Any integer from low to high, both included, equally often."""

    kind: Literal["integers"]
    low: DfSteps
    high: DfSteps

    @model_validator(mode="after")
    def _check(self) -> Self:
        _ascending(self.low, self.high)
        return self


class IntegerChoice(_Choice):
    """One of these integers."""

    kind: Literal["choice"]
    values: Annotated[tuple[DfSteps, ...], Field(min_length=1, max_length=MAX_VALUES)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_weights(len(self.values))
        return self


class TipChoice(_Choice):
    """One of these tips."""

    kind: Literal["choice"]
    values: Annotated[tuple[Tip, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_weights(len(self.values))
        return self


class Chance(Distribution):
    """Yes or no."""

    kind: Literal["chance"]
    probability: float = Field(default=0.5, ge=0, le=1)


Number: TypeAlias = Annotated[Uniform | Normal | Choice, Field(discriminator="kind")]
Vector: TypeAlias = Annotated[Disk | Uniform | Normal | PairChoice, Field(discriminator="kind")]
Integer: TypeAlias = Annotated[Integers | IntegerChoice, Field(discriminator="kind")]


def reach(vector: Vector | None) -> float:
    """The largest length of a drawn pair; 0 where nothing is drawn."""
    match vector:
        case None:
            return 0.0
        case Disk():
            return vector.radius
        case PairChoice():
            return max(math.hypot(*value) for value in vector.values)
        case Uniform() | Normal():
            return math.sqrt(2.0) * max(map(abs, vector.bounds))


def within(field: str, draw: Number, least: float, most: float) -> None:
    """Refuse what may be drawn outside of these bounds."""
    low, high = draw.bounds
    if low < least or high > most:
        raise refusal(field, [low, high], "it may be drawn out of range", f"values from {least:g} to {most:g}")


def _ascending(low: float, high: float) -> None:
    if high < low:
        raise refusal("high", high, "below low", f"at least {low:g}")
