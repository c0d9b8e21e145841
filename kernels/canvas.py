"""Where a descriptor's map is drawn: pixels over a lateral window of each molecule, in an array of maps."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints
from kernels.device import Device
from kernels.scan import Images, PixelGrid


@dataclass(frozen=True, eq=False)
class Scene:
    """What maps are made of: the molecules, each one's last image, and pixels over it, which many maps may share.

    last (B,) are the numbers of those images; grid has B windows, the scan's or a map's own, in the same frame.
    """

    atoms: Atoms
    images: Images
    last: Ints
    grid: PixelGrid

    @cached_property
    def xy(self) -> Floats:
        """(N, 2) Å: the atoms' lateral positions from the middle of the window."""
        return np.asarray(self.atoms.xyz[:, :2] - self.grid.centre[self.atoms.molecule])

    @cached_property
    def shift(self) -> Floats:
        """(B, 2) Å: from the middle of the scan's window to that of this one."""
        return np.asarray(self.grid.centre - self.images.grid.of(self.last).centre)

    @cached_property
    def probe(self) -> Floats:
        """(B, 3) Å: where an unloaded probe hangs when its tip is highest: x and y from the pixel, z as the atoms'."""
        offset, top = self.images.equilibrium[self.last], self.images.window[self.last, 1, 2]
        return np.column_stack((offset[:, :2], top + offset[:, 2]))

    def places(self) -> npt.NDArray[np.float32]:
        """(B, 4) for the kernels: step x, step y, shift x, shift y."""
        return np.column_stack((self.grid.step, self.shift)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Canvas:
    """Channels from `channel` on of maps (molecules, channels, nx, ny) f4, whose pixels are at `places`."""

    places: "cl.Buffer"
    nx: int
    ny: int
    molecules: range
    channel: int
    channels: int
    maps: "cl.Buffer"

    def arguments(self) -> list[Any]:
        """The kernels' CANVAS_PARAMETERS."""
        integers = (self.nx, self.ny, self.molecules.start, self.channel, self.channels)
        return [self.places, *map(np.int32, integers), self.maps]

    def draw(self, device: Device, kernel: "cl.Kernel", *arguments: Any) -> None:
        """Enqueue a kernel of MAP_PIXEL over all pixels; its arguments after the canvas."""
        size = (-(-self.ny // device.lanes), self.nx, len(self.molecules))
        device.launch(kernel, size, device.tile, *self.arguments(), *arguments, first=self.molecules.start)
