"""The coordinate systems that belong to the samples themselves, for data that is given there, such as grids."""

from dataclasses import dataclass

import numpy as np

from kernels.atoms import Floats, as_floats
from kernels.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class SampleFrames:
    """The frames of B samples in that of their images: position = rotation @ own_position + origin.

    rotation: (B, 3, 3) f8, orthogonal matrices; the determinant of a mirrored sample's is −1.
    origin: (B, 3) f8, Å, the origin of each sample's own frame.

    Raises InvalidInput if a shape does not fit or a matrix is not orthogonal.
    """

    rotation: Floats
    origin: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "rotation", as_floats("rotation", self.rotation, (-1, 3, 3)))
        object.__setattr__(self, "origin", as_floats("origin", self.origin, (len(self.rotation), 3)))
        product = self.rotation @ self.rotation.transpose(0, 2, 1)
        if (np.abs(product - np.eye(3)) > 1e-6).any():
            raise InvalidInput("rotation: every matrix must be orthogonal: a rotation, or a rotation and a mirror")

    def __len__(self) -> int:
        return len(self.rotation)
