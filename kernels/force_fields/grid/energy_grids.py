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
from kernels.force_fields.grid.samples import LoadedSamples

FILES = {
    "resample": ("resample", "resample_coarse", "refine"),
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
        self._kernels = {
            name: device.kernel(name, f"force_fields/grid/{file}.cl", **plan.defines)
            for file, names in FILES.items()
            for name in names
        }

    @property
    def image_bytes(self) -> int:
        """The bytes of device memory that an image takes while its energy is made."""
        plan = self.plan
        plane = plan.size_x * plan.size_y + prod(plan.coarse) + 4 * plan.k_x * plan.k_y
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
        coarse_x, coarse_y = plan.coarse
        coarse_densities = self._buffer("coarse_densities", count, plan.density_planes, coarse_x, coarse_y)
        coarse_potentials = self._buffer("coarse_potentials", count, plan.planes, coarse_x, coarse_y)
        fields = samples.coefficients, samples.table, uploads["images"], np.float32(plan.step)
        self._launch("resample", (plan.size_y, plan.size_x, count * plan.planes), *fields, densities, potentials)
        size = (coarse_y, coarse_x, count * plan.planes)
        self._launch("resample_coarse", size, *fields, coarse_densities, coarse_potentials)
        for coarse, number, first, fine in (
            (coarse_densities, plan.density_planes, plan.defines["DENSITY_FIRST"], densities),
            (coarse_potentials, plan.planes, 0, potentials),
        ):
            if number:
                size = (plan.size_y, plan.size_x, count * number)
                self._launch("refine", size, uploads["images"], coarse, np.int32(number), np.int32(first), fine)
        density_spectra = self._transform("density_spectra", densities, count * plan.density_planes)
        potential_spectra = self._transform("potential_spectra", potentials, count * plan.planes)
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

    def _transform(self, name: str, planes: "cl.Buffer", count: int) -> "cl.Buffer":
        """Enqueue the spectra of planes (count, size_x, size_y); return (count, k_x, 2, 2, k_y) f4."""
        plan = self.plan
        rows = self._buffer("rows", count, plan.k_x, 2, plan.size_y)
        spectra = self._buffer(name, count, plan.k_x, 4, plan.k_y)
        if count:
            self._launch("forward_x", (plan.size_y, plan.k_x // BLOCK, count), planes, *self._matrix("forward_x"), rows)
            columns = plan.k_y // plan.defines["VECTORS"]
            self._launch("forward_y", (columns, plan.k_x, count), rows, *self._matrix("forward_y"), spectra)
        return spectra

    def _transform_back(self, spectra: "cl.Buffer", count: int) -> "cl.Buffer":
        """Enqueue the planes, (count, 2 reach_x, 2 reach_y) f4, of spectra (count, k_x, 2, 2, k_y)."""
        plan = self.plan
        rows = self._buffer("energy_rows", count, plan.k_x, 4, plan.reach_y)
        planes = self._buffer("energy_planes", count, 4, plan.reach_x, plan.reach_y)
        columns = plan.reach_y // plan.defines["Y_VECTORS"]
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
