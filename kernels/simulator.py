"""A batch from arrays to arrays: uploaded once, a handful of launches, downloaded once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Atoms
from kernels.descriptor import AtomMap
from kernels.device import Device
from kernels.force import Arrays, ForceModel, Group
from kernels.height_map import HeightMap
from kernels.imaging import force_origin, frequency_shift_weights, image_table, launch_imaging, slices
from kernels.lj_pc import lj_pc
from kernels.scan import Images

Descriptor: TypeAlias = AtomMap | HeightMap


@dataclass(frozen=True, eq=False)
class Result:
    """df (M, nx, ny, n_out) f4 in Hz, slice 0 farthest; descriptors (B, D, nx, ny) f4; quality (M,) u1 of Quality."""

    df: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float32]
    quality: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A batch ready for its device: everything that only the host does. Made by Simulator.prepare."""

    arrays: Arrays
    force: ForceModel
    imaging: list[Group]
    surface: list[Group]
    dim: tuple[int, int, int]
    df_steps: int
    n_out: int
    images: int
    molecules: int
    descriptors: tuple[Descriptor, ...]

    @property
    def channels(self) -> int:
        """D, how many descriptor maps a molecule gets."""
        return sum(descriptor.CHANNELS for descriptor in self.descriptors)


class Simulator:
    """Images and descriptors of batches on one device. Not for use by several threads, except `prepare`."""

    def __init__(self, device: Device) -> None:
        self.device = device

    def run(self, atoms: Atoms, images: Images, df_steps: int, descriptors: Sequence[Descriptor] = ()) -> Result:
        """Simulate every image, and describe every molecule over its last image's lateral window.

        df_steps is the oscillation's heights (n = max(df_steps, 2), physics.md §4), common to the batch. Raises
        InvalidInput, DeviceLimit, BuildFailed.
        """
        return self.compute(self.prepare(atoms, images, df_steps, descriptors))

    def prepare(self, atoms: Atoms, images: Images, df_steps: int, descriptors: Sequence[Descriptor] = ()) -> Prepared:
        """The host's share of `run`; a thread may prepare one batch while the device computes another."""
        last = images.last_of(atoms.molecules)
        force = lj_pc(atoms, images, force_origin(images))
        imaging, lists = force.groups("imaging", np.arange(len(images)), self.device.lanes)
        surface, more = force.groups("surface", last, self.device.lanes)
        grid = images.grid.of(last)
        arrays: Arrays = {
            **force.arrays(), **lists, **more,
            "images": image_table(images),
            "molecules": images.molecule.astype(np.int32),
            "weights": frequency_shift_weights(df_steps).astype(np.float32),
            "steps": grid.step.astype(np.float32),
            "quality": np.zeros(len(images), np.int32),
        }  # fmt: skip
        xy = atoms.xyz[:, :2] - grid.centre[atoms.molecule]
        for index, descriptor in enumerate(descriptors):
            if isinstance(descriptor, HeightMap):
                arrays[f"levels_{index}"] = descriptor.levels(atoms.molecules)
            else:
                records = descriptor.records(atoms, xy)
                arrays[f"records_{index}"], arrays[f"offsets_{index}"] = records.rows, records.offsets
        return Prepared(
            arrays, force, imaging, surface, images.dim, df_steps, slices(images.dim[2], df_steps), len(images),
            atoms.molecules, tuple(descriptors),
        )  # fmt: skip

    def compute(self, batch: Prepared) -> Result:
        """The device's share of `run`: upload, launch, download; waits at the end only."""
        device, (nx, ny, _) = self.device, batch.dim
        df = np.empty((batch.images, nx, ny, batch.n_out), np.float32)
        maps = np.empty((batch.molecules, batch.channels, nx, ny), np.float32)
        quality = np.empty(batch.images, np.int32)
        buffers = device.upload("input", batch.arrays)
        df_buffer, map_buffer = device.buffer("df", df.nbytes), device.buffer("maps", maps.nbytes)
        launch_imaging(
            device, batch.force, batch.imaging, buffers, batch.dim, batch.df_steps, df_buffer, buffers["quality"]
        )
        channel = 0
        for index, descriptor in enumerate(batch.descriptors):
            if isinstance(descriptor, HeightMap):
                descriptor.launch(
                    device, batch.force, batch.surface, buffers, buffers[f"levels_{index}"], batch.dim, channel,
                    batch.channels, map_buffer, buffers["quality"],
                )  # fmt: skip
            else:
                descriptor.launch(
                    device, buffers[f"records_{index}"], buffers[f"offsets_{index}"], buffers["steps"],
                    (batch.molecules, nx, ny), channel, batch.channels, map_buffer,
                )  # fmt: skip
            channel += descriptor.CHANNELS
        for array, buffer in ((df, df_buffer), (maps, map_buffer), (quality, buffers["quality"])):
            if array.nbytes:
                cl.enqueue_copy(device.queue, array, buffer, is_blocking=False)
        device.queue.finish()
        return Result(df, maps, quality.astype(np.uint8))
