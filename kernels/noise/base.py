"""This is the interface of noise steps, which change simulated images before they are downloaded."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.device.device import Device
from kernels.device.shared import share_struct
from kernels.errors import InvalidInput
from kernels.force_fields.base import Arrays
from kernels.imaging.images import Images
from kernels.partition import Partition
from kernels.registry import Registry

Buffers: TypeAlias = "Mapping[str, cl.Buffer]"
# (value − mean)·scale normalises a slice; range is the difference between its highest and its lowest value.
SLICE = share_struct("slice_t", [("mean", "f4"), ("scale", "f4"), ("range", "f4")])


class Statistics(IntEnum):
    """The statistics of slices that a step reads."""

    NONE = 0
    #: slice_t.mean and slice_t.range.
    RANGE = 1
    #: slice_t.scale as well, which takes another pass over the pixels.
    DEVIATION = 2


@dataclass(frozen=True, eq=False)
class ImageBlock:
    """The whole images of a partition on a device: (images, nx, ny, n_out) f4 in a buffer."""

    device: Device
    dim: tuple[int, int]
    n_out: int
    partition: Partition

    def sizes(self) -> list[np.int32]:
        """Return the kernels' arguments nx, ny, n_out and first, the number of the first image in the buffer."""
        return [np.int32(n) for n in (*self.dim, self.n_out, self.partition.images.start)]

    def launch(self, kernel: "cl.Kernel", *arguments: Any) -> None:
        """Enqueue a kernel with IMAGE_PIXEL over all pixels."""
        nx, ny = self.dim
        size = (-(-ny // self.device.lanes), nx, len(self.partition.images))
        self.device.launch(kernel, size, self.device.tile, *arguments, first=self.partition.images.start)


class NoiseStep(ABC):
    """A change of M images. Subclasses are dataclasses of arrays, image by image, without defaults."""

    KIND: ClassVar[str]

    @abstractmethod
    def arrays(self, images: Images) -> Arrays:
        """Return the arrays to upload; raises InvalidInput if the step is not for these images."""

    def check_images(self, images: Images, **arrays: npt.NDArray[Any]) -> None:
        """Raise InvalidInput unless each of these arrays has one entry for each image."""
        for name, array in arrays.items():
            if len(array) != len(images):
                raise InvalidInput(
                    f"noise.{self.KIND}.{name}: expected one entry for each of {len(images)} images, got {len(array)}"
                )


class SliceStep(NoiseStep):
    """A step that computes a pixel from several pixels of its slice, by a kernel of its own.

    It changes the slices: the next step that reads statistics has them computed again.
    """

    @abstractmethod
    def launch(self, block: ImageBlock, buffers: Buffers, values: "cl.Buffer", out: "cl.Buffer") -> None:
        """Enqueue the step from `values` to `out`, two buffers of images; `buffers` are the uploaded `arrays`."""


class PointStep(NoiseStep):
    """A step that computes a pixel from that pixel alone. Adjacent ones run in one kernel (points.cl).

    With K its KIND, its .cl file defines

    - `K_pixel_t`, a struct with the data of the step for one pixel, which is kept from slice to slice;
    - `K_pixel_t K_open(parameters…, pixel_t pixel)`, called once for each pixel;
    - `real K_apply(K_pixel_t *, real value, slice_t *slice, int k)`, the new value in slice k; k counts up from 0.
    """

    file: ClassVar[Path]
    #: The members of `slice` that K_apply reads.
    STATISTICS: ClassVar[Statistics]
    #: True: the step changes the slices, for example their scale, and K_apply updates `slice` accordingly. False: the
    #: step adds to the slices, and steps after it read the same statistics as this one.
    CHANGES_SLICES: ClassVar[bool] = False
    #: The C types of the parameters of K_open.
    PARAMETERS: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def arguments(self, buffers: Buffers) -> list[Any]:
        """Return the arguments for PARAMETERS; `buffers` are the uploaded `arrays`."""


NOISE_STEPS: Registry[NoiseStep] = Registry("noise step")
"""Noise steps by kind."""
