"""This is the interface between a force field and the kernels that move a probe particle: imaging and height map.

A force field is a folder with a class, which prepares a batch on the host, and a .cl file with the functions that are
described in force_field.cl.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Floats, Ints
from kernels.device.device import Device
from kernels.device.workspace import Workspace
from kernels.imaging.images import Images
from kernels.per_image_atoms import PerImageAtoms
from kernels.registry import Registry
from kernels.sample_frames import SampleFrames

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]
STAGE_BYTES = 16 << 10
"""The bytes of a work-group's local memory that a force field may use."""


@dataclass(frozen=True, eq=False)
class Group:
    """The images of one launch, in ascending order."""

    #: The name of the list of these images among the uploaded arrays.
    key: str
    #: (n,) numbers of the images.
    images: Ints
    #: The defines that the program for these images is built with.
    defines: Mapping[str, int]
    #: The bytes of local memory that the force field uses in a work-group.
    local_bytes: int

    def within(self, images: range) -> range:
        """Return the positions of these images in the list `images`."""
        begin, stop = np.searchsorted(self.images, (images.start, images.stop)).tolist()
        return range(begin, stop)


class SamplePotential(ABC):
    """The electrostatic potentials of a batch's samples as splines on the device, for maps of their fields."""

    @abstractmethod
    def places(self, origin: Floats) -> npt.NDArray[Any]:
        """Return where positions (B, 3) f8, Å, one in each sample as imaged, lie in the grids: (B,) of RESAMPLING.

        The changes along the axes are those by 1 Å.
        """

    @abstractmethod
    def load(self, samples: range) -> "Iterator[tuple[range, cl.Buffer, cl.Buffer]]":
        """Yield these samples in ranges, with the coefficients and the table of the structures of each.

        They are on the device for commands that are enqueued before the next range is asked for.
        """


class PreparedForceField(ABC):
    """A force field for the M images of one batch: its arrays, its launches and their arguments."""

    #: The .cl file with the functions described in force_field.cl.
    file: ClassVar[Path]

    @abstractmethod
    def arrays(self) -> Arrays:
        """Return the arrays that are uploaded with the batch; their bytes count against the device memory limit."""

    @property
    def potential(self) -> SamplePotential | None:
        """The potentials of the samples; None for a force field without."""
        return None

    @property
    def device_bytes(self) -> int:
        """The bytes of the buffers that `launch` makes; they count against the device memory limit as `arrays` do."""
        return 0

    def launch(self, device: Device, memory: Workspace, working_bytes: int) -> "dict[str, cl.Buffer]":
        """Enqueue what the images need beside the uploaded arrays, and return its buffers, by name.

        memory: makes the buffers. working_bytes: the device memory for intermediate results. Raises DeviceLimit.
        """
        return {}

    @abstractmethod
    def groups(self, key: str, images: Ints, lanes: int) -> "tuple[list[Group], Arrays]":
        """Split images into launches for a device with this number of lanes.

        Return the groups and the lists of their images to upload; the lists' names start with `key`. The treatment of
        an image must depend on that image alone, or results would depend on the batch.
        """

    @abstractmethod
    def arguments(self, group: Group, buffers: "Mapping[str, cl.Buffer]") -> list[Any]:
        """Return the arguments for SAMPLE_PARAMETERS; `buffers` are the uploaded arrays."""

    @abstractmethod
    def highest_points(self) -> Floats:
        """Return the point where the surface of each molecule is expected to be highest: (B, 2) f8, x and y in Å.

        The height map begins there; a poor guess costs time, not accuracy.
        """


class ForceField(ABC):
    """A force field and its parameters, which do not depend on a batch."""

    KIND: ClassVar[str]

    @abstractmethod
    def prepare(
        self, atoms: Atoms, images: Images, frames: SampleFrames | None, origin: Floats,
        per_image: PerImageAtoms | None,
    ) -> PreparedForceField:  # fmt: skip
        """Prepare the force field for a batch; raises InvalidInput.

        atoms: the B molecules as they are imaged.
        images: the M images, in ascending order of their molecules.
        frames: the frames of the molecules; None: those in which they are imaged.
        origin: (M, 3) f8, Å, the origin of the kernels' coordinates for each image.
        per_image: parameters of the atoms for each image, in place of those of `atoms`; None: those of `atoms`.
        """


FORCE_FIELDS: Registry[ForceField] = Registry("force field")
"""Force fields by kind."""
