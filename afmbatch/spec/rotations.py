"""In which orientations a structure is imaged (physics.md §6)."""

from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from afmbatch.spec.model import Finite, Model, refusal

_ORTHONORMAL = 1e-6
Row: TypeAlias = tuple[Finite, Finite, Finite]


class Unrotated(Model):
    """Each structure once, as posted."""

    kind: Literal["none"]

    @property
    def n(self) -> int:
        """Rotations of each structure."""
        return 1


class BestDirections(Model):
    """Directions spread over the sphere by the golden angle, the best of them by entropy (physics.md §6)."""

    kind: Literal["directions"]  # required, as in every union: it says which one is meant
    directions: int = Field(default=100, ge=1, le=100_000, description="Directions to choose from.")
    best: int = Field(default=30, ge=1, le=100_000, description="How many are kept for each structure.")

    @property
    def n(self) -> int:
        """Rotations of each structure."""
        return self.best

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.best > self.directions:
            raise refusal("best", self.best, "more than there are directions", f"at most {self.directions}")
        return self


class RandomRotations(Model):
    """Uniform on SO(3), drawn anew for each sample."""

    kind: Literal["uniform"]
    n: int = Field(default=1, ge=1, le=100_000, description="Rotations of each structure in each epoch.")


class GivenRotations(Model):
    """Each structure in each of these rotations: positions turn as x' = R x."""

    kind: Literal["list"]
    rotations: Annotated[tuple[tuple[Row, Row, Row], ...], Field(min_length=1, max_length=10_000)] = Field(
        description="Rotation matrices, row by row."
    )

    @property
    def n(self) -> int:
        """Rotations of each structure."""
        return len(self.rotations)

    @model_validator(mode="after")
    def _check(self) -> Self:
        matrices = np.array(self.rotations)
        off = np.abs(np.einsum("nij,nkj->nik", matrices, matrices) - np.eye(3)).max(axis=(1, 2))
        wrong = np.flatnonzero((off > _ORTHONORMAL) | (np.linalg.det(matrices) < 0))
        if len(wrong):
            i = int(wrong[0])
            raise refusal(
                f"rotations[{i}]", self.rotations[i], "it is no rotation", "orthonormal rows with determinant 1"
            )
        return self


Rotation: TypeAlias = Annotated[
    BestDirections | RandomRotations | GivenRotations | Unrotated, Field(discriminator="kind")
]
