"""Surface finds where a rigid probe particle feels a given vertical force (physics.md §7); several maps show it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.descriptors.base import Buffers, RigidProbe
from kernels.descriptors.canvas import Canvas, Scene
from kernels.device.device import Device
from kernels.device.shared import share_constants, share_struct
from kernels.force_fields.base import Arrays

NO_SURFACE = 1e9
WARP = 32  # work-items of a GPU that take the same branches; so many identical ones search the first pixel
# Depths at which a molecule's surface is met, as the bits of floats: in the first pixel searched, highest, deepest.
LEVELS = share_struct("levels_t", [("first", "i4"), ("highest", "i4"), ("deepest", "i4")])
share_constants("surface_constants", NO_SURFACE=NO_SURFACE)


@dataclass(frozen=True)
class Surface:
    """The surface of vertical force `iso`, in eV/Å; it is searched down to −zmin Å below its highest point."""

    iso: float
    zmin: float

    def arrays(self, scene: Scene) -> Arrays:
        """Return the arrays of the search.

        levels: (B,) of LEVELS, the values before the search.
        first_pixels: (B, 2) f4, Å, the pixel that is searched first, relative to the centre of the scan's window.
        """
        depth = np.array([NO_SURFACE, NO_SURFACE, 0], np.float32).view(LEVELS)
        return {"levels": np.tile(depth, scene.atoms.molecules), "first_pixels": _first_pixels(scene)}

    def search(self, device: Device, canvas: Canvas, probe: RigidProbe, buffers: Buffers) -> None:
        """Enqueue the search: each pixel of the canvas receives its depth in steps below z1; `levels` are updated."""
        iso, zmin = np.float32(self.iso), np.float32(self.zmin)
        levels = buffers["levels"]
        for group in probe.groups:
            chosen = group.within(probe.images)
            if not chosen:
                continue
            sample = [
                *probe.force_field.arguments(group, probe.buffers), probe.buffers[group.key],
                probe.buffers["molecules"], probe.buffers["images"], iso, levels,
            ]  # fmt: skip
            size = (-(-canvas.ny // device.lanes), canvas.nx, len(chosen))
            one_pixel = (1 if device.lanes > 1 else WARP, 1, len(chosen))
            bound, search = (
                device.kernel(
                    name, "descriptors/surface.cl", FORCE_FIELD=probe.force_field.file, **group.defines
                )
                for name in ("surface_bound", "surface_search")
            )  # fmt: skip
            start = chosen.start
            device.launch(bound, one_pixel, (one_pixel[0], 1, 1), *sample, buffers["first_pixels"], first=start)
            device.launch(
                search, size, device.tile, *sample, zmin, *canvas.arguments(), cl.LocalMemory(8), first=start
            )  # fmt: skip


def _first_pixels(scene: Scene) -> npt.NDArray[np.float32]:
    """Return the pixel nearest to the point where the force field expects the surface to be highest, (B, 2) f4, Å."""
    grid = scene.grid
    points = scene.force_field.highest_points() - grid.centre
    middle = (np.array([grid.nx, grid.ny]) - 1) / 2
    pixel = np.rint(points / np.where(grid.step > 0, grid.step, 1.0) + middle).clip(0, 2 * middle)
    return np.asarray((pixel - middle) * grid.step + scene.shift, np.float32)
