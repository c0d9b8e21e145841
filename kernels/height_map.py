"""height_map (physics.md §7): the surface on which a rigid probe particle feels a given vertical force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats
from kernels.descriptor import below_zero
from kernels.device import Device
from kernels.force import ForceModel, Group
from kernels.parts import Part
from kernels.scan import PixelGrid

NO_SURFACE = np.float32(1e9)
WARP = 32  # work-items that look at the same pixel first, so that all of a GPU's warp are there


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

    @staticmethod
    def spots(atoms: Atoms, xy: Floats, grid: PixelGrid) -> npt.NDArray[np.float32]:
        """(B, 2): x and y, from the middle of the window, of the pixel over each molecule's highest atom.

        xy (N, 2) are the atoms' lateral positions, grid the pixels of each molecule's window.
        """
        height = atoms.xyz[:, 2] + atoms.lj_radius
        highest = np.flatnonzero(height == atoms.top(height)[atoms.molecule])
        first = highest[np.searchsorted(atoms.molecule[highest], np.arange(atoms.molecules))]
        middle = (np.array([grid.nx, grid.ny]) - 1) / 2
        pixel = np.rint(xy[first] / np.where(grid.step > 0, grid.step, 1.0) + middle).clip(0, 2 * middle)
        return np.asarray((pixel - middle) * grid.step, np.float32)

    def launch(
        self, device: Device, force: ForceModel, groups: list[Group], buffers: "Mapping[str, cl.Buffer]",
        spots: "cl.Buffer", levels: "cl.Buffer", dim: tuple[int, int], part: Part, channel: int, channels: int,
        maps: "cl.Buffer", quality: "cl.Buffer",
    ) -> None:  # fmt: skip
        """Enqueue the map of the part's molecules into channel `channel` of maps (B, channels, nx, ny).

        The groups are those of the molecules' last images.
        """
        nx, ny = (np.int32(n) for n in dim)
        place = np.int32(channel), np.int32(channels), np.int32(part.molecules.start)
        iso, zmin = np.float32(self.iso), np.float32(self.zmin)
        items_y = -(-dim[1] // device.lanes)
        for group in groups:
            chosen = group.within(part.images)
            if not chosen:
                continue
            probe = [*force.arguments(group, buffers), buffers[group.key], buffers["molecules"], buffers["images"]]
            size = (items_y, dim[0], len(chosen))
            few = (1 if device.lanes > 1 else WARP, 1, len(chosen))
            bound, search, finish = (
                device.kernel(name, "vector", "pixels", "image", force.source, "height_map", **group.defines)
                for name in ("height_bound", "height_search", "height_finish")
            )
            start = chosen.start
            device.launch(bound, few, (few[0], 1, 1), *probe, nx, ny, iso, spots, levels, first=start)
            device.launch(
                search, size, device.tile, *probe, nx, ny, iso, zmin, *place, levels, maps, cl.LocalMemory(8),
                first=start,
            )  # fmt: skip
            device.launch(
                finish, size, device.tile, *probe[-3:], nx, ny, zmin, *place, levels, maps, quality, first=start
            )
