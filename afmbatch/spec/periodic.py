"""Periodic images of a sample (physics.md §2)."""

import math
from typing import Annotated, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from afmbatch.spec.model import Model, refusal
from afmbatch.spec.scan import Point
from afmbatch.structures.overlap import TOO_CLOSE, nearest_image

Images: TypeAlias = Annotated[int, Field(ge=0, le=20)]
_FLAT = 1e-6  # a cell with a smaller part of its box's volume counts as flat


class Periodic(Model):
    """Periodic images of a sample (physics.md §2), in its force field and its descriptors."""

    npbc: tuple[Images, Images, Images] = Field(
        default=(1, 1, 0),
        description="Number of periodic images in each direction, forwards and backwards, along the lattice vectors a, "
        "b and c.",
    )
    lattice: tuple[Point, Point, Point] | None = Field(
        default=None,
        description="Lattice vectors a, b and c of all structures, in Å; null: each structure's own lattice vectors.",
    )

    @property
    def copies(self) -> int:
        """The largest number of copies of an atom: the atom itself and all its periodic images."""
        return math.prod(2 * n + 1 for n in self.npbc)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.lattice is not None:
            box = math.prod(math.hypot(*vector) for vector in self.lattice)  # the volume if they were at right angles
            if abs(np.linalg.det(np.array(self.lattice))) <= _FLAT * box:
                raise refusal("lattice", self.lattice, "the vectors span no volume", "three independent vectors")
            if nearest_image(np.array(self.lattice), self.npbc) < TOO_CLOSE:
                reason = "images of an atom are on top of each other"
                raise refusal("lattice", self.lattice, reason, f"vectors that keep images {TOO_CLOSE:g} Å apart")
        return self
