"""Energies of a probe particle as splines, for the images of a batch: what runs on the device, in what order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Floats, Ints
from kernels.device.device import Device
from kernels.device.shared import share_struct
from kernels.force_fields.grid.plane_grid import PlaneGrid
from kernels.force_fields.grid.splines import padded, periodic_coefficients
from kernels.device.workspace import Workspace

KERNELS = {
    "resample": ("resample",),
    "lateral_transform": ("forward_x", "forward_y", "inverse_y", "inverse_x"),
    "plane_products": ("plane_products", "prefilter_z"),
}
STRUCTURE = share_struct("structure_t", [("n", "i4", 3), ("density", "i4"), ("potential", "i4")])
RESAMPLING = share_struct(
    "resampling_t",
    [("base", "f4", 3), ("along_x", "f4", 3), ("along_y", "f4", 3), ("along_z", "f4", 3),
     ("exponent", "f4"),  # of the density
     ("depth", "f4"),  # Å from the lowest plane up to the lowest probe
     ("structure", "i4")],
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SampleGrid:
    """A structure's fields on a grid, periodic in its cell.

    lattice: (3, 3) f8, Å, the cell's edges in rows; origin: (3,) f8, Å, where [0, 0, 0] lies.
    potential: (a, b, c), V; density: the same shape, electrons per Å³, or None.
    """

    lattice: Floats
    origin: Floats
    potential: npt.NDArray[np.floating]
    density: npt.NDArray[np.floating] | None = None

    def coefficients(self) -> list[npt.NDArray[np.float32]]:
        """Return the fields' spline coefficients, density first: each (a + 5, b + 5, c + 8) f4."""
        fields = [self.potential] if self.density is None else [self.density, self.potential]
        return [padded(periodic_coefficients(field)) for field in fields]


class Samples:
    """Structures' spline coefficients on the device, where they stay while their rotations are made."""

    def __init__(self, device: Device, grids: Sequence[SampleGrid]) -> None:
        self.grids = grids
        table = np.zeros(len(grids), STRUCTURE)
        chunks: list[npt.NDArray[np.float32]] = []
        offset = 0
        for row, grid in zip(table, grids, strict=True):
            row["n"] = grid.potential.shape
            fields = grid.coefficients()
            row["density"], row["potential"] = offset, offset + (len(fields) - 1) * fields[0].size
            offset += len(fields) * fields[0].size
            chunks += [field.ravel() for field in fields]
        read = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
        self.coefficients = cl.Buffer(device.context, read, hostbuf=np.concatenate(chunks))
        self.table = cl.Buffer(device.context, read, hostbuf=table)

    def resampling(self, structure: Ints, rotation: Floats, shift: Floats, origin: Floats, step: float) -> npt.NDArray[np.void]:
        """Return (M,) of RESAMPLING: where the planes of images lie in the grids of their structures.

        structure: (M,), which one; position in the image = rotation (M, 3, 3) @ own position + shift (M, 3), Å;
        origin: (M, 3), Å, the centre of the lowest plane in the image's frame.
        """
        table = np.zeros(len(structure), RESAMPLING)
        for row, which, turn, moved, start in zip(table, structure, rotation, shift, origin, strict=True):
            grid = self.grids[which]
            n = np.array(grid.potential.shape)
            to_index = (np.linalg.inv(grid.lattice).T * n[:, None]) @ turn.T  # of a vector in the image's frame
            row["base"] = (to_index @ (start - moved) - (np.linalg.inv(grid.lattice).T * n[:, None]) @ grid.origin) % n
            row["along_x"], row["along_y"], row["along_z"] = step * to_index.T
            row["structure"] = which
        return table


class EnergyGrids:
    """Makes the spline coefficients of the images' energies, a few images at a time."""

    def __init__(self, device: Device, plan: PlaneGrid) -> None:
        self.device, self.plan = device, plan
        self._memory = Workspace(device)
        self._kernels = {
            name: device.kernel(name, f"force_fields/grid/{file}.cl", **plan.defines)
            for file, names in KERNELS.items() for name in names
        }  # fmt: skip
        self._matrices, _ = self._memory.upload(plan.matrices)

    def bytes_per_image(self) -> int:
        """The device memory that an image takes while it is made, in bytes."""
        plan = self.plan
        plane = plan.size_x * plan.size_y + 2 * plan.k_x * plan.size_y + 4 * plan.k_x * plan.k_y
        energy = plan.heights * 4 * plan.k_x * (plan.k_y + plan.reach_y) + 2 * plan.coefficients
        return 4 * ((plan.planes + plan.density_planes) * plane + energy)

    def make(
        self, samples: Samples, images: npt.NDArray[np.void], tip_charges: "cl.Buffer", tip_densities: "cl.Buffer | None",
        tips: Ints, strengths: Floats, profile: dict[str, float] | None = None,
    ) -> "cl.Buffer":  # fmt: skip
        """Enqueue the energies of M images; the buffer (M, 2 reach_x, 2 reach_y, heights) f4 is used again by the next call."""
        plan, device, count = self.plan, self.device, len(images)
        lanes = device.lanes
        uploads, _ = self._memory.upload(
            {"images": images, "tips": np.asarray(tips, np.int32), "strengths": np.asarray(strengths, np.float32)}
        )
        device.uploads.finish()
        matrices = self._matrices

        def buffer(name: str, planes: int, *shape: int) -> "cl.Buffer":
            return self._memory.buffer(name, 4 * count * planes * int(np.prod(shape)))

        def launch(name: str, size: tuple[int, int, int], *arguments: object, tile: tuple[int, int, int] | None = None) -> None:
            default = (4, 4, 1) if lanes > 1 else (32, 4, 1)
            device.launch(self._kernels[name], size, tile or default, *arguments)
            if profile is not None:
                from time import perf_counter

                device.queue.finish()
                now = perf_counter()
                profile[name] = profile.get(name, 0.0) + now - profile["at"]
                profile["at"] = now

        if profile is not None:
            from time import perf_counter

            profile["at"] = perf_counter()
        n_x, n_y, k_x, k_y = plan.size_x, plan.size_y, plan.k_x, plan.k_y
        spectra = {}
        potentials = buffer("potentials", plan.planes, n_x, n_y)
        densities = buffer("densities", plan.density_planes, n_x, n_y)
        launch("resample", (-(-n_y // lanes), n_x, count * plan.planes), samples.coefficients, samples.table,
               uploads["images"], np.float32(plan.step), densities, potentials)  # fmt: skip
        for name, field, planes in (("density", densities, plan.density_planes), ("potential", potentials, plan.planes)):
            rows = buffer("rows", planes, k_x, 2, n_y)
            spectra[name] = buffer(f"{name}_spectra", planes, k_x, 4, k_y)
            if planes:
                launch("forward_x", (-(-n_y // lanes), k_x // 8, count * planes), field, matrices["cos_forward_x"], matrices["sin_forward_x"], rows)
                launch("forward_y", (k_y // (plan.defines["VECTORS"] * lanes), k_x, count * planes), rows, matrices["cos_forward_y"], matrices["sin_forward_y"], spectra[name],
                       tile=(2, 4, 1) if lanes > 1 else (16, 8, 1))
        energies = buffer("energies", plan.heights, k_x, 4, k_y)
        launch("plane_products", (k_y // lanes, 2 * k_x, count * plan.heights // 4), spectra["density"], spectra["potential"],
               tip_densities or tip_charges, tip_charges, uploads["tips"], uploads["strengths"], energies)
        rows = buffer("energy_rows", plan.heights, k_x, 4, plan.reach_y)
        launch("inverse_y", (plan.reach_y // (plan.defines["Y_VECTORS"] * lanes), k_x, count * plan.heights), energies,
               matrices["cos_inverse_y"], matrices["sin_inverse_y"], rows, tile=(2, 4, 1) if lanes > 1 else (16, 8, 1))
        planes = buffer("energy_planes", plan.heights, 4, plan.reach_x, plan.reach_y)
        launch("inverse_x", (2 * plan.reach_y // lanes, plan.reach_x // 8, count * plan.heights), rows,
               matrices["cos_inverse_x"], matrices["sin_inverse_x"], planes)
        coefficients = buffer("coefficients", 1, plan.coefficients)
        launch("prefilter_z", (2 * plan.reach_y // lanes, 2 * plan.reach_x, count), planes, matrices["prefilter_z"], coefficients)
        return coefficients
