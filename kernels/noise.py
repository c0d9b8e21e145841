"""What training sets add to simulated images before they are downloaded: nothing of it costs what is not asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Floats, Ints, as_floats
from kernels.device import Device
from kernels.errors import InvalidInput
from kernels.force import Arrays
from kernels.parts import Part
from kernels.scan import Images

SHIFT = np.dtype([("whole", "i4", 2), ("rest", "f4", 2)])
GRAIN = np.dtype([("gradient", "f4", 2), ("amplitude", "f4"), ("counter", "u4", 3)])
SLICE_BYTES = 12
GROUP = (32, 8)  # a GPU's work-items that sum up a slice, along y and x
DISTRIBUTIONS = {"uniform": 1, "normal": 2}


@dataclass(frozen=True, eq=False)
class Noise:
    """Changes of M images, in this order; what is None or False is left out.

    drift (M, n_out, 2) Å: slice k becomes in(x + drift_x, y + drift_y, k), bilinear between pixels; beyond the edge the
    last pixel is repeated. normalise: each slice becomes (v − mean)/std, std being that of all its pixels; a constant
    one becomes 0. gradient (M, 2): adds range·(g_x·a + g_y·b)/2, a and b from −1 at the first pixel to 1 at the last
    (0 where it is the only one). amplitude (M,): adds amplitude·range·ξ. cutouts (M, H, 4): pixels x0 ≤ i < x1,
    y0 ≤ j < y1 of every slice are set to its mean; an empty rectangle is none. range, max − min, and mean are those of
    the slice after drift and normalisation.

    ξ is of the distribution: uniform on [−1/2, 1/2) or standard normal. Slices 4b … 4b + 3 of pixel (i, j) have the
    four words of Philox4x32-10 under key (64 bits, low word first), at the counter of four words
    (counter[m, 0], counter[m, 1], counter[m, 2], (i·ny + j)·⌈n_out/4⌉ + b), counter (M, 3) being the image's. With w
    the upper 24 bits of a word, a uniform ξ is w/2²⁴ − 1/2; two words give two normal ξ, r·cos φ and r·sin φ with
    r = √(−2 ln((w + 1)/2²⁴)) of the first and φ = 2πw/2²⁴ of the second (Box–Muller).

    Raises InvalidInput where a number is not finite, an amplitude negative, a word out of range, or noise has no
    counter.
    """

    drift: Floats | None = None
    normalise: bool = False
    gradient: Floats | None = None
    amplitude: Floats | None = None
    distribution: Literal["uniform", "normal"] = "uniform"
    key: int = 0
    counter: npt.NDArray[np.uint32] | None = None
    cutouts: Ints | None = None

    def __post_init__(self) -> None:
        for name, shape in {"drift": (-1, -1, 2), "gradient": (-1, 2), "amplitude": (-1,)}.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_floats(f"noise.{name}", getattr(self, name), shape))
        for name, shape in {"counter": (-1, 3), "cutouts": (-1, -1, 4)}.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _as_integers(f"noise.{name}", getattr(self, name), shape))
        if self.counter is not None and (self.counter != self.counter.astype(np.uint32)).any():
            raise InvalidInput("noise.counter: words from 0 to 2³² − 1")
        if not 0 <= self.key < 1 << 64:
            raise InvalidInput(f"noise.key: from 0 to 2⁶⁴ − 1, got {self.key}")
        if self.distribution not in DISTRIBUTIONS:
            raise InvalidInput(f"noise.distribution: 'uniform' or 'normal', got {self.distribution!r}")
        if self.amplitude is not None and (self.amplitude < 0).any():
            raise InvalidInput("noise.amplitude: must not be negative")
        if self.amplitude is not None and self.counter is None:
            raise InvalidInput("noise.counter: noise needs one for each image")

    @property
    def defines(self) -> dict[str, int]:
        """What the kernels are built for."""
        return {
            "NORMALISE": int(self.normalise),
            "GRADIENT": int(self.gradient is not None),
            "NOISE": 0 if self.amplitude is None else DISTRIBUTIONS[self.distribution],
        }

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return self.drift is not None or self._needs_slices

    @property
    def _needs_slices(self) -> bool:
        return any(self.defines.values()) or self.cutouts is not None

    def arrays(self, images: Images) -> Arrays:
        """What is uploaded; raises InvalidInput where an array is not for so many images or slices."""
        m, (nx, ny) = len(images), images.dim
        for name in ("drift", "gradient", "amplitude", "counter", "cutouts"):
            array = getattr(self, name)
            if array is not None and len(array) != m:
                raise InvalidInput(f"noise.{name}: one for each of {m} images, got {len(array)}")
        grains = np.zeros(m, GRAIN)
        for name in ("gradient", "amplitude", "counter"):
            if getattr(self, name) is not None:
                grains[name] = getattr(self, name)
        shifts = np.zeros(0, SHIFT) if self.drift is None else self._shifts(self.drift, images)
        cutouts = np.zeros(0, np.int32) if self.cutouts is None else np.clip(self.cutouts, 0, [nx, ny, nx, ny])
        return {"noise_grains": grains, "noise_shifts": shifts, "noise_cutouts": cutouts.astype(np.int32, copy=False)}

    @staticmethod
    def _shifts(drift: Floats, images: Images) -> npt.NDArray[Any]:
        if drift.shape[1] != images.n_out:
            raise InvalidInput(f"noise.drift: one for each of {images.n_out} slices, got {drift.shape[1]}")
        step = images.grid.step[:, None]
        pixels = np.where(step > 0, drift / np.where(step > 0, step, 1.0), 0.0)
        shifts = np.zeros(pixels.shape[:2], SHIFT)
        whole = np.floor(pixels)
        shifts["whole"] = np.clip(whole, *np.multiply.outer([-1, 1], images.dim))
        shifts["rest"] = pixels - whole
        return shifts

    def launch(
        self, device: Device, buffers: "Mapping[str, cl.Buffer]", dim: tuple[int, int], n_out: int, part: Part,
        df: "cl.Buffer", slices: "cl.Buffer", out: "cl.Buffer",
    ) -> None:  # fmt: skip
        """Enqueue the changes from df to out, both (images, nx, ny, n_out) f4 of the part's whole images.

        slices, of SLICE_BYTES for each slice of these, is for what is known of them in between.
        """
        nx, ny = dim
        first, count = part.images.start, len(part.images)
        size = [np.int32(n) for n in (nx, ny, n_out, first)]
        pixels = (-(-ny // device.lanes), nx, count)

        def kernel(name: str) -> "cl.Kernel":
            return device.kernel(name, "vector", "philox", "random", "noise", **self.defines)

        if self.drift is not None:
            shifts = buffers["noise_shifts"]
            device.launch(kernel("noise_drift"), pixels, device.tile, df, shifts, *size, out, first=first)
            df = out
        if self._needs_slices:
            y, x = GROUP if device.lanes == 1 else (1, 1)
            groups = (y, x * -(-n_out // device.lanes), count)
            partial = cl.LocalMemory(12 * device.lanes * y * x)
            device.launch(kernel("noise_slices"), groups, (y, x, 1), df, *size, partial, slices, first=first)
            rectangles = 0 if self.cutouts is None else self.cutouts.shape[1]
            key = np.array([self.key & 0xFFFFFFFF, self.key >> 32], np.uint32)
            device.launch(
                kernel("noise_values"), pixels, device.tile, df, slices, buffers["noise_grains"],
                buffers["noise_cutouts"], np.int32(rectangles), key, *size, out, first=first,
            )  # fmt: skip


def _as_integers(name: str, value: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    array = np.asarray(value)
    fits = array.ndim == len(shape) and all(want in (-1, got) for got, want in zip(array.shape, shape, strict=True))
    if not fits or not np.issubdtype(array.dtype, np.integer):
        raise InvalidInput(f"{name}: expected integers of shape {shape}, got {array.dtype} of shape {array.shape}")
    return array
