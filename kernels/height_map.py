"""height_map (physics.md §7): the surface on which a rigid probe particle feels a given vertical force."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kernels.canvas import Canvas, Scene
from kernels.descriptor import Buffers, Descriptor, below_zero
from kernels.device import Device
from kernels.force import Arrays, Probe
from kernels.surface import Surface


@dataclass(frozen=True)
class HeightMap(Descriptor):
    """iso eV/Å, the vertical force that marks the surface; zmin Å, how deep the map reaches below its highest point.

    Made with the force field of a molecule's last image; that image is flagged where no surface is met.
    """

    NAME: ClassVar[str] = "height_map"
    iso: float = 0.1
    zmin: float = -2.0

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)

    def arrays(self, scene: Scene) -> Arrays:
        """The surface's."""
        return Surface(self.iso, self.zmin).arrays(scene)

    def launch(self, device: Device, canvas: Canvas, probe: Probe, buffers: Buffers) -> None:
        """Find the surface's depths, then make heights of them."""
        Surface(self.iso, self.zmin).search(device, canvas, probe, buffers)
        heights(device, canvas, probe, buffers, self.zmin)


def heights(device: Device, canvas: Canvas, probe: Probe, buffers: Buffers, zmin: float) -> None:
    """Enqueue: a surface's depths, on the canvas, become heights above the map's lowest value."""
    kernel = device.kernel("height_map", "vector", "pixels", "image", "depth", "height_map")
    images, last, quality = (probe.buffers[name] for name in ("images", "last", "quality"))
    canvas.draw(device, kernel, images, last, np.float32(zmin), buffers["levels"], quality)
