"""Structures that stay on a device between batches, in memory of a limited size."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Floats
from kernels.device.device import Device, is_complete
from kernels.errors import DeviceLimit
from kernels.force_fields.grid.samples import STRUCTURE, LoadedSamples, SampleFields, SampleGrid, index_matrix


@dataclass(frozen=True, eq=False)
class SampleSplines:
    """The spline coefficients of a structure's fields, and its grid.

    lattice: (3, 3) f8, Å; origin: (3,) f8, Å; shape: the points along each axis; as in SampleGrid.
    coefficients: f4, those of the density, if there is one, and of the potential, one after the other.
    """

    lattice: Floats
    origin: Floats
    shape: tuple[int, ...]
    has_density: bool
    coefficients: npt.NDArray[np.float32]

    @classmethod
    def of(cls, grid: SampleGrid) -> Self:
        """Return the splines through the values of a grid."""
        coefficients = np.concatenate([field.ravel() for field in grid.coefficients()])
        return cls(grid.lattice, grid.origin, grid.shape, grid.has_density, coefficients)

    @property
    def to_index(self) -> Floats:
        """The matrix (3, 3) f8 that makes differences of grid indices from vectors in Å."""
        return index_matrix(self.lattice, self.shape)


class ResidentSamples:
    """Keeps the fields of structures on a device. When there is no room left all are dropped."""

    def __init__(self, device: Device, capacity_bytes: int) -> None:
        """Reserve nothing yet; the memory is allocated when the first structure is loaded."""
        self._device = device
        self.capacity_bytes = min(capacity_bytes, device.max_buffer, 4 * ((1 << 31) - 1))
        self._buffer: cl.Buffer | None = None
        self._first: dict[Hashable, int] = {}  # index of the first coefficient of each structure that is there
        self._end = 0
        self._copies: list[cl.Event] = []  # they keep the arrays that are copied alive

    def load(self, splines: dict[Hashable, SampleSplines]) -> "tuple[cl.Buffer, list[int]]":
        """Have these structures on the device; return the buffer and where the coefficients of each begin in it.

        The copies are enqueued behind all commands that still use what they replace. Raises DeviceLimit.
        """
        missing = [key for key in splines if key not in self._first]
        if 4 * (self._end + sum(splines[key].coefficients.size for key in missing)) > self.capacity_bytes:
            self._first.clear()
            self._end, missing = 0, list(splines)
        self._check(splines)
        if self._buffer is None:
            self._buffer = cl.Buffer(self._device.context, cl.mem_flags.READ_WRITE, self.capacity_bytes)
        copies = []
        for key in missing:
            array = splines[key].coefficients
            copies.append(
                cl.enqueue_copy(
                    self._device.queue, self._buffer, array, dst_offset=4 * self._end, is_blocking=False
                )
            )  # fmt: skip
            self._first[key], self._end = self._end, self._end + array.size
        if copies:
            self._device.queue.flush()
            self._copies = [*(copy for copy in self._copies if not is_complete(copy)), *copies]
        return self._buffer, [self._first[key] for key in splines]

    def _check(self, splines: dict[Hashable, SampleSplines]) -> None:
        nbytes = sum(s.coefficients.nbytes for s in splines.values())
        if nbytes > self.capacity_bytes:
            raise DeviceLimit(
                f"dataset: the grids of a structure take {nbytes} bytes of device memory as splines, "
                f"{self.capacity_bytes} are reserved for them"
            )


class ResidentBatch(SampleFields):
    """The structures of one batch, each by a key under which its fields stay on the device."""

    def __init__(
        self, device: Device, memory: ResidentSamples, splines: Sequence[tuple[Hashable, SampleSplines]]
    ) -> None:
        self._device, self._memory = device, memory
        self._keys = [key for key, _ in splines]
        self._splines = [s for _, s in splines]
        self.grids = tuple(self._splines)

    def bytes_of(self, structure: int) -> int:
        """Return the bytes of the structure's coefficients."""
        return self._splines[structure].coefficients.nbytes

    @property
    def capacity_bytes(self) -> int:
        """The bytes that are reserved for structures."""
        return self._memory.capacity_bytes

    def load(self, structures: Sequence[int]) -> LoadedSamples:
        """Copy those structures to the device that are not there yet. Raises DeviceLimit."""
        buffer, first = self._memory.load({self._keys[i]: self._splines[i] for i in structures})
        table = np.zeros(len(self._splines), STRUCTURE)
        for i, begin in zip(structures, first, strict=True):
            splines = self._splines[i]
            fields = 2 if splines.has_density else 1
            table[i] = splines.shape, begin, begin + splines.coefficients.size // fields * (fields - 1)
        flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
        return LoadedSamples(buffer, cl.Buffer(self._device.context, flags, hostbuf=table))
