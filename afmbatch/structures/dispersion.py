"""The tables of DFT-D3 dispersion, from `d3_tables.npz` (physics.md §8)."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAST_ELEMENT = 94  # the highest atomic number in the tables


@cache
def tables() -> Mapping[str, NDArray[Any]]:
    """Return the tables by name, as `kernels.D3Tables.from_arrays` takes them; they are read once."""
    with as_file(files(__package__) / "d3_tables.npz") as path, np.load(path, allow_pickle=False) as file:
        return dict(file)
