"""es_map (physics.md §7): the vertical electric field of the atoms' charges on a height map's surface; and that map."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from kernels.canvas import Canvas, Scene
from kernels.descriptor import Buffers, Descriptor, below_zero, pack
from kernels.device import Device
from kernels.force import Arrays, Probe
from kernels.height_map import heights
from kernels.lj_pc import COULOMB
from kernels.surface import Surface


@dataclass(frozen=True)
class EsMap(Descriptor):
    """iso and zmin as in HeightMap; maps of the field, V/Å, and of the height, Å."""

    NAME: ClassVar[str] = "es_map"
    iso: float = 0.1
    zmin: float = -2.0

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)

    @property
    def channels(self) -> int:
        """Field and height."""
        return 2

    def arrays(self, scene: Scene) -> Arrays:
        """The surface's; x, y, z from where the unloaded probe of a pixel hangs highest, and C·q of the atoms."""
        atoms, hang = scene.atoms, scene.probe[scene.atoms.molecule]
        x, y = (scene.xy - hang[:, :2]).T
        columns = [x, y, atoms.xyz[:, 2] - hang[:, 2], COULOMB * atoms.charge]
        records = pack(columns, atoms.molecule, atoms.molecules)
        return {**records.arrays(), **Surface(self.iso, self.zmin).arrays(scene)}

    def launch(self, device: Device, canvas: Canvas, probe: Probe, buffers: Buffers) -> None:
        """Find the surface's depths, read the field there, then make heights of them."""
        second = replace(canvas, channel=canvas.channel + 1)
        Surface(self.iso, self.zmin).search(device, second, probe, buffers)
        kernel = device.kernel("es_map", "vector", "pixels", "image", "depth", "es_map")
        canvas.draw(
            device, kernel, buffers["records"], buffers["offsets"], probe.buffers["images"], probe.buffers["last"],
            np.float32(self.zmin), buffers["levels"],
        )  # fmt: skip
        heights(device, second, probe, buffers, self.zmin)
