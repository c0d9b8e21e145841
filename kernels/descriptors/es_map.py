"""es_map (physics.md §7): a height map, and the vertical electric field of the atoms' charges on its surface."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from kernels.constants import COULOMB
from kernels.descriptors.base import DESCRIPTORS, Buffers, Descriptor, RigidProbe, pack, require_below_zero
from kernels.descriptors.canvas import Canvas, Scene
from kernels.descriptors.height_map import launch_heights
from kernels.descriptors.surface import Surface
from kernels.device.device import Device
from kernels.force_fields.base import Arrays


@DESCRIPTORS.register
@dataclass(frozen=True)
class EsMap(Descriptor):
    """Two maps: the field, V/Å, on the surface of a height map, and the height, Å."""

    KIND: ClassVar[str] = "es_map"
    #: The vertical force of the surface, eV/Å.
    iso: float
    #: The lowest value of the height map relative to its highest, Å, below 0.
    zmin: float

    def __post_init__(self) -> None:
        require_below_zero("zmin", self.zmin)

    @property
    def channels(self) -> int:
        """The number of maps: field and height."""
        return 2

    def arrays(self, scene: Scene) -> Arrays:
        """Return the arrays of the surface and, for each atom, its position and charge.

        Positions are relative to the unloaded probe of a pixel under the highest tip; charges are times COULOMB.
        """
        atoms, start = scene.atoms, scene.probe[scene.atoms.molecule]
        x, y = (scene.xy - start[:, :2]).T
        columns = [x, y, atoms.xyz[:, 2] - start[:, 2], COULOMB * atoms.charge]
        records = pack(columns, atoms.molecule, atoms.molecules)
        return {**records.arrays(), **Surface(self.iso, self.zmin).arrays(scene)}

    def launch(self, device: Device, canvas: Canvas, probe: RigidProbe, buffers: Buffers) -> None:
        """Enqueue the search for the surface, the field on it, and the heights."""
        second = replace(canvas, channel=canvas.channel + 1)
        Surface(self.iso, self.zmin).search(device, second, probe, buffers)
        kernel = device.kernel("es_map", "descriptors/es_map.cl")
        canvas.launch(
            device, kernel, buffers["records"], buffers["offsets"], probe.buffers["images"], probe.buffers["last"],
            np.float32(self.zmin), buffers["levels"],
        )  # fmt: skip
        launch_heights(device, second, probe, buffers, self.zmin)
