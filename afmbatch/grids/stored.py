"""The grids of structures and tips in the store: uncompressed npz files, written in chunks and read whole."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afmbatch.errors import NotFound
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.storage.batch_file import npz_chunks
from afmbatch.storage.npz_reader import NpzReader
from afmbatch.storage.object_store import ObjectStore
from afmbatch.storage.zip_writer import Chunk


@dataclass(frozen=True, slots=True, eq=False)
class SampleGrids:
    """The grids of one structure, at least one. Two have the same cell, points and atoms.

    The atoms are unwrapped: the structure is in one piece within the cell.
    """

    #: Electrostatic potential, V.
    potential: Grid | None
    #: Electron density, e/Å³.
    density: Grid | None

    def __post_init__(self) -> None:
        if self.potential is None and self.density is None:
            raise ValueError("a structure has a potential, a density, or both")

    @property
    def any(self) -> Grid:
        """A grid that there is, for the cell and the atoms that all share."""
        grid = self.potential or self.density
        assert grid is not None  # noqa: S101 - checked when the object was made
        return grid


@dataclass(frozen=True, slots=True, eq=False)
class TipGrids:
    """The grids of a tip, at least one. Two have the same cell, points and atoms.

    The probe atom is at (0, 0, 0) in Å, and the values are rolled so that grid point (0, 0, 0) is the one nearest to
    it. The origin of the grids is the position of that point: zero if the probe atom lies on a grid point, otherwise
    up to half a voxel away along each axis. A density at a place p in Å relative to the probe is therefore the
    periodic field at fractional coordinates (p − origin) · lattice⁻¹.
    """

    #: Electron density, e/Å³.
    density: Grid | None
    #: Excess electrons against free atoms, e/Å³: the negative of a charge density. A charge density that was uploaded
    #: is kept as such.
    delta_density: Grid | None
    #: Atomic number of the probe atom.
    probe_element: int

    def __post_init__(self) -> None:
        if self.density is None and self.delta_density is None:
            raise ValueError("a tip has a density, a delta density, or both")

    @property
    def charge(self) -> NDArray[np.float32] | None:
        """The charge density, positive for positive charge: float32 (nx, ny, nz), e/Å³; None without delta density."""
        return None if self.delta_density is None else -self.delta_density.values

    @property
    def any(self) -> Grid:
        """A grid that there is, for the cell and the atoms that all share."""
        grid = self.density or self.delta_density
        assert grid is not None  # noqa: S101 - checked when the object was made
        return grid


def sample_grids_prefix(dataset_id: str) -> str:
    """Return the prefix of the keys of all grids of a dataset."""
    return f"datasets/{dataset_id}/"


def sample_grids_key(dataset_id: str, structure: int) -> str:
    """Return the key of the grids of a dataset's structure, counted from 0."""
    return f"{sample_grids_prefix(dataset_id)}grids/{structure:08d}.npz"


def tip_key(tip_id: str) -> str:
    """Return the key of a tip's grids."""
    return f"tips/{tip_id}.npz"


def encode_sample_grids(grids: SampleGrids) -> Iterator[Chunk]:
    """Yield the npz file of a structure's grids in chunks, which are views of the values."""
    return npz_chunks(_frame(grids.any) | _values({"potential": grids.potential, "density": grids.density}))


def encode_tip_grids(grids: TipGrids) -> Iterator[Chunk]:
    """Yield the npz file of a tip's grids in chunks, which are views of the values."""
    frame = _frame(grids.any) | {"probe_element": np.array(grids.probe_element, np.int64)}
    return npz_chunks(frame | _values({"density": grids.density, "delta_density": grids.delta_density}))


def read_sample_grids(store: ObjectStore, dataset_id: str, structure: int) -> SampleGrids:
    """Return the grids of a dataset's structure. Raises NotFound if the dataset, or this structure, has none."""
    file = _read(store, sample_grids_key(dataset_id, structure), "dataset", dataset_id)
    return SampleGrids(
        potential=_grid(file, "potential", Quantity.POTENTIAL),
        density=_grid(file, "density", Quantity.ELECTRONS),
    )


def read_tip_grids(store: ObjectStore, tip_id: str) -> TipGrids:
    """Return the grids of a tip. Raises NotFound."""
    file = _read(store, tip_key(tip_id), "tip", tip_id)
    return TipGrids(
        density=_grid(file, "density", Quantity.ELECTRONS),
        delta_density=_grid(file, "delta_density", Quantity.ELECTRONS),
        probe_element=int(file["probe_element"]),
    )


def _frame(grid: Grid) -> dict[str, NDArray[Any]]:
    return {"lattice": grid.lattice, "origin": grid.origin, "z": grid.z, "xyz": grid.xyz}


def _values(grids: Mapping[str, Grid | None]) -> dict[str, NDArray[Any]]:
    return {name: grid.values for name, grid in grids.items() if grid is not None}


def _read(store: ObjectStore, key: str, kind: str, name: str) -> Mapping[str, NDArray[Any]]:
    """Return all arrays of a file by name. Raises NotFound(kind, name)."""
    try:
        with closing(store.open(key)) as file:
            reader = NpzReader(file)
            return {array: reader.whole(array) for array in reader.arrays}
    except FileNotFoundError:
        raise NotFound(kind, name) from None


def _grid(file: Mapping[str, NDArray[Any]], name: str, quantity: Quantity) -> Grid | None:
    """Return the grid of this name in a file, None if there is none."""
    if name not in file:
        return None
    return Grid(file[name], file["origin"], file["lattice"], file["z"], file["xyz"], quantity)
