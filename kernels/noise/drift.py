"""drift: the sample moves from slice to slice, so that each slice is shifted."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyopencl as cl

from kernels.atoms import Floats, as_floats
from kernels.device.shared import share_struct
from kernels.errors import InvalidInput
from kernels.force_fields.base import Arrays
from kernels.imaging.images import Images
from kernels.noise.base import NOISE_STEPS, Buffers, ImageBlock, SliceStep

# A shift in pixels: the integer parts and the fractions.
SHIFT = share_struct("shift_t", [("whole_x", "i4"), ("whole_y", "i4"), ("fraction_x", "f4"), ("fraction_y", "f4")])


@NOISE_STEPS.register
@dataclass(frozen=True, eq=False)
class Drift(SliceStep):
    """Sets slice k at (x, y) to its value at (x, y) + shift[k], bilinear between pixels and constant beyond the edge.

    shift: (M, n_out, 2) f8, Å.

    Raises InvalidInput if the shape does not fit or a number is not finite.
    """

    KIND: ClassVar[str] = "drift"
    shift: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "shift", as_floats("noise.drift.shift", self.shift, (-1, -1, 2)))

    def arrays(self, images: Images) -> Arrays:
        """Return the shifts in pixels, (M, n_out) of SHIFT."""
        self.check_images(images, shift=self.shift)
        if self.shift.shape[1] != images.n_out:
            raise InvalidInput(
                f"noise.drift.shift: expected one shift for each of {images.n_out} slices, got {self.shift.shape[1]}"
            )
        step = images.grid.step[:, None]
        pixels = np.where(step > 0, self.shift / np.where(step > 0, step, 1.0), 0.0)
        shifts = np.zeros(pixels.shape[:2], SHIFT)
        whole = np.floor(pixels)
        clipped = np.clip(whole, *np.multiply.outer([-1, 1], images.dim))
        fraction = pixels - whole
        shifts["whole_x"], shifts["whole_y"] = clipped[..., 0], clipped[..., 1]
        shifts["fraction_x"], shifts["fraction_y"] = fraction[..., 0], fraction[..., 1]
        return {"shifts": shifts}

    def launch(self, block: ImageBlock, buffers: Buffers, values: "cl.Buffer", out: "cl.Buffer") -> None:
        """Enqueue the kernel."""
        kernel = block.device.kernel("drift", "noise/drift.cl")
        block.launch(kernel, values, buffers["shifts"], *block.sizes(), out)
