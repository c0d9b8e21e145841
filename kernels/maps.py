"""The maps asked for of a batch: what is drawn where, and the arrays that hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints, as_floats
from kernels.canvas import Canvas, Scene
from kernels.descriptor import Descriptor
from kernels.device import Device
from kernels.errors import InvalidInput
from kernels.force import Arrays, Probe
from kernels.scan import Images, PixelGrid


@dataclass(frozen=True, eq=False)
class Map:
    """A descriptor, and where to draw it.

    window: the lateral window ((x0, y0), (x1, y1)) in Å, (2, 2) for all molecules or (B, 2, 2), in the frame of
    Images.window; None: that of the molecule's last image. dim: (nx, ny) pixels; None: the scan's. Raises InvalidInput.
    """

    descriptor: Descriptor
    window: npt.ArrayLike | None = None
    dim: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.dim is not None:
            if len(self.dim) != 2 or any(int(n) != n or n < 1 for n in self.dim):
                raise InvalidInput(f"dim: two integers of at least 1, got {self.dim}")
            object.__setattr__(self, "dim", tuple(int(n) for n in self.dim))
        if self.window is not None:
            as_floats("window", self.window, (2, 2) if np.ndim(self.window) == 2 else (-1, 2, 2))

    def windows(self, scan: Floats) -> Floats:
        """(B, 2, 2): each molecule's window, where those of the scan are (B, 2, 2). Raises InvalidInput."""
        if self.window is None:
            return scan
        own = np.asarray(self.window, np.float64)
        if own.ndim == 3 and len(own) != len(scan):
            raise InvalidInput(f"window: one, or one for each of {len(scan)} molecules, got {len(own)}")
        return np.broadcast_to(own, scan.shape)


@dataclass(frozen=True, eq=False)
class Drawing:
    """A descriptor's place on its sheet: its first channel, and the names among the batch's arrays of its pixels'
    places and of what it reads."""

    descriptor: Descriptor
    channel: int
    places: str
    arrays: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Sheet:
    """Maps of one size: an array (B, channels, nx, ny) f4 of the result."""

    nx: int
    ny: int
    drawings: tuple[Drawing, ...]

    @property
    def channels(self) -> int:
        """How many maps of a molecule it has."""
        return sum(drawing.descriptor.channels for drawing in self.drawings)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a molecule's maps."""
        return self.channels, self.nx, self.ny

    @property
    def nbytes(self) -> int:
        """Of a molecule's maps."""
        return 4 * self.channels * self.nx * self.ny

    def draw(self, device: Device, probe: Probe, molecules: range, maps: "cl.Buffer") -> None:
        """Enqueue all its maps of these molecules."""
        for drawing in self.drawings:
            canvas = Canvas(
                probe.buffers[drawing.places], self.nx, self.ny, molecules, drawing.channel, self.channels, maps
            )
            own = {name: probe.buffers[key] for name, key in drawing.arrays.items()}
            drawing.descriptor.launch(device, canvas, probe, own)


def lay_out(atoms: Atoms, images: Images, last: Ints, maps: Sequence[Map]) -> tuple[tuple[Sheet, ...], Arrays]:
    """The sheets of a batch, the first of all maps of the scan's size, then one for each other; and what is uploaded.

    last (B,): each molecule's last image. Pixels that several maps share are made and uploaded once. Raises
    InvalidInput.
    """
    nx, ny = images.dim
    scenes: dict[tuple[bytes | None, int, int], tuple[str, Scene]] = {}
    scan = images.window[last, :, :2]
    common: list[Drawing] = []
    own: list[Sheet] = []
    arrays: Arrays = {}
    channel = 0
    for index, item in enumerate(maps):
        dim = item.dim or (nx, ny)
        key = (None if item.window is None else np.asarray(item.window, np.float64).tobytes(), *dim)
        if key not in scenes:
            places = f"places_{len(scenes)}"
            scenes[key] = places, Scene(atoms, images, last, PixelGrid(*dim, item.windows(scan)))
            arrays[places] = scenes[key][1].places()
        places, scene = scenes[key]
        read = item.descriptor.arrays(scene)
        names = {name: f"{name}_{index}" for name in read}
        arrays |= {names[name]: array for name, array in read.items()}
        if item.dim is None:
            common.append(Drawing(item.descriptor, channel, places, names))
            channel += item.descriptor.channels
        else:
            own.append(Sheet(*dim, (Drawing(item.descriptor, 0, places, names),)))
    return (Sheet(nx, ny, tuple(common)), *own), arrays
