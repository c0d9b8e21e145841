"""Samples given as fields on grids, and where the planes of images lie in them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.atoms import Floats, Ints, as_floats
from kernels.device.device import Device
from kernels.device.shared import share_struct
from kernels.errors import InvalidInput
from kernels.force_fields.grid.splines import padded, periodic_coefficients
from kernels.sample_frames import SampleFrames

STRUCTURE = share_struct(
    "structure_t",
    [("n", "i4", 3),  # points along each axis
     ("density", "i4"), ("potential", "i4")],  # where the first coefficients of the fields lie
)  # fmt: skip
RESAMPLING = share_struct(
    "resampling_t",
    [("base", "f4", 3),  # the grid index of the middle of the lowest plane
     ("along_x", "f4", 3), ("along_y", "f4", 3), ("along_z", "f4", 3),  # its change by a step along the image's axes
     ("exponent", "f4"),  # of the density
     ("depth", "f4"),  # Å from the lowest plane up to the lowest probe
     ("fine", "i4"),  # planes, from the lowest up, that have all points; those above have every second
     ("structure", "i4")],
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SampleGrid:
    """The fields of a structure, sampled on a grid that is periodic in its cell.

    lattice: (3, 3) f8, Å, the edges of the cell in rows; they may be skewed.
    origin: (3,) f8, Å, the position of point [0, 0, 0].
    potential: (a, b, c), V.
    density: (a, b, c), electrons per Å³; None: the structure has no density.

    Raises InvalidInput if shapes do not fit, the cell has no volume, or an axis has fewer than six points.
    """

    lattice: Floats
    origin: Floats
    potential: npt.NDArray[np.floating]
    density: npt.NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lattice", as_floats("lattice", self.lattice, (3, 3)))
        object.__setattr__(self, "origin", as_floats("origin", self.origin, (3,)))
        if abs(np.linalg.det(self.lattice)) < 1e-6:
            raise InvalidInput("lattice: the edges of the cell span no volume")
        if self.potential.ndim != 3 or min(self.potential.shape) < 6:
            raise InvalidInput(f"potential: expected three axes of at least 6 points, got shape {self.potential.shape}")
        if self.density is not None and self.density.shape != self.potential.shape:
            raise InvalidInput(
                f"density: expected the shape of the potential, {self.potential.shape}, got {self.density.shape}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of points along each axis."""
        return self.potential.shape

    @property
    def has_density(self) -> bool:
        """True if the structure has a density."""
        return self.density is not None

    @property
    def to_index(self) -> Floats:
        """The matrix (3, 3) f8 that makes differences of grid indices from vectors in Å."""
        return index_matrix(self.lattice, self.shape)

    def coefficients(self) -> list[npt.NDArray[np.float32]]:
        """Return the spline coefficients of the fields, the density first: each (a + 5, b + 5, c + 8) f4."""
        fields = [self.potential] if self.density is None else [self.density, self.potential]
        return [padded(periodic_coefficients(field)) for field in fields]


class Fields(Protocol):
    """The grid of a structure's fields: SampleGrid or SampleSplines."""

    @property
    def origin(self) -> Floats:
        """The position of point [0, 0, 0], (3,) f8, Å."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of points along each axis."""

    @property
    def has_density(self) -> bool:
        """True if the structure has a density."""

    @property
    def to_index(self) -> Floats:
        """The matrix (3, 3) f8 that makes differences of grid indices from vectors in Å."""


def index_matrix(lattice: Floats, shape: tuple[int, ...]) -> Floats:
    """Return the matrix (3, 3) f8 that makes differences of grid indices from vectors in Å."""
    return np.asarray(np.linalg.inv(lattice).T * np.array(shape)[:, None])


@dataclass(frozen=True, eq=False)
class LoadedSamples:
    """Spline coefficients of structures that are on a device.

    coefficients: f4; table: of STRUCTURE, one for each structure of the batch.
    """

    coefficients: "cl.Buffer"
    table: "cl.Buffer"


class SampleFields(ABC):
    """The fields of a batch's structures, which can be loaded onto a device."""

    grids: tuple[Fields, ...]

    @abstractmethod
    def bytes_of(self, structure: int) -> int:
        """Return the bytes of device memory that loading a structure takes."""

    @property
    @abstractmethod
    def capacity_bytes(self) -> int:
        """The largest sum of `bytes_of` that can be loaded at once."""

    @abstractmethod
    def load(self, structures: Sequence[int]) -> LoadedSamples:
        """Have these structures on the device, for commands enqueued before the next call. Raises DeviceLimit."""

    def parts(self, structures: Ints, limit: int) -> Iterator[slice]:
        """Yield slices of `structures`, (n,) i8, at most `limit` long, whose structures can be loaded at once."""
        begin, loaded, size = 0, set[int](), 0
        for i, structure in enumerate(structures.tolist()):
            more = 0 if structure in loaded else self.bytes_of(structure)
            if i > begin and (i - begin == limit or size + more > self.capacity_bytes):
                yield slice(begin, i)
                begin, loaded, size, more = i, set(), 0, self.bytes_of(structure)
            loaded.add(structure)
            size += more
        if len(structures):
            yield slice(begin, len(structures))

    @property
    def has_density(self) -> bool:
        """True if every structure has a density."""
        return all(grid.has_density for grid in self.grids)

    def resampling(self, structure: Ints, frames: SampleFrames, origin: Floats, step: float) -> npt.NDArray[np.void]:
        """Return where the planes of M images lie in the grids of their structures, (M,) of RESAMPLING.

        structure: (M,) i8, the structure of each image; frames: M, how it lies in the image.
        origin: (M, 3) f8, Å, the middle of each image's lowest plane; step: Å between points and planes.
        """
        table = np.zeros(len(structure), RESAMPLING)
        for image, row in enumerate(table):
            grid = self.grids[structure[image]]
            turned = grid.to_index @ frames.rotation[image].T  # of a vector in the image's frame
            base = turned @ (origin[image] - frames.origin[image]) - grid.to_index @ grid.origin
            row["base"] = base % grid.shape
            row["along_x"], row["along_y"], row["along_z"] = step * turned.T
            row["structure"] = structure[image]
        return table


class Samples(SampleFields):
    """The spline coefficients of a few structures, which are on the device from the beginning."""

    def __init__(self, device: Device, grids: Sequence[SampleGrid]) -> None:
        self.grids = tuple(grids)
        table = np.zeros(len(grids), STRUCTURE)
        fields: list[npt.NDArray[np.float32]] = []
        offset = 0
        for row, grid in zip(table, grids, strict=True):
            coefficients = grid.coefficients()
            size = coefficients[0].size
            row["n"] = grid.potential.shape
            row["density"], row["potential"] = offset, offset + (len(coefficients) - 1) * size
            offset += len(coefficients) * size
            fields += coefficients
        if offset >= 1 << 31:
            raise InvalidInput(
                f"structures: their {offset} spline coefficients exceed the 2³¹ that kernels can address"
            )
        read_only = cl.mem_flags.READ_ONLY
        self._loaded = LoadedSamples(
            cl.Buffer(
                device.context,
                read_only | cl.mem_flags.COPY_HOST_PTR,
                hostbuf=np.concatenate([f.ravel() for f in fields]),
            ),
            cl.Buffer(device.context, read_only | cl.mem_flags.COPY_HOST_PTR, hostbuf=table),
        )

    def bytes_of(self, structure: int) -> int:
        """Return 0: nothing has to be loaded."""
        return 0

    @property
    def capacity_bytes(self) -> int:
        """The largest sum of `bytes_of`: 0."""
        return 0

    def load(self, structures: Sequence[int]) -> LoadedSamples:
        """Return the coefficients of all structures."""
        return self._loaded
