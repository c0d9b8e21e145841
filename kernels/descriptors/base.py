"""This is the interface of image descriptors (physics.md §7): maps over a lateral window of each molecule."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints
from kernels.descriptors.canvas import Canvas, Scene
from kernels.device.device import Define, Device
from kernels.errors import InvalidInput
from kernels.force_fields.base import Arrays, Group, PreparedForceField
from kernels.registry import Registry

Buffers: TypeAlias = "Mapping[str, cl.Buffer]"


@dataclass(frozen=True, eq=False)
class RigidProbe:
    """A rigid probe under the tip of each molecule's last image, for maps that are made with the force field."""

    force_field: PreparedForceField
    #: The launches for the last images of all molecules of the batch.
    groups: list[Group]
    #: The images of the partition whose maps are made.
    images: range
    #: The arrays of the whole batch on the device: those of the force field, the lists of the groups, "images",
    #: "molecules" (the molecule of each image), "last" (the last image of each molecule) and "quality".
    buffers: Buffers


class Descriptor(ABC):
    """Makes one or more maps of each molecule. Subclasses are dataclasses of their parameters, without defaults."""

    KIND: ClassVar[str]

    @property
    def channels(self) -> int:
        """The number of maps of a molecule."""
        return 1

    @abstractmethod
    def arrays(self, scene: Scene) -> Arrays:
        """Return the arrays to upload for the kernels of the descriptor; raises InvalidInput."""

    @abstractmethod
    def launch(self, device: Device, canvas: Canvas, probe: RigidProbe, buffers: Buffers) -> None:
        """Enqueue the maps of the molecules of the canvas; `buffers` are the uploaded `arrays`."""


DESCRIPTORS: Registry[Descriptor] = Registry("descriptor")
"""Descriptors by kind."""


@dataclass(frozen=True, eq=False)
class Records:
    """The input of a map's kernel, in the order of molecules.

    rows: (R, 4) or (R, 8) f4, the columns that the kernel reads.
    offsets: (B + 1,) i4; molecule b has the rows from offsets[b] to offsets[b + 1].
    """

    rows: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int32]

    def arrays(self) -> Arrays:
        """Return the arrays for the kernels' MAP_PARAMETERS."""
        return {"records": self.rows, "offsets": self.offsets}


def pack(columns: "list[Floats]", molecule: Ints, molecules: int) -> Records:
    """Return records of columns, (R,) f8 each; `molecule`, (R,) i8, ascending, is the molecule of each row."""
    rows = np.stack(columns, axis=1).astype(np.float32)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(molecule, minlength=molecules))))
    return Records(rows, offsets.astype(np.int32))


class AtomMap(Descriptor):
    """A descriptor that one kernel makes from the atoms alone."""

    #: The .cl file with the kernel, which is named after the file.
    file: ClassVar[Path]

    @abstractmethod
    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """Return the kernel's input; `xy` are the atoms' positions relative to the window's centre, (N, 2) f8, Å."""

    @abstractmethod
    def parameters(self) -> tuple[np.float32 | np.int32, ...]:
        """Return the kernel's arguments after the records."""

    def defines(self) -> dict[str, Define]:
        """Return the defines that the program is built with."""
        return {}

    def arrays(self, scene: Scene) -> Arrays:
        """Return the records."""
        return self.records(scene.atoms, scene.xy).arrays()

    def launch(self, device: Device, canvas: Canvas, probe: RigidProbe, buffers: Buffers) -> None:
        """Enqueue the kernel over all pixels."""
        kernel = device.kernel(self.file.stem, self.file, **self.defines())
        canvas.launch(device, kernel, *buffers.values(), *self.parameters())


def require_below_zero(name: str, value: float) -> None:
    """Raise InvalidInput unless value < 0: depths are measured downwards from the top."""
    if not value < 0:
        raise InvalidInput(f"{name}: must be below 0 (Å, measured from the top), got {value}")
