"""The surface on which a rigid probe particle feels a given vertical force (physics.md §7), for the maps made of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.canvas import Canvas, Scene
from kernels.descriptor import Buffers
from kernels.device import Device
from kernels.force import Arrays, Probe

NO_SURFACE = np.float32(1e9)
WARP = 32  # work-items that look at the same pixel first, so that all of a GPU's warp are there


@dataclass(frozen=True)
class Surface:
    """iso eV/Å, the force that marks it; zmin Å, how deep below its highest point it is looked for."""

    iso: float
    zmin: float

    def arrays(self, scene: Scene) -> Arrays:
        """levels (B, 3): first bound, highest and deepest crossing before any was seen, in steps, as float bits; spots
        (B, 2): x and y, from the middle of the scan's window, of the pixel over each molecule's highest atom."""
        level = np.array([NO_SURFACE, NO_SURFACE, 0], np.float32)
        return {"levels": np.tile(level.view(np.int32), (scene.atoms.molecules, 1)), "spots": _spots(scene)}

    def search(self, device: Device, canvas: Canvas, probe: Probe, buffers: Buffers) -> None:
        """Enqueue: each pixel's depth in steps below z1 to the canvas, and what `levels` are."""
        iso, zmin = np.float32(self.iso), np.float32(self.zmin)
        levels = buffers["levels"]
        for group in probe.groups:
            chosen = group.within(probe.images)
            if not chosen:
                continue
            sample = [
                *probe.force.arguments(group, probe.buffers), probe.buffers[group.key], probe.buffers["molecules"],
                probe.buffers["images"], iso, levels,
            ]  # fmt: skip
            size = (-(-canvas.ny // device.lanes), canvas.nx, len(chosen))
            few = (1 if device.lanes > 1 else WARP, 1, len(chosen))
            sources = ("vector", "pixels", "image", probe.force.source, "depth", "surface")
            bound, search = (
                device.kernel(f"surface_{name}", *sources, **group.defines) for name in ("bound", "search")
            )
            start = chosen.start
            device.launch(bound, few, (few[0], 1, 1), *sample, buffers["spots"], first=start)
            device.launch(
                search, size, device.tile, *sample, zmin, *canvas.arguments(), cl.LocalMemory(8), first=start
            )  # fmt: skip


def _spots(scene: Scene) -> npt.NDArray[np.float32]:
    atoms, grid = scene.atoms, scene.grid
    height = atoms.xyz[:, 2] + atoms.lj_radius
    highest = np.flatnonzero(height == atoms.top(height)[atoms.molecule])
    first = highest[np.searchsorted(atoms.molecule[highest], np.arange(atoms.molecules))]
    middle = (np.array([grid.nx, grid.ny]) - 1) / 2
    pixel = np.rint(scene.xy[first] / np.where(grid.step > 0, grid.step, 1.0) + middle).clip(0, 2 * middle)
    return np.asarray((pixel - middle) * grid.step + scene.shift, np.float32)
