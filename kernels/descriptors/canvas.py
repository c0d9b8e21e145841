"""Scene and Canvas describe the pixels of a descriptor's maps: on the sample, and in a buffer of maps."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints
from kernels.device.device import Device
from kernels.force_fields.base import PreparedForceField
from kernels.imaging.images import Images, PixelGrid


@dataclass(frozen=True, eq=False)
class Scene:
    """The molecules that maps are made of, and the pixels of the maps. Several maps may share a scene.

    last: (B,) i8, the last image of each molecule.
    grid: B windows, those of the last images' scans or a map's own, in the same coordinates.
    """

    atoms: Atoms
    images: Images
    force_field: PreparedForceField
    last: Ints
    grid: PixelGrid

    @cached_property
    def xy(self) -> Floats:
        """The atoms' lateral positions relative to the window's centre, (N, 2) f8, Å."""
        return np.asarray(self.atoms.xyz[:, :2] - self.grid.centre[self.atoms.molecule])

    @cached_property
    def shift(self) -> Floats:
        """The centres of the windows relative to those of the scans' windows, (B, 2) f8, Å."""
        return np.asarray(self.grid.centre - self.images.grid.of(self.last).centre)

    @cached_property
    def probe(self) -> Floats:
        """The position of an unloaded probe under the highest tip, (B, 3) f8, Å; x and y are relative to the pixel."""
        offset, top = self.images.equilibrium[self.last], self.images.window[self.last, 1, 2]
        return np.column_stack((offset[:, :2], top + offset[:, 2]))

    def pixel_grids(self) -> npt.NDArray[np.float32]:
        """Return the pixel grid of each molecule for the kernels: step x, step y, shift x, shift y, (B, 4) f4, Å."""
        return np.column_stack((self.grid.step, self.shift)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Canvas:
    """The channels from `channel` on in the buffer `maps` of a partition: (molecules, channels, nx, ny) f4."""

    #: The buffer of Scene.pixel_grids.
    pixel_grids: "cl.Buffer"
    nx: int
    ny: int
    molecules: range
    channel: int
    channels: int
    maps: "cl.Buffer"

    def arguments(self) -> list[Any]:
        """Return the arguments for the kernels' CANVAS_PARAMETERS."""
        integers = (self.nx, self.ny, self.molecules.start, self.channel, self.channels)
        return [self.pixel_grids, *map(np.int32, integers), self.maps]

    def launch(self, device: Device, kernel: "cl.Kernel", *arguments: Any) -> None:
        """Enqueue a kernel with MAP_PIXEL over all pixels; `arguments` are those after CANVAS_PARAMETERS."""
        size = (-(-self.ny // device.lanes), self.nx, len(self.molecules))
        device.launch(kernel, size, device.tile, *self.arguments(), *arguments, first=self.molecules.start)
