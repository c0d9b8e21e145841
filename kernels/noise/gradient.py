"""gradient: a plane is added to each slice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kernels.atoms import Floats, as_floats
from kernels.force_fields.base import Arrays
from kernels.imaging.images import Images
from kernels.noise.base import NOISE_STEPS, Buffers, PointStep, Statistics


@NOISE_STEPS.register
@dataclass(frozen=True, eq=False)
class Gradient(PointStep):
    """Adds range·(g_x·a + g_y·b)/2 to each slice.

    a and b run along x and y from −1 at the first pixel to 1 at the last; they are 0 if there is only one pixel.

    slope: (M, 2) f8, g_x and g_y, shares of the slice's range.

    Raises InvalidInput if the shape does not fit or a number is not finite.
    """

    KIND: ClassVar[str] = "gradient"
    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    STATISTICS: ClassVar[Statistics] = Statistics.RANGE
    PARAMETERS: ClassVar[tuple[str, ...]] = ("global const float2 *restrict",)
    slope: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "slope", as_floats("noise.gradient.slope", self.slope, (-1, 2)))

    def arrays(self, images: Images) -> Arrays:
        """Return the slopes, (M, 2) f4."""
        self.check_images(images, slope=self.slope)
        return {"slopes": self.slope.astype(np.float32)}

    def arguments(self, buffers: Buffers) -> list[Any]:
        """Return the buffer of slopes."""
        return [buffers["slopes"]]
