"""Energies of a probe particle as splines: what the device does for the images of a batch, in what order."""

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Floats, Ints
from kernels.device.device import Device, is_complete
from kernels.device.workspace import Workspace
from kernels.force_fields.base import Arrays
from kernels.force_fields.grid.plane_grid import BLOCK, ROWS, PlaneGrid
from kernels.force_fields.grid.resident import LoadedSamples

FILES = {
    "resample": ("resample",),
    "lateral_transform": ("forward_x", "forward_y", "inverse_y", "inverse_x"),
    "plane_products": ("plane_products", "prefilter_z"),
}
"""The kernels in each .cl file."""


class EnergyGrids:
    """Makes the spline coefficients of images' energies on one plan, for as many images at a time as memory allows."""

    def __init__(self, device: Device, plan: PlaneGrid, memory: Workspace | None = None) -> None:
        """memory: makes the buffers of intermediate results, which plans share; None: a workspace of its own."""
        self.device, self.plan = device, plan
        self._memory = Workspace(device) if memory is None else memory
        self._copies: list[cl.Event] = []  # they keep the arrays that are copied alive
        self._matrices, copies = Workspace(device).upload(plan.matrices)
        cl.enqueue_barrier(device.queue, copies)
        self._defines = plan.defines
        if device.lanes == 1:  # a warp is filled by neighbours; a CPU shares what it loads among several vectors
            self._defines |= {"VECTORS": 1, "Y_VECTORS": 1}
        self._kernels = {
            name: device.kernel(name, f"force_fields/grid/{file}.cl", **self._defines)
            for file, names in FILES.items()
            for name in names
        }

    @property
    def image_bytes(self) -> int:
        """The bytes of device memory that an image takes while its energy is made."""
        plan = self.plan
        plane = plan.size_x * plan.size_y + 4 * plan.k_x * plan.k_y
        rows = 2 * plan.k_x * plan.size_y * max(plan.planes, plan.density_planes)
        energy = plan.heights * 4 * plan.k_x * (plan.k_y + plan.reach_y) + 2 * plan.coefficients
        return 4 * ((plan.planes + plan.density_planes) * plane + rows + energy)

    def make(
        self, samples: LoadedSamples, resampling: npt.NDArray[np.void], tip_charges: "cl.Buffer",
        tip_densities: "cl.Buffer | None", tips: Ints, strengths: Floats,
    ) -> "cl.Buffer":  # fmt: skip
        """Enqueue the energies of M images.

        Return their coefficients, (M, 2 reach_x, 2 reach_y, heights) f4, in a buffer that the next call uses again.

        samples: the structures; resampling: (M,) of RESAMPLING, where the images' planes lie in them.
        tip_charges, tip_densities: PlaneGrid.tip_spectra of the tips, one after the other.
        tips: (M,) i8, which of these each image has; strengths: (M,) f8, the factor A of its densities' overlap.
        """
        plan, count = self.plan, len(resampling)
        uploads = self._send(
            {"images": resampling, "tips": tips.astype(np.int32), "strengths": strengths.astype(np.float32)}
        )
        densities = self._buffer("densities", count, plan.density_planes, plan.size_x, plan.size_y)
        potentials = self._buffer("potentials", count, plan.planes, plan.size_x, plan.size_y)
        images = uploads["images"]
        size = (plan.size_y, plan.size_x, count * plan.planes)
        self._launch(
            "resample", size, samples.coefficients, samples.table, images, self._matrices["limits"],
            densities, potentials,
        )  # fmt: skip
        density_first = self._defines["DENSITY_FIRST"]
        density_spectra = self._transform(
            "density_spectra", images, densities, count, plan.density_planes, density_first
        )
        potential_spectra = self._transform("potential_spectra", images, potentials, count, plan.planes, 0)
        energies = self._buffer("energies", count, plan.heights, plan.k_x, 4, plan.k_y)
        size = (plan.k_y, 2 * plan.k_x, count * plan.heights // ROWS)
        self._launch(
            "plane_products", size, density_spectra, potential_spectra,
            tip_charges if tip_densities is None else tip_densities, tip_charges, uploads["tips"], uploads["strengths"],
            energies,
        )  # fmt: skip
        planes = self._transform_back(energies, count * plan.heights)
        coefficients = self._buffer("coefficients", count, plan.coefficients)
        self._launch(
            "prefilter_z",
            (2 * plan.reach_y, 2 * plan.reach_x, count),
            planes,
            self._matrices["prefilter_z"],
            coefficients,
        )
        return coefficients

    def _send(self, arrays: Arrays) -> "dict[str, cl.Buffer]":
        """Enqueue copies of arrays to buffers that the call before may still use: they wait in the same queue."""
        queue, buffers = self.device.queue, {}
        self._copies = [copy for copy in self._copies if not is_complete(copy)]
        for name, array in arrays.items():
            buffers[name] = self._memory.buffer(name, array.nbytes)
            self._copies.append(cl.enqueue_copy(queue, buffers[name], np.ascontiguousarray(array), is_blocking=False))
        return buffers

    def _transform(
        self, name: str, images: "cl.Buffer", planes: "cl.Buffer", count: int, number: int, first: int
    ) -> "cl.Buffer":
        """Enqueue the spectra of planes (count, number, size_x, size_y), which begin at plane `first` of each image.

        Return (count, number, k_x, 2, 2, k_y) f4.
        """
        plan = self.plan
        rows = self._buffer("rows", count, number, plan.k_x, 2, plan.size_y)
        spectra = self._buffer(name, count, number, plan.k_x, 4, plan.k_y)
        if number:
            size = (plan.size_y, plan.k_x // BLOCK, count * number)
            shared = images, np.int32(number), np.int32(first)
            self._launch("forward_x", size, *shared, planes, *self._matrix("forward_x"), rows)
            size = (plan.k_y // self._defines["VECTORS"], plan.k_x, count * number)
            self._launch("forward_y", size, *shared, rows, *self._matrix("forward_y"), spectra)
        return spectra

    def _transform_back(self, spectra: "cl.Buffer", count: int) -> "cl.Buffer":
        """Enqueue the planes, (count, 2 reach_x, 2 reach_y) f4, of spectra (count, k_x, 2, 2, k_y)."""
        plan = self.plan
        rows = self._buffer("energy_rows", count, plan.k_x, 4, plan.reach_y)
        planes = self._buffer("energy_planes", count, 4, plan.reach_x, plan.reach_y)
        columns = plan.reach_y // self._defines["Y_VECTORS"]
        self._launch("inverse_y", (columns, plan.k_x, count), spectra, *self._matrix("inverse_y"), rows)
        size = (2 * plan.reach_y, plan.reach_x // BLOCK, count)
        self._launch("inverse_x", size, rows, *self._matrix("inverse_x"), planes)
        return planes

    def _matrix(self, name: str) -> "tuple[cl.Buffer, cl.Buffer]":
        return self._matrices[f"cos_{name}"], self._matrices[f"sin_{name}"]

    def _buffer(self, name: str, *shape: int) -> "cl.Buffer":
        return self._memory.buffer(name, 4 * prod(shape))

    def _launch(self, name: str, size: Sequence[int], *arguments: object) -> None:
        """Enqueue a kernel over `size`; its first axis is the one that a work-item has several neighbours of."""
        lanes = self.device.lanes
        tile = (2, 4, 1) if lanes > 1 else (32, 4, 1)
        self.device.launch(self._kernels[name], (-(-size[0] // lanes), *size[1:]), tile, *arguments)
