"""Simulator makes the images and maps of a batch: it uploads the batch once and computes it partition by partition.

Only `Pending.wait` waits for the device. While a partition is downloaded, the next one is computed; the same holds for
batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms, Ints
from kernels.descriptors.base import RigidProbe
from kernels.descriptors.maps import Map, MapArray, plan_maps
from kernels.device.device import Device
from kernels.device.host_memory import Block, HostMemory
from kernels.device.workspace import Workspace
from kernels.errors import DeviceLimit, InvalidInput
from kernels.force_fields.base import Arrays, ForceField, Group, PreparedForceField
from kernels.imaging.images import Images
from kernels.imaging.imaging import Launch, image_arrays, launch_imaging, plan_launches
from kernels.noise.base import ImageBlock, NoiseStep
from kernels.noise.chain import NoiseChain
from kernels.partition import Partition, partition_batch
from kernels.per_image_atoms import PerImageAtoms
from kernels.sample_frames import SampleFrames

MEMORY_BYTES = 512 << 20


@dataclass(frozen=True, eq=False)
class Result:
    """The images and maps of a batch.

    df: (M, nx, ny, n_out) f4, Hz, slice 0 farthest from the sample.
    descriptors: (B, D, nx, ny) f4, all maps of the images' size, in order.
    separate: (B, C, nx', ny') f4 each, the maps with a size of their own, in order.
    quality: (M,) i4, bits of Quality.
    block: the memory of all arrays but quality; Simulator.recycle takes it back.
    """

    df: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float32]
    separate: tuple[npt.NDArray[np.float32], ...]
    quality: npt.NDArray[np.int32]
    block: Block


@dataclass(frozen=True, eq=False)
class Prepared:
    """A batch that is ready for its device, made by Simulator.prepare."""

    #: The arrays to upload, by name.
    arrays: Arrays
    force_field: PreparedForceField
    #: The launches of imaging.
    launches: list[Launch]
    #: The launches of the surface search, for the last image of each molecule.
    surface: list[Group]
    #: (nx, ny), the pixels of the images.
    dim: tuple[int, int]
    #: The number of slices of an image.
    n_out: int
    #: (M,) i8, the molecule of each image.
    molecule: Ints
    #: The number of molecules, B.
    molecules: int
    map_arrays: tuple[MapArray, ...]
    noise: NoiseChain

    @property
    def upload_bytes(self) -> int:
        """The bytes of all arrays to upload, and of what the force field makes on the device from them."""
        return self.force_field.device_bytes + sum(array.nbytes for array in self.arrays.values())


class Pending:
    """A batch that the device is working on."""

    def __init__(self, result: Result, copies: "list[cl.Event]") -> None:
        self._result = result
        self._copies = copies  # the events keep the arrays that are copied alive

    def wait(self) -> Result:
        """Wait until the result is complete and return it; other threads run meanwhile."""
        self._copies[-1].wait()
        return self._result


class _Slot:
    """Device memory for the uploads of a batch or the results of a partition.

    Two slots alternate: one is copied while the other is computed. The event `free` ends the last use of the slot.
    """

    def __init__(self, device: Device) -> None:
        self.memory = Workspace(device)
        self.free: cl.Event | None = None


class Simulator:
    """Makes the images and maps of batches on one device, in buffers of at most `memory_bytes` in all.

    Only `prepare` and `recycle` may be called by several threads.
    """

    def __init__(self, device: Device, memory_bytes: int = MEMORY_BYTES) -> None:
        self.device = device
        self._memory_bytes = memory_bytes
        self._slot_bytes = memory_bytes // 2
        self._inputs = [_Slot(device), _Slot(device)]
        self._outputs = [_Slot(device), _Slot(device)]
        self._host = HostMemory(device.context, device.downloads, locked=device.info.kind == "gpu")

    def reserve(self, nbytes: int) -> None:
        """Leave so much of the device memory to what stays on the device between batches, from now on."""
        self._slot_bytes = (self._memory_bytes - nbytes) // 2

    def run(
        self, atoms: Atoms, images: Images, force_field: ForceField, maps: Sequence[Map] = (), *,
        per_image_atoms: PerImageAtoms | None = None, noise: Sequence[NoiseStep] = (),
        frames: SampleFrames | None = None,
    ) -> Result:  # fmt: skip
        """Simulate every image and make the maps of every molecule.

        atoms: the molecules as they are imaged.
        images: the images, in ascending order of their molecules.
        force_field: the interaction of probe particle and molecules.
        maps: the descriptors, with windows and sizes.
        per_image_atoms: parameters of the atoms for each image, in place of those of `atoms`; None: those of `atoms`.
        noise: the steps that change the images after the simulation, but not their quality, in this order.
        frames: the frames of the molecules; None: those in which they are imaged.

        Raises InvalidInput, DeviceLimit, BuildFailed.
        """
        prepared = self.prepare(
            atoms, images, force_field, maps, per_image_atoms=per_image_atoms, noise=noise, frames=frames
        )
        return self.start(prepared).wait()

    def prepare(
        self, atoms: Atoms, images: Images, force_field: ForceField, maps: Sequence[Map] = (), *,
        per_image_atoms: PerImageAtoms | None = None, noise: Sequence[NoiseStep] = (),
        frames: SampleFrames | None = None,
    ) -> Prepared:  # fmt: skip
        """Do the host's part of `run`, for example in a thread while the device computes another batch.

        The parameters are those of `run`. Raises InvalidInput.
        """
        if frames is not None and len(frames) != atoms.molecules:
            raise InvalidInput(f"frames: expected one for each of {atoms.molecules} molecules, got {len(frames)}")
        last = images.last_of(atoms.molecules)
        force = force_field.prepare(atoms, images, frames, images.origin, per_image_atoms)
        launches, lists = plan_launches(self.device, force, images)
        surface, surface_lists = force.groups("surface", last, self.device.lanes)
        map_arrays, of_maps = plan_maps(atoms, images, force, last, maps)
        chain = NoiseChain(noise)
        arrays: Arrays = {
            **force.arrays(), **lists, **surface_lists, **of_maps, **image_arrays(images), **chain.arrays(images),
            "molecules": images.molecule.astype(np.int32),
            "last": last.astype(np.int32),
            "quality": np.zeros(len(images), np.int32),
        }  # fmt: skip
        return Prepared(
            arrays, force, launches, surface, images.dim, images.n_out, images.molecule, atoms.molecules, map_arrays,
            chain,
        )  # fmt: skip

    def recycle(self, result: Result) -> None:
        """Reuse the memory of a result for later results; the arrays of this one must not be used any more."""
        self._host.give(result.block)

    def start(self, batch: Prepared) -> Pending:
        """Enqueue the device's part of `run`. Raises DeviceLimit, BuildFailed."""
        partitions = self._partition(batch)
        device = self.device
        result = self._empty_result(batch)
        slot = self._next_slot(self._inputs, device.uploads)
        buffers, copies = slot.memory.upload(batch.arrays)
        cl.enqueue_barrier(device.queue, copies[-1:])
        buffers |= batch.force_field.launch(device, slot.memory, self._working_bytes(batch))
        for partition in partitions:
            copies += self._start_partition(batch, partition, buffers, result)
        cl.enqueue_barrier(device.downloads, [cl.enqueue_marker(device.queue)])
        device.queue.flush()
        slot.free = cl.enqueue_copy(device.downloads, result.quality, buffers["quality"], is_blocking=False)
        device.downloads.flush()
        return Pending(result, [*copies, slot.free])

    def _partition(self, batch: Prepared) -> list[Partition]:
        device, (nx, ny) = self.device, batch.dim
        left = self._slot_bytes - batch.upload_bytes
        if left <= 0:
            raise DeviceLimit(
                f"batch_size: the input arrays of a batch take {batch.upload_bytes} bytes of device memory; "
                f"{self._slot_bytes} are allowed for these and a partition of the results"
            )
        max_bytes = min(left - self._working_bytes(batch), device.max_buffer)
        row_bytes = 4 * ny * batch.n_out * (2 if batch.noise else 1)
        map_bytes = sum(map_array.nbytes for map_array in batch.map_arrays)
        partitions = list(partition_batch(batch.molecule, nx, device.row_granularity, row_bytes, map_bytes, max_bytes))
        if batch.noise and any(len(partition.rows) not in (0, nx) for partition in partitions):
            raise DeviceLimit(
                f"noise: an image, which must be whole on the device, takes {nx * row_bytes} bytes of its memory with "
                f"a copy for the noise, {max_bytes} are left for results"
            )
        return partitions

    def _working_bytes(self, batch: Prepared) -> int:
        """Return the bytes for intermediate results of the force field: half of what is left, or 0 if it has none."""
        return (self._slot_bytes - batch.upload_bytes) // 2 if batch.force_field.device_bytes else 0

    def _empty_result(self, batch: Prepared) -> Result:
        nx, ny = batch.dim
        shapes = [
            (len(batch.molecule), nx, ny, batch.n_out),
            *((batch.molecules, *map_array.shape) for map_array in batch.map_arrays),
        ]
        ends = np.cumsum([4 * prod(shape) for shape in shapes]).tolist()
        block = self._host.take(ends[-1])
        df, descriptors, *separate = (
            block.bytes[begin:end].view(np.float32).reshape(shape)
            for begin, end, shape in zip([0, *ends], ends, shapes, strict=False)
        )
        return Result(df, descriptors, tuple(separate), np.empty(len(batch.molecule), np.int32), block)

    def _next_slot(self, slots: list[_Slot], queue: "cl.CommandQueue") -> _Slot:
        """Return the slot that is free first; later commands of the queue wait until it is."""
        slots.reverse()
        if slots[0].free is not None:
            cl.enqueue_barrier(queue, [slots[0].free])
        return slots[0]

    def _start_partition(
        self, batch: Prepared, partition: Partition, buffers: "dict[str, cl.Buffer]", result: Result
    ) -> "list[cl.Event]":
        device = self.device
        slot = self._next_slot(self._outputs, device.queue)
        images, molecules, image_rows = partition.images, partition.molecules, partition.rows
        rows = result.df[images.start : images.stop, image_rows.start : image_rows.stop]
        maps = [array[molecules.start : molecules.stop] for array in (result.descriptors, *result.separate)]
        df = slot.memory.buffer("df", rows.nbytes)
        map_buffers = [slot.memory.buffer(f"maps_{i}", array.nbytes) for i, array in enumerate(maps)]
        if image_rows:
            launch_imaging(device, batch.force_field, batch.launches, buffers, batch.dim, partition, df)
        if image_rows and batch.noise:
            spare = slot.memory.buffer("noise_spare", rows.nbytes)
            slices = slot.memory.buffer("slices", batch.noise.slice_bytes * len(rows) * batch.n_out)
            df = batch.noise.launch(ImageBlock(device, batch.dim, batch.n_out, partition), buffers, df, spare, slices)
        if molecules:
            probe = RigidProbe(batch.force_field, batch.surface, images, buffers)
            for map_array, buffer in zip(batch.map_arrays, map_buffers, strict=True):
                map_array.launch(device, probe, molecules, buffer)
        cl.enqueue_barrier(device.downloads, [cl.enqueue_marker(device.queue)])
        device.queue.flush()
        copies = [
            cl.enqueue_copy(device.downloads, array, buffer, is_blocking=False)
            for array, buffer in zip((rows, *maps), (df, *map_buffers), strict=True)
            if array.nbytes
        ]
        device.downloads.flush()
        slot.free = copies[-1] if copies else slot.free
        return copies
