"""height_map (physics.md §7): the surface on which a rigid probe particle feels a given vertical force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.descriptor import below_zero
from kernels.device import Device
from kernels.force import ForceModel, Group
from kernels.parts import Part

NO_SURFACE = np.float32(1e9)
BOUND_PIXELS = (4, 16)  # x and y distance of the pixels that are looked at first


@dataclass(frozen=True)
class HeightMap:
    """iso eV/Å, the vertical force that marks the surface; zmin Å, how deep the map reaches below its highest point.

    Made with the force field of a molecule's last image; that image is flagged where no surface is met.
    """

    NAME: ClassVar[str] = "height_map"
    CHANNELS: ClassVar[int] = 1
    iso: float = 0.1
    zmin: float = -2.0

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)

    @staticmethod
    def levels(molecules: int) -> npt.NDArray[np.int32]:
        """(B, 3): first bound, highest and deepest crossing before any was seen, in steps, as float bits."""
        level = np.array([NO_SURFACE, NO_SURFACE, 0], np.float32)
        return np.tile(level.view(np.int32), (molecules, 1))

    def launch(
        self, device: Device, force: ForceModel, groups: list[Group], buffers: "Mapping[str, cl.Buffer]",
        levels: "cl.Buffer", dim: tuple[int, int, int], part: Part, channel: int, channels: int, maps: "cl.Buffer",
        quality: "cl.Buffer",
    ) -> None:  # fmt: skip
        """Enqueue the map of the part's molecules into channel `channel` of maps (B, channels, nx, ny).

        The groups are those of the molecules' last images.
        """
        nx, ny, nz = (np.int32(n) for n in dim)
        place = np.int32(channel), np.int32(channels), np.int32(part.molecules.start)
        iso, zmin = np.float32(self.iso), np.float32(self.zmin)
        items_y = -(-dim[1] // device.lanes)
        stride_x, stride_y = BOUND_PIXELS[0], max(BOUND_PIXELS[1], device.lanes)
        for group in groups:
            chosen = group.within(part.images)
            if not chosen:
                continue
            probe = [*force.arguments(group, buffers), buffers[group.key], buffers["molecules"], buffers["images"]]
            size = (items_y, dim[0], len(chosen))
            few = (-(-dim[1] // stride_y), -(-dim[0] // stride_x), len(chosen))
            bound, search, finish = (
                device.kernel(name, "vector", "pixels", "image", force.source, "height_map", **group.defines)
                for name in ("height_bound", "height_search", "height_finish")
            )
            start = chosen.start
            device.launch(
                bound, few, device.tile, *probe, nx, ny, nz, iso, np.int32(stride_x), np.int32(stride_y), levels,
                first=start,
            )  # fmt: skip
            device.launch(search, size, device.tile, *probe, nx, ny, nz, iso, zmin, *place, levels, maps, first=start)
            device.launch(
                finish, size, device.tile, *probe[-3:], nx, ny, zmin, *place, levels, maps, quality, first=start
            )
