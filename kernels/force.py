"""What the kernels that move a probe need of a force model: the seam under imaging and height map."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Ints

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Group:
    """Images that go in one launch: their list's key among the arrays, how many, and what the program is built with."""

    key: str
    count: int
    defines: Mapping[str, int]
    local_bytes: int


class ForceModel(Protocol):
    """A force model with the arrays of M images; its .cl gives SAMPLE_PARAMETERS, sample_open, _field and _rigid."""

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
