"""What image descriptors have in common (physics.md §7): maps over a lateral window of each molecule."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints
from kernels.canvas import Canvas, Scene
from kernels.device import Device
from kernels.errors import InvalidInput
from kernels.force import Arrays, Probe

Buffers: TypeAlias = "Mapping[str, cl.Buffer]"


class Descriptor(ABC):
    """One or more maps of each molecule."""

    NAME: ClassVar[str]

    @property
    def channels(self) -> int:
        """How many maps it makes of a molecule."""
        return 1

    @abstractmethod
    def arrays(self, scene: Scene) -> Arrays:
        """What its kernels read, to be uploaded."""

    @abstractmethod
    def launch(self, device: Device, canvas: Canvas, probe: Probe, buffers: Buffers) -> None:
        """Enqueue its maps of the canvas' molecules; buffers are `arrays`."""


@dataclass(frozen=True, eq=False)
class Records:
    """What a map sums over or compares: float32 rows of 4 or 8 numbers, molecule b's are offsets[b]:offsets[b + 1]."""

    rows: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int32]

    def arrays(self) -> Arrays:
        """What MAP_PARAMETERS read."""
        return {"records": self.rows, "offsets": self.offsets}


def pack(columns: "list[Floats]", molecule: Ints, molecules: int) -> Records:
    """Records from columns of equal length whose rows belong to ascending `molecule`."""
    rows = np.stack(columns, axis=1).astype(np.float32)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(molecule, minlength=molecules))))
    return Records(rows, offsets.astype(np.int32))


class AtomMap(Descriptor):
    """A descriptor made from the atoms alone, by one kernel."""

    @property
    def kernel(self) -> str:
        """The kernel's name, and its file's stem."""
        return self.NAME

    @abstractmethod
    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """The kernel's input; xy (N, 2) are the atoms' lateral positions from the middle of the window."""

    @abstractmethod
    def parameters(self) -> tuple[np.float32 | np.int32, ...]:
        """The kernel's numbers."""

    def sources(self) -> tuple[str, ...]:
        """The .cl files that its program is made of."""
        return ("vector", "pixels", self.kernel)

    def defines(self) -> dict[str, int]:
        """How to build the program."""
        return {}

    def arrays(self, scene: Scene) -> Arrays:
        """The records."""
        return self.records(scene.atoms, scene.xy).arrays()

    def launch(self, device: Device, canvas: Canvas, probe: Probe, buffers: Buffers) -> None:
        """Its kernel, over all pixels."""
        kernel = device.kernel(self.kernel, *self.sources(), **self.defines())
        canvas.draw(device, kernel, *buffers.values(), *self.parameters())


def below_zero(name: str, value: float) -> None:
    """Raises InvalidInput unless value < 0: depths are measured downwards from the top."""
    if not value < 0:
        raise InvalidInput(f"{name}: must lie below the top, that is below 0, got {value}")
