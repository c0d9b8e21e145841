"""The orientations in which a structure is imaged (physics.md §6)."""

from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from afmbatch.spec.model import Finite, Model, refusal

_ORTHONORMAL = 1e-6  # the largest deviation of R Rᵀ from the identity
Row: TypeAlias = tuple[Finite, Finite, Finite]


class Unrotated(Model):
    """Each structure is imaged once, in its own orientation."""

    kind: Literal["none"]

    @property
    def n(self) -> int:
        """The number of rotations of each structure."""
        return 1


class BestDirections(Model):
    """Directions spread evenly over the sphere by the golden angle; the best are chosen by entropy (physics.md §6)."""

    kind: Literal["directions"]
    directions: int = Field(default=100, ge=1, le=100_000, description="Number of directions to choose from.")
    best: int = Field(
        default=30, ge=1, le=100_000, description="Number of directions kept for each structure, the best ones."
    )

    @property
    def n(self) -> int:
        """The number of rotations of each structure."""
        return self.best

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.best > self.directions:
            reason = f"more than the {self.directions} directions to choose from"
            raise refusal("best", self.best, reason, f"at most {self.directions}")
        return self


class RandomRotations(Model):
    """Rotations that are uniform on SO(3), sampled for each sample of each epoch."""

    kind: Literal["uniform"]
    n: int = Field(default=1, ge=1, le=100_000, description="Number of rotations of each structure in each epoch.")


class GivenRotations(Model):
    """Each structure is imaged in each of these rotations; positions become x' = R x."""

    kind: Literal["list"]
    rotations: Annotated[tuple[tuple[Row, Row, Row], ...], Field(min_length=1, max_length=10_000)] = Field(
        description="Rotation matrices R, each a list of three rows; positions become x' = R x."
    )

    @property
    def n(self) -> int:
        """The number of rotations of each structure."""
        return len(self.rotations)

    @model_validator(mode="after")
    def _check(self) -> Self:
        matrices = np.array(self.rotations)
        deviation = np.abs(np.einsum("nij,nkj->nik", matrices, matrices) - np.eye(3)).max(axis=(1, 2))
        wrong = np.flatnonzero((deviation > _ORTHONORMAL) | (np.linalg.det(matrices) < 0))
        if len(wrong):
            i = int(wrong[0])
            reason = "the matrix is not a rotation"
            raise refusal(f"rotations[{i}]", self.rotations[i], reason, "orthonormal rows with determinant 1")
        return self


Rotation: TypeAlias = Annotated[
    BestDirections | RandomRotations | GivenRotations | Unrotated, Field(discriminator="kind")
]
