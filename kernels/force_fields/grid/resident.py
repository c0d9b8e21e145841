"""Structures that stay on a device between batches, in memory of a limited size."""

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Floats, Ints
from kernels.device.device import Device, is_complete
from kernels.device.workspace import Workspace
from kernels.errors import DeviceLimit, InvalidInput
from kernels.force_fields.grid.samples import RESAMPLING, STRUCTURE, SampleGrid
from kernels.force_fields.grid.splines import CUBIC_REACH, cubic_weights
from kernels.sample_frames import SampleFrames


@dataclass(frozen=True, eq=False)
class LoadedSamples:
    """Spline coefficients of structures that are on a device.

    coefficients: f4; table: of STRUCTURE, one for each structure of the batch.
    """

    coefficients: "cl.Buffer"
    table: "cl.Buffer"


class ResidentSamples:
    """Makes and keeps the splines of structures on a device. When there is no room left all are dropped."""

    def __init__(self, device: Device, capacity_bytes: int) -> None:
        """Reserve nothing yet; the memory is allocated when the first structure is loaded.

        capacity_bytes: for splines; as much again may be taken while they are made.
        """
        self._device = device
        self.capacity_bytes = min(capacity_bytes, device.max_buffer, 4 * ((1 << 31) - 1))
        self._buffer: cl.Buffer | None = None
        self._first: dict[Hashable, int] = {}  # index of the first coefficient of each structure that is there
        self._end = 0
        self._working = Workspace(device)
        self._values: deque[tuple[Workspace, cl.Event]] = deque()  # values that were copied, and the end of their use
        self._copies: list[cl.Event] = []  # they keep the arrays that are copied alive
        rows = np.concatenate([cubic_weights(factor) for factor in (1, 2)]).astype(np.float32)
        flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
        self._weights = cl.Buffer(device.context, flags, hostbuf=rows)

    def load(self, grids: dict[Hashable, SampleGrid]) -> "tuple[cl.Buffer, list[int]]":
        """Have these structures on the device; return the buffer and where the coefficients of each begin in it.

        The work is enqueued behind all commands that still use what it replaces. Raises DeviceLimit.
        """
        missing = [key for key in grids if key not in self._first]
        if 4 * (self._end + sum(grids[key].coefficients for key in missing)) > self.capacity_bytes:
            self._first.clear()
            self._end, missing = 0, list(grids)
        self._check(grids)
        if self._buffer is None:
            self._buffer = cl.Buffer(self._device.context, cl.mem_flags.READ_WRITE, self.capacity_bytes)
        for key in missing:
            self._make(grids[key], self._buffer, self._end)
            self._first[key], self._end = self._end, self._end + grids[key].coefficients
        return self._buffer, [self._first[key] for key in grids]

    def send(self, table: npt.NDArray[np.void]) -> "cl.Buffer":
        """Enqueue a copy of a table to a buffer that earlier commands may still use: it waits in the same queue."""
        buffer = self._working.buffer("table", table.nbytes)
        self._keep(cl.enqueue_copy(self._device.queue, buffer, table, is_blocking=False))
        return buffer

    def _keep(self, copy: "cl.Event") -> None:
        self._copies = [*(copy for copy in self._copies if not is_complete(copy)), copy]

    def _check(self, grids: dict[Hashable, SampleGrid]) -> None:
        nbytes = 4 * sum(grid.coefficients for grid in grids.values())
        if nbytes > self.capacity_bytes:
            raise DeviceLimit(
                f"dataset: the grids of a structure take {nbytes} bytes of device memory as splines, "
                f"{self.capacity_bytes} are reserved for them"
            )

    def _make(self, grid: SampleGrid, out: "cl.Buffer", begin: int) -> None:
        """Enqueue the coefficients of a structure (cubic_coefficients.cl)."""
        device, (nx, ny, nz), (x, y, z) = self._device, grid.shape, grid.padded_shape
        factor_x, factor_y, factor_z = map(np.int32, grid.factors)
        lanes, rows = device.lanes, len(grid.fields) * nx * ny
        groups = -(-(z // int(factor_z) + 2) // lanes) * int(factor_z)
        memory, values = self._copied(grid)
        along_z = self._working.buffer("along_z", 4 * rows * z)
        along_y = self._working.buffer("along_y", 4 * len(grid.fields) * nx * y * z)
        self._launch("coefficients_z", grid, (groups, rows, 1), values, self._weights, np.int32(rows), np.int32(nz),
                     factor_z, np.int32(z), along_z)  # fmt: skip
        self._values.append((memory, cl.enqueue_marker(device.queue)))
        self._launch("coefficients_y", grid, (z // lanes, y, len(grid.fields) * nx), along_z, self._weights,
                     np.int32(ny), factor_y, np.int32(z), np.int32(y), along_y)  # fmt: skip
        self._launch("coefficients_x", grid, (y * z // lanes, x, 1), along_y, self._weights, np.int32(nx), factor_x,
                     np.int32(y * z), np.int32(x), np.float32(grid.level), np.int32(begin), out)  # fmt: skip
        device.queue.flush()

    def _copied(self, grid: SampleGrid) -> "tuple[Workspace, cl.Buffer]":
        """Enqueue copies of a structure's values, while other structures are imaged, to memory that is free."""
        device = self._device
        free = self._values and is_complete(self._values[0][1])
        memory = self._values.popleft()[0] if free else Workspace(device)
        values = memory.buffer("values", 4 * len(grid.fields) * grid.potential.size)
        for i, field in enumerate(grid.fields):
            array = np.ascontiguousarray(field, np.float32)
            copy = cl.enqueue_copy(device.uploads, values, array, dst_offset=i * array.nbytes, is_blocking=False)
            self._keep(copy)
        device.uploads.flush()
        cl.enqueue_barrier(device.queue, [copy])
        return memory, values

    def _launch(self, name: str, grid: SampleGrid, size: tuple[int, int, int], *arguments: object) -> None:
        defines = {"FIELDS": len(grid.fields), "REACH": CUBIC_REACH}
        kernel = self._device.kernel(name, "force_fields/grid/cubic_coefficients.cl", **defines)
        self._device.launch(kernel, size, (2, 64, 1) if self._device.lanes > 1 else (32, 4, 1), *arguments)


class ResidentBatch:
    """The structures of one batch, each by a key under which its fields stay on the device."""

    def __init__(self, memory: ResidentSamples, grids: Sequence[tuple[Hashable, SampleGrid]]) -> None:
        """Raises InvalidInput if some structures have a density and some have none."""
        self._memory = memory
        self._keys = [key for key, _ in grids]
        self.grids = tuple(grid for _, grid in grids)
        with_density = {grid.density is not None for grid in self.grids}
        if len(with_density) > 1:
            raise InvalidInput("density: some structures have one, and some have none")
        self.has_density = with_density == {True}

    def load(self, structures: Sequence[int]) -> LoadedSamples:
        """Have these structures on the device, for commands enqueued before the next call. Raises DeviceLimit."""
        buffer, first = self._memory.load({self._keys[i]: self.grids[i] for i in structures})
        table = np.zeros(len(self.grids), STRUCTURE)
        for i, begin in zip(structures, first, strict=True):
            grid = self.grids[i]
            fields, (_, y, z) = len(grid.fields), grid.padded_shape
            table[i] = grid.fine_shape, begin, y * z * fields, z * fields, fields
        return LoadedSamples(buffer, self._memory.send(table))

    def parts(self, structures: Ints, limit: int) -> Iterator[slice]:
        """Yield slices of `structures`, (n,) i8, at most `limit` long, whose structures can be loaded at once."""
        begin, loaded, size = 0, set[int](), 0
        for i, structure in enumerate(structures.tolist()):
            more = 0 if structure in loaded else 4 * self.grids[structure].coefficients
            if i > begin and (i - begin == limit or size + more > self._memory.capacity_bytes):
                yield slice(begin, i)
                begin, loaded, size, more = i, set(), 0, 4 * self.grids[structure].coefficients
            loaded.add(structure)
            size += more
        if len(structures):
            yield slice(begin, len(structures))

    def resampling(self, structure: Ints, frames: SampleFrames, origin: Floats, step: float) -> npt.NDArray[np.void]:
        """Return where the planes of M images lie in the grids of their structures, (M,) of RESAMPLING.

        structure: (M,) i8, the structure of each image; frames: M, how it lies in the image.
        origin: (M, 3) f8, Å, the middle of each image's lowest plane; step: Å between points and planes.
        """
        to_index = np.stack([grid.to_index for grid in self.grids])
        shift = np.stack([matrix @ grid.origin for matrix, grid in zip(to_index, self.grids, strict=True)])
        turned = to_index[structure] @ frames.rotation.transpose(0, 2, 1)  # of a vector in the image's frame
        base = (turned @ (origin - frames.origin)[:, :, None])[:, :, 0] - shift[structure]
        table = np.zeros(len(structure), RESAMPLING)
        table["base"] = base % np.array([grid.fine_shape for grid in self.grids])[structure]
        for axis, name in enumerate(("along_x", "along_y", "along_z")):
            table[name] = step * turned[:, :, axis]
        table["structure"] = structure
        return table
