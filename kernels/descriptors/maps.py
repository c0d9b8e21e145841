"""Maps pair descriptors with windows and sizes; map arrays hold the maps of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints, as_floats
from kernels.descriptors.base import Descriptor, RigidProbe
from kernels.descriptors.canvas import Canvas, Scene
from kernels.device.device import Device
from kernels.errors import InvalidInput
from kernels.force_fields.base import Arrays, PreparedForceField
from kernels.imaging.images import Images, PixelGrid


@dataclass(frozen=True, eq=False)
class Map:
    """A descriptor with the window and the size of its maps.

    window: (2, 2) f8 for all molecules or (B, 2, 2) f8, Å, the lateral window ((x0, y0), (x1, y1)) in the coordinates
        of Images.window; None: that of the molecule's last image.
    dim: (nx, ny) pixels; None: those of the images.

    Raises InvalidInput if a shape does not fit.
    """

    descriptor: Descriptor
    window: npt.ArrayLike | None = None
    dim: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.dim is not None:
            if len(self.dim) != 2 or any(int(n) != n or n < 1 for n in self.dim):
                raise InvalidInput(f"dim: expected two integers of at least 1 (pixels along x and y), got {self.dim}")
            object.__setattr__(self, "dim", tuple(int(n) for n in self.dim))
        if self.window is not None:
            as_floats("window", self.window, (2, 2) if np.ndim(self.window) == 2 else (-1, 2, 2))

    def windows(self, scan: Floats) -> Floats:
        """Return the window of each molecule, (B, 2, 2) f8, Å. Raises InvalidInput.

        scan: (B, 2, 2) f8, Å, the windows of the scans.
        """
        if self.window is None:
            return scan
        own = np.asarray(self.window, np.float64)
        if own.ndim == 3 and len(own) != len(scan):
            raise InvalidInput(
                f"window: expected one window, or one for each of the {len(scan)} molecules, got {len(own)}"
            )
        return np.broadcast_to(own, scan.shape)


@dataclass(frozen=True, eq=False)
class PlacedDescriptor:
    """A descriptor and the place of its maps in a map array."""

    descriptor: Descriptor
    #: The first of its channels in the map array.
    channel: int
    #: The name of the Scene.pixel_grids of its maps among the arrays of the batch.
    pixel_grids: str
    #: The names of the descriptor's arrays among the arrays of the batch, by the descriptor's own names.
    arrays: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class MapArray:
    """Maps of one size: an array (B, channels, nx, ny) f4 of the result."""

    nx: int
    ny: int
    descriptors: tuple[PlacedDescriptor, ...]

    @property
    def channels(self) -> int:
        """The number of maps of a molecule."""
        return sum(placed.descriptor.channels for placed in self.descriptors)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the maps of a molecule."""
        return self.channels, self.nx, self.ny

    @property
    def nbytes(self) -> int:
        """The bytes of the maps of a molecule."""
        return 4 * self.channels * self.nx * self.ny

    def launch(self, device: Device, probe: RigidProbe, molecules: range, maps: "cl.Buffer") -> None:
        """Enqueue all maps of these molecules."""
        for placed in self.descriptors:
            canvas = Canvas(
                probe.buffers[placed.pixel_grids], self.nx, self.ny, molecules, placed.channel, self.channels, maps
            )
            own = {name: probe.buffers[key] for name, key in placed.arrays.items()}
            placed.descriptor.launch(device, canvas, probe, own)


def plan_maps(
    atoms: Atoms, images: Images, force_field: PreparedForceField, last: Ints, maps: Sequence[Map]
) -> tuple[tuple[MapArray, ...], Arrays]:
    """Arrange maps in map arrays; return these and the arrays to upload.

    The first map array has all maps of the images' size; each of the others has the maps of one descriptor of another
    size. Pixel grids that several maps share are uploaded once. last: (B,) i8, the last image of each molecule. Raises
    InvalidInput.
    """
    nx, ny = images.dim
    scenes: dict[tuple[bytes | None, int, int], tuple[str, Scene]] = {}
    scan = images.window[last, :, :2]
    common: list[PlacedDescriptor] = []
    separate: list[MapArray] = []
    arrays: Arrays = {}
    channel = 0
    for index, item in enumerate(maps):
        dim = item.dim or (nx, ny)
        key = (None if item.window is None else np.asarray(item.window, np.float64).tobytes(), *dim)
        if key not in scenes:
            grids = f"pixel_grids_{len(scenes)}"
            scenes[key] = grids, Scene(atoms, images, force_field, last, PixelGrid(*dim, item.windows(scan)))
            arrays[grids] = scenes[key][1].pixel_grids()
        grids, scene = scenes[key]
        own = item.descriptor.arrays(scene)
        names = {name: f"{name}_{index}" for name in own}
        arrays |= {names[name]: array for name, array in own.items()}
        if item.dim is None:
            common.append(PlacedDescriptor(item.descriptor, channel, grids, names))
            channel += item.descriptor.channels
        else:
            separate.append(MapArray(*dim, (PlacedDescriptor(item.descriptor, 0, grids, names),)))
    return (MapArray(nx, ny, tuple(common)), *separate), arrays
