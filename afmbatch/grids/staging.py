"""Grids on disk between the reading of an upload and its storing: one is in memory at a time."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from afmbatch.errors import FieldError, TooLarge
from afmbatch.grids.grid import Grid
from afmbatch.grids.ingest import NamedGrid

_NO_VALUES = np.empty((0, 0, 0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class StagedGrid:
    """A named grid whose values are in a file."""

    #: The grid without its values.
    named: NamedGrid
    path: Path
    shape: tuple[int, int, int]

    def load(self) -> NamedGrid:
        """Return the grid with its values mapped from the file: changes of them change the file."""
        values = np.asarray(np.memmap(self.path, np.float32, "r+", shape=self.shape))
        return replace(self.named, grid=replace(self.named.grid, values=values))

    def with_named(self, named: NamedGrid) -> "StagedGrid":
        """Return this grid with what was concluded and changed since it was loaded, except for its values."""
        return StagedGrid(without_values(named), self.path, self.shape)


class Staging:
    """A folder for the values of grids, with a limit on their size."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._bytes = 0
        self._files = 0

    def add(self, named: NamedGrid) -> StagedGrid:
        """Write the values of a grid to a file. Raises TooLarge if all grids exceed the limit."""
        grid = named.grid
        self._bytes += grid.values.nbytes
        if self._bytes > self._max_bytes:
            accepted = f"at most {self._max_bytes} bytes in all, as float32"
            raise TooLarge(FieldError(named.name, f"{self._bytes} bytes", "the grids are too large", accepted))
        path = self._directory / f"{self._files:08d}.f4"
        self._files += 1
        grid.values.tofile(path)
        return StagedGrid(without_values(named), path, grid.shape)


def without_values(named: NamedGrid) -> NamedGrid:
    """Return a grid with an empty array of values."""
    grid = named.grid
    bare = Grid(_NO_VALUES, grid.origin, grid.lattice, grid.z, grid.xyz, grid.quantity)
    return replace(named, grid=bare)
