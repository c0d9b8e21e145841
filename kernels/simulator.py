"""A batch from arrays to arrays: uploaded once, cut into parts that fit the device, a handful of launches each.

Nothing waits but `Pending.wait`: while a part is downloaded the next one is computed, and so with batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Ints
from kernels.device import Device
from kernels.errors import DeviceLimit
from kernels.force import Arrays, ForceModel, Group, Probe
from kernels.host import Block, HostMemory
from kernels.imaging import Launch, force_origin, image_arrays, launch_imaging, launches
from kernels.lj_pc import lj_pc
from kernels.maps import Map, Sheet, lay_out
from kernels.noise import SLICE_BYTES, Noise
from kernels.pairs import Pairs
from kernels.parts import Part, cut
from kernels.scan import Images
from kernels.workspace import Workspace

MEMORY_BYTES = 512 << 20


@dataclass(frozen=True, eq=False)
class Result:
    """df (M, nx, ny, n_out) f4 in Hz, slice 0 farthest; descriptors (B, D, nx, ny) f4, all maps of the scan's size in
    order; own, each (B, C, nx', ny') f4, the maps with a dim of their own, in order; quality (M,) i4 of Quality.

    `block` is the memory that all but quality lie in: Simulator.recycle takes it back.
    """

    df: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float32]
    own: tuple[npt.NDArray[np.float32], ...]
    quality: npt.NDArray[np.int32]
    block: Block


@dataclass(frozen=True, eq=False)
class Prepared:
    """A batch ready for its device: everything that only the host does. Made by Simulator.prepare."""

    arrays: Arrays
    force: ForceModel
    imaging: list[Launch]
    surface: list[Group]
    dim: tuple[int, int]
    n_out: int
    molecule: Ints
    molecules: int
    sheets: tuple[Sheet, ...]
    noise: Noise | None


class Pending:
    """A batch on its way."""

    def __init__(self, result: Result, copies: "list[cl.Event]") -> None:
        self._result = result
        self._copies = copies  # a copy's event keeps the host's array, and waits before it is forgotten

    def wait(self) -> Result:
        """The result, once it is there; other threads run meanwhile."""
        self._copies[-1].wait()
        return self._result


class _Lane:
    """Device memory for one part; two take turns, so that one is downloaded while the other is computed."""

    def __init__(self, device: Device) -> None:
        self.memory = Workspace(device)
        self.free: cl.Event | None = None


class Simulator:
    """Images and descriptors of batches on one device, whose buffers for them stay below memory_bytes.

    Not for use by several threads, except `prepare` and `recycle`.
    """

    def __init__(self, device: Device, memory_bytes: int = MEMORY_BYTES) -> None:
        self.device = device
        self._part_bytes = min(memory_bytes // 2, device.max_buffer)
        self._inputs = [_Lane(device), _Lane(device)]
        self._lanes = [_Lane(device), _Lane(device)]
        self._host = HostMemory(device.context, device.downloads, locked=device.info.kind == "gpu")

    def run(
        self, atoms: Atoms, images: Images, descriptors: Sequence[Map] = (), pairs: Pairs | None = None,
        noise: Noise | None = None,
    ) -> Result:  # fmt: skip
        """Simulate every image, and draw every molecule's maps.

        Images come molecule by molecule. pairs is what their tips see of the atoms, where that differs from the atoms'
        own; noise changes the images once they are simulated, but not their quality. Raises InvalidInput, DeviceLimit,
        BuildFailed.
        """
        return self.start(self.prepare(atoms, images, descriptors, pairs, noise)).wait()

    def prepare(
        self, atoms: Atoms, images: Images, descriptors: Sequence[Map] = (), pairs: Pairs | None = None,
        noise: Noise | None = None,
    ) -> Prepared:  # fmt: skip
        """The host's share of `run`; a thread may prepare one batch while the device computes another."""
        last = images.last_of(atoms.molecules)
        force = lj_pc(atoms, images, force_origin(images), pairs)
        imaging, lists = launches(self.device, force, images)
        surface, more = force.groups("surface", last, self.device.lanes)
        sheets, drawn = lay_out(atoms, images, last, descriptors)
        arrays: Arrays = {
            **force.arrays(), **lists, **more, **drawn, **image_arrays(images),
            "molecules": images.molecule.astype(np.int32),
            "last": last.astype(np.int32),
            "quality": np.zeros(len(images), np.int32),
        }  # fmt: skip
        if noise:
            arrays |= noise.arrays(images)
        return Prepared(
            arrays, force, imaging, surface, images.dim, images.n_out, images.molecule, atoms.molecules, sheets,
            noise or None,
        )  # fmt: skip

    def recycle(self, result: Result) -> None:
        """Give back a result whose arrays nobody uses any more: the next ones take its memory."""
        self._host.give(result.block)

    def start(self, batch: Prepared) -> Pending:
        """The device's share of `run`: enqueue all of it. Raises DeviceLimit, BuildFailed."""
        device, (nx, ny) = self.device, batch.dim
        row_bytes = 4 * ny * batch.n_out * (2 if batch.noise else 1)
        map_bytes = sum(sheet.nbytes for sheet in batch.sheets)
        parts = list(cut(batch.molecule, nx, device.rows_together, row_bytes, map_bytes, self._part_bytes))
        if batch.noise and any(len(part.rows) not in (0, nx) for part in parts):
            raise DeviceLimit(
                f"noise: an image, which must be whole, takes {nx * row_bytes} bytes, {self._part_bytes} are allowed"
            )
        result = self._blank(batch)
        lane = self._take(self._inputs, device.uploads)
        buffers, copies = lane.memory.upload(batch.arrays)
        cl.enqueue_barrier(device.queue, copies[-1:])
        for part in parts:
            copies += self._start_part(batch, part, buffers, result)
        cl.enqueue_barrier(device.downloads, [cl.enqueue_marker(device.queue)])
        device.queue.flush()
        lane.free = cl.enqueue_copy(device.downloads, result.quality, buffers["quality"], is_blocking=False)
        device.downloads.flush()
        return Pending(result, [*copies, lane.free])

    def _blank(self, batch: Prepared) -> Result:
        nx, ny = batch.dim
        shapes = [(len(batch.molecule), nx, ny, batch.n_out), *((batch.molecules, *s.shape) for s in batch.sheets)]
        ends = np.cumsum([4 * prod(shape) for shape in shapes]).tolist()
        block = self._host.take(ends[-1])
        df, descriptors, *own = (
            block.bytes[begin:end].view(np.float32).reshape(shape)
            for begin, end, shape in zip([0, *ends], ends, shapes, strict=False)
        )
        return Result(df, descriptors, tuple(own), np.empty(len(batch.molecule), np.int32), block)

    def _take(self, lanes: list[_Lane], queue: "cl.CommandQueue") -> _Lane:
        """The lane that is free first; what the queue does from now on waits until it is."""
        lanes.reverse()
        if lanes[0].free is not None:
            cl.enqueue_barrier(queue, [lanes[0].free])
        return lanes[0]

    def _start_part(
        self, batch: Prepared, part: Part, buffers: "dict[str, cl.Buffer]", result: Result
    ) -> "list[cl.Event]":
        device = self.device
        lane = self._take(self._lanes, device.queue)
        rows = result.df[part.images.start : part.images.stop, part.rows.start : part.rows.stop]
        maps = [sheet[part.molecules.start : part.molecules.stop] for sheet in (result.descriptors, *result.own)]
        df_buffer = lane.memory.buffer("df", rows.nbytes)
        map_buffers = [lane.memory.buffer(f"maps_{i}", sheet.nbytes) for i, sheet in enumerate(maps)]
        if part.rows:
            launch_imaging(
                device, batch.force, batch.imaging, buffers, batch.dim, part, df_buffer, buffers["quality"],
            )  # fmt: skip
        if part.rows and batch.noise:
            simulated, df_buffer = df_buffer, lane.memory.buffer("noisy", rows.nbytes)
            slices = lane.memory.buffer("slices", SLICE_BYTES * len(rows) * batch.n_out)
            batch.noise.launch(device, buffers, batch.dim, batch.n_out, part, simulated, slices, df_buffer)
        if part.molecules:
            probe = Probe(batch.force, batch.surface, part.images, buffers)
            for sheet, buffer in zip(batch.sheets, map_buffers, strict=True):
                sheet.draw(device, probe, part.molecules, buffer)
        cl.enqueue_barrier(device.downloads, [cl.enqueue_marker(device.queue)])
        device.queue.flush()
        copies = [
            cl.enqueue_copy(device.downloads, array, buffer, is_blocking=False)
            for array, buffer in zip((rows, *maps), (df_buffer, *map_buffers), strict=True)
            if array.nbytes
        ]
        device.downloads.flush()
        lane.free = copies[-1] if copies else lane.free
        return copies
