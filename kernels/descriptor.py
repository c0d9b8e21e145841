"""What image descriptors have in common (physics.md §7): maps over the lateral window of a molecule, from its atoms."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints
from kernels.device import Device
from kernels.errors import InvalidInput
from kernels.parts import Part


@dataclass(frozen=True, eq=False)
class Records:
    """What a map sums over or compares: float32 rows of 4 or 8 numbers, molecule b's are offsets[b]:offsets[b + 1]."""

    rows: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int32]


def pack(columns: "list[Floats]", molecule: Ints, molecules: int) -> Records:
    """Records from columns of equal length whose rows belong to ascending `molecule`."""
    rows = np.stack(columns, axis=1).astype(np.float32)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(molecule, minlength=molecules))))
    return Records(rows, offsets.astype(np.int32))


class AtomMap(ABC):
    """A descriptor made from the atoms alone. Its class name in snake case is its kernel's name."""

    NAME: ClassVar[str]
    CHANNELS: ClassVar[int] = 1

    @abstractmethod
    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """The kernel's input; xy (N, 2) are the atoms' lateral positions from the middle of the window."""

    @abstractmethod
    def parameters(self) -> tuple[float, ...]:
        """The kernel's numbers."""

    def launch(
        self, device: Device, records: "cl.Buffer", offsets: "cl.Buffer", steps: "cl.Buffer",
        dim: tuple[int, int], part: Part, channel: int, channels: int, maps: "cl.Buffer",
    ) -> None:  # fmt: skip
        """Enqueue the map of the part's molecules into channel `channel` of maps (B, channels, nx, ny)."""
        nx, ny = dim
        molecules = part.molecules
        kernel = device.kernel(self.NAME, "vector", "pixels", self.NAME)
        scalars: list[Any] = [np.int32(n) for n in (nx, ny, molecules.start, channel, channels)]
        parameters = [np.float32(value) for value in self.parameters()]
        device.launch(
            kernel, (-(-ny // device.lanes), nx, len(molecules)), device.tile, records, offsets, steps, *scalars, maps,
            *parameters, first=molecules.start,
        )  # fmt: skip


def below_zero(name: str, value: float) -> None:
    """Raises InvalidInput unless value < 0: depths are measured downwards from the top."""
    if not value < 0:
        raise InvalidInput(f"{name}: must lie below the top, that is below 0, got {value}")
