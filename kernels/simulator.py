"""A batch from arrays to arrays: uploaded once, cut into parts that fit the device, a handful of launches each.

Nothing waits but `Pending.wait`: while a part is downloaded the next one is computed, and so with batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Ints
from kernels.descriptor import AtomMap
from kernels.device import Device
from kernels.errors import DeviceLimit
from kernels.force import Arrays, ForceModel, Group
from kernels.height_map import HeightMap
from kernels.host import Block, HostMemory
from kernels.imaging import Launch, force_origin, image_arrays, launch_imaging, launches
from kernels.lj_pc import lj_pc
from kernels.noise import SLICE_BYTES, Noise
from kernels.pairs import Pairs
from kernels.parts import Part, cut
from kernels.scan import Images
from kernels.workspace import Workspace

Descriptor: TypeAlias = AtomMap | HeightMap
MEMORY_BYTES = 512 << 20


@dataclass(frozen=True, eq=False)
class Result:
    """df (M, nx, ny, n_out) f4 in Hz, slice 0 farthest; descriptors (B, D, nx, ny) f4; quality (M,) i4 of Quality.

    `block` is the memory that the first two lie in: Simulator.recycle takes it back.
    """

    df: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float32]
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
    descriptors: tuple[Descriptor, ...]
    noise: Noise | None

    @property
    def channels(self) -> int:
        """D, how many descriptor maps a molecule gets."""
        return sum(descriptor.CHANNELS for descriptor in self.descriptors)


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
        self, atoms: Atoms, images: Images, descriptors: Sequence[Descriptor] = (), pairs: Pairs | None = None,
        noise: Noise | None = None,
    ) -> Result:  # fmt: skip
        """Simulate every image, and describe every molecule over its last image's lateral window.

        Images come molecule by molecule. pairs is what their tips see of the atoms, where that differs from the atoms'
        own; noise changes the images once they are simulated, but not their quality. Raises InvalidInput, DeviceLimit,
        BuildFailed.
        """
        return self.start(self.prepare(atoms, images, descriptors, pairs, noise)).wait()

    def prepare(
        self, atoms: Atoms, images: Images, descriptors: Sequence[Descriptor] = (), pairs: Pairs | None = None,
        noise: Noise | None = None,
    ) -> Prepared:  # fmt: skip
        """The host's share of `run`; a thread may prepare one batch while the device computes another."""
        last = images.last_of(atoms.molecules)
        force = lj_pc(atoms, images, force_origin(images), pairs)
        imaging, lists = launches(self.device, force, images)
        surface, more = force.groups("surface", last, self.device.lanes)
        grid = images.grid.of(last)
        arrays: Arrays = {
            **force.arrays(), **lists, **more, **image_arrays(images),
            "molecules": images.molecule.astype(np.int32),
            "steps": grid.step.astype(np.float32),
            "quality": np.zeros(len(images), np.int32),
        }  # fmt: skip
        if noise:
            arrays |= noise.arrays(images)
        xy = atoms.xyz[:, :2] - grid.centre[atoms.molecule]
        for index, descriptor in enumerate(descriptors):
            if isinstance(descriptor, HeightMap):
                arrays[f"spots_{index}"] = descriptor.spots(atoms, xy, grid)
                arrays[f"levels_{index}"] = descriptor.levels(atoms.molecules)
            else:
                records = descriptor.records(atoms, xy)
                arrays[f"records_{index}"], arrays[f"offsets_{index}"] = records.rows, records.offsets
        return Prepared(
            arrays, force, imaging, surface, images.dim, images.n_out,
            images.molecule, atoms.molecules, tuple(descriptors), noise or None,
        )  # fmt: skip

    def recycle(self, result: Result) -> None:
        """Give back a result whose arrays nobody uses any more: the next ones take its memory."""
        self._host.give(result.block)

    def start(self, batch: Prepared) -> Pending:
        """The device's share of `run`: enqueue all of it. Raises DeviceLimit, BuildFailed."""
        device, (nx, ny) = self.device, batch.dim
        row_bytes, map_bytes = 4 * ny * batch.n_out * (2 if batch.noise else 1), 4 * batch.channels * nx * ny
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
        df_shape, map_shape = (len(batch.molecule), nx, ny, batch.n_out), (batch.molecules, batch.channels, nx, ny)
        df_bytes, map_bytes = 4 * int(np.prod(df_shape)), 4 * int(np.prod(map_shape))
        block = self._host.take(df_bytes + map_bytes)
        df, maps = block.bytes[:df_bytes], block.bytes[df_bytes : df_bytes + map_bytes]
        return Result(
            df.view(np.float32).reshape(df_shape), maps.view(np.float32).reshape(map_shape),
            np.empty(len(batch.molecule), np.int32), block,
        )  # fmt: skip

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
        maps = result.descriptors[part.molecules.start : part.molecules.stop]
        df_buffer, map_buffer = lane.memory.buffer("df", rows.nbytes), lane.memory.buffer("maps", maps.nbytes)
        if part.rows:
            launch_imaging(
                device, batch.force, batch.imaging, buffers, batch.dim, part, df_buffer, buffers["quality"],
            )  # fmt: skip
        if part.rows and batch.noise:
            simulated, df_buffer = df_buffer, lane.memory.buffer("noisy", rows.nbytes)
            slices = lane.memory.buffer("slices", SLICE_BYTES * len(rows) * batch.n_out)
            batch.noise.launch(device, buffers, batch.dim, batch.n_out, part, simulated, slices, df_buffer)
        if part.molecules:
            self._describe(batch, part, buffers, map_buffer)
        cl.enqueue_barrier(device.downloads, [cl.enqueue_marker(device.queue)])
        device.queue.flush()
        copies = [
            cl.enqueue_copy(device.downloads, array, buffer, is_blocking=False)
            for array, buffer in ((rows, df_buffer), (maps, map_buffer))
            if array.nbytes
        ]
        device.downloads.flush()
        lane.free = copies[-1] if copies else lane.free
        return copies

    def _describe(self, batch: Prepared, part: Part, buffers: "dict[str, cl.Buffer]", maps: "cl.Buffer") -> None:
        device, channel = self.device, 0
        for index, descriptor in enumerate(batch.descriptors):
            if isinstance(descriptor, HeightMap):
                descriptor.launch(
                    device, batch.force, batch.surface, buffers, buffers[f"spots_{index}"],
                    buffers[f"levels_{index}"], batch.dim, part, channel, batch.channels, maps, buffers["quality"],
                )  # fmt: skip
            else:
                descriptor.launch(
                    device, buffers[f"records_{index}"], buffers[f"offsets_{index}"], buffers["steps"], batch.dim, part,
                    channel, batch.channels, maps,
                )  # fmt: skip
            channel += descriptor.CHANNELS
