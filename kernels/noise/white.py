"""white: independent noise is added to every value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from kernels.atoms import Floats, Ints, as_floats, as_ints
from kernels.device.shared import share_constants, share_struct
from kernels.errors import InvalidInput
from kernels.force_fields.base import Arrays
from kernels.imaging.images import Images
from kernels.noise.base import NOISE_STEPS, Buffers, PointStep, Statistics

DISTRIBUTIONS = {"uniform": 1, "normal": 2}
WHITE = share_struct("white_t", [("amplitude", "f4"), ("counter", "u4", 3)])
share_constants("white_constants", **{name.upper(): value for name, value in DISTRIBUTIONS.items()})


@NOISE_STEPS.register
@dataclass(frozen=True, eq=False)
class White(PointStep):
    """Adds amplitude·range·ξ to every value.

    amplitude: (M,) f8, shares of the slice's range.
    distribution: 'uniform': ξ is uniform on [−1/2, 1/2); 'normal': ξ is standard normal.
    key: the key of the generator, 64 bits; its low word comes first.
    counter: (M, 3) i8, from 0 to 2³² − 1, the first three words of an image's counters.

    Slices 4b … 4b + 3 of pixel (i, j) use the four words of Philox4x32-10 (kernels/opencl/philox.cl) for the counter
    (counter[m, 0], counter[m, 1], counter[m, 2], (i·ny + j)·⌈n_out/4⌉ + b). With w the upper 24 bits of a word, a
    uniform ξ is w/2²⁴ − 1/2; two words give two normal ξ, r·cos φ and r·sin φ with r = √(−2 ln((w + 1)/2²⁴)) of the
    first word and φ = 2πw/2²⁴ of the second (Box–Muller).

    Raises InvalidInput if a shape does not fit, a number is not finite, an amplitude is negative or a word is out of
    range.
    """

    KIND: ClassVar[str] = "white"
    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    STATISTICS: ClassVar[Statistics] = Statistics.RANGE
    PARAMETERS: ClassVar[tuple[str, ...]] = ("global const white_t *restrict", "const uint2", "const int")
    amplitude: Floats
    distribution: Literal["uniform", "normal"]
    key: int
    counter: Ints

    def __post_init__(self) -> None:
        object.__setattr__(self, "amplitude", as_floats("noise.white.amplitude", self.amplitude, (-1,)))
        object.__setattr__(self, "counter", as_ints("noise.white.counter", self.counter, (-1, 3)))
        if (self.counter != self.counter.astype(np.uint32)).any():
            raise InvalidInput("noise.white.counter: words must be from 0 to 2³² − 1")
        if not 0 <= self.key < 1 << 64:
            raise InvalidInput(f"noise.white.key: must be from 0 to 2⁶⁴ − 1, got {self.key}")
        if self.distribution not in DISTRIBUTIONS:
            raise InvalidInput(f"noise.white.distribution: must be 'uniform' or 'normal', got {self.distribution!r}")
        if (self.amplitude < 0).any():
            raise InvalidInput(f"noise.white.amplitude: no value may be negative, the lowest is {self.amplitude.min()}")

    def arrays(self, images: Images) -> Arrays:
        """Return amplitudes and counters, (M,) of WHITE."""
        self.check_images(images, amplitude=self.amplitude, counter=self.counter)
        table = np.zeros(len(images), WHITE)
        table["amplitude"], table["counter"] = self.amplitude, self.counter
        return {"images": table}

    def arguments(self, buffers: Buffers) -> list[Any]:
        """Return the buffer of amplitudes and counters, the key and the distribution."""
        key = np.array([self.key & 0xFFFFFFFF, self.key >> 32], np.uint32)
        return [buffers["images"], key, np.int32(DISTRIBUTIONS[self.distribution])]
