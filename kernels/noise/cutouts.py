"""cutouts: rectangles of each slice are set to its mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kernels.atoms import Ints, as_ints
from kernels.force_fields.base import Arrays
from kernels.imaging.images import Images
from kernels.noise.base import NOISE_STEPS, Buffers, PointStep, Statistics


@NOISE_STEPS.register
@dataclass(frozen=True, eq=False)
class Cutouts(PointStep):
    """Sets the pixels x0 ≤ i < x1, y0 ≤ j < y1 of every slice to the slice's mean.

    rectangles: (M, H, 4) i8, pixels x0, y0, x1, y1; an empty rectangle has no effect.

    Raises InvalidInput if the shape does not fit or the numbers are not integers.
    """

    KIND: ClassVar[str] = "cutouts"
    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    STATISTICS: ClassVar[Statistics] = Statistics.RANGE
    PARAMETERS: ClassVar[tuple[str, ...]] = ("global const int4 *restrict", "const int")
    rectangles: Ints

    def __post_init__(self) -> None:
        rectangles = as_ints("noise.cutouts.rectangles", self.rectangles, (-1, -1, 4))
        object.__setattr__(self, "rectangles", rectangles)

    def arrays(self, images: Images) -> Arrays:
        """Return the rectangles, cut to the image, (M, H, 4) i4."""
        self.check_images(images, rectangles=self.rectangles)
        nx, ny = images.dim
        return {"rectangles": np.clip(self.rectangles, 0, [nx, ny, nx, ny]).astype(np.int32)}

    def arguments(self, buffers: Buffers) -> list[Any]:
        """Return the buffer of rectangles and their number for each image."""
        return [buffers["rectangles"], np.int32(self.rectangles.shape[1])]
