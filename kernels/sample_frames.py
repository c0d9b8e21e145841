"""SampleFrames relates the coordinates of data such as grids, which turn with a molecule, to those of its images."""

from dataclasses import dataclass

import numpy as np

from kernels.atoms import Floats, as_floats
from kernels.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class SampleFrames:
    """The frames (coordinate systems) of B molecules.

    The point p of a molecule's frame is rotation @ p + origin in the frame of its images.

    rotation: (B, 3, 3) f8, orthogonal matrices; the determinant of a mirrored molecule's is −1.
    origin: (B, 3) f8, Å, the origin of each molecule's frame.

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
