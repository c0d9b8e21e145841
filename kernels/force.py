"""What the kernels that move a probe need of a force model: the seam under imaging and height map."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Ints

Arrays = dict[str, npt.NDArray[Any]]
STAGE_BYTES = 16 << 10  # of a group's local memory, that a force model may use


@dataclass(frozen=True, eq=False)
class Group:
    """Images that go in one launch, in ascending order, their list's key among the arrays and how to build for them."""

    key: str
    images: Ints
    defines: Mapping[str, int]
    local_bytes: int

    def within(self, images: range) -> range:
        """Where in the list those of these images stand that are in it."""
        begin, stop = np.searchsorted(self.images, (images.start, images.stop)).tolist()
        return range(begin, stop)


class ForceModel(Protocol):
    """A force model with the arrays of M images; its .cl gives SAMPLE_PARAMETERS, sample_open, _field, _rigid, _passed.

    sample_field is the energy's gradient and Hessian where a probe is, sample_rigid the force there and a bound of it
    further down, sample_passed (x, y, z) the lanes where the probe is past an atom: below its centre and sideways
    within half of the distance R at which the two are best off.
    """

    @property
    def source(self) -> str:
        """The stem of its .cl file."""

    def arrays(self) -> Arrays:
        """What is uploaded."""

    def groups(self, key: str, images: Ints, lanes: int) -> "tuple[list[Group], Arrays]":
        """The images split in launches, and the lists (each one's key starts with `key`) to upload for that.

        How an image is treated must depend on that image alone.
        """

    def arguments(self, group: Group, buffers: "Mapping[str, cl.Buffer]") -> list[Any]:
        """What SAMPLE_PARAMETERS are."""


@dataclass(frozen=True, eq=False)
class Probe:
    """What maps lower over the molecules of a part: a rigid probe under the tip of each one's last image.

    groups are of all last images of a batch; images are the part's; buffers of what is common to the batch: the force
    model's, lists, "images", "molecules" of images, "last" images of molecules, "quality".
    """

    force: ForceModel
    groups: list[Group]
    images: range
    buffers: "Mapping[str, cl.Buffer]"
