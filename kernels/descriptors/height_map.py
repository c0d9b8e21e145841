"""height_map (physics.md §7): the surface on which a rigid probe particle feels a given vertical force."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kernels.descriptors.base import DESCRIPTORS, Buffers, Descriptor, RigidProbe, require_below_zero
from kernels.descriptors.canvas import Canvas, Scene
from kernels.descriptors.surface import Surface
from kernels.device.device import Device
from kernels.force_fields.base import Arrays


@DESCRIPTORS.register
@dataclass(frozen=True)
class HeightMap(Descriptor):
    """The height, Å, of the surface above the map's lowest value.

    It is made with the force field of a molecule's last image; that image is flagged if there is no surface.
    """

    KIND: ClassVar[str] = "height_map"
    #: The vertical force of the surface, eV/Å.
    iso: float
    #: The lowest value of the map relative to its highest, Å, below 0.
    zmin: float

    def __post_init__(self) -> None:
        require_below_zero("zmin", self.zmin)

    def arrays(self, scene: Scene) -> Arrays:
        """Return the arrays of the surface."""
        return Surface(self.iso, self.zmin).arrays(scene)

    def launch(self, device: Device, canvas: Canvas, probe: RigidProbe, buffers: Buffers) -> None:
        """Enqueue the search for the surface and its heights."""
        Surface(self.iso, self.zmin).search(device, canvas, probe, buffers)
        launch_heights(device, canvas, probe, buffers, self.zmin)


def launch_heights(device: Device, canvas: Canvas, probe: RigidProbe, buffers: Buffers, zmin: float) -> None:
    """Enqueue the conversion of a surface's depths on the canvas to heights above the map's lowest value."""
    kernel = device.kernel("height_map", "descriptors/height_map.cl")
    images, last, quality = (probe.buffers[name] for name in ("images", "last", "quality"))
    canvas.launch(device, kernel, images, last, np.float32(zmin), buffers["levels"], quality)
