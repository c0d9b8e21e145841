"""The tables of DFT-D3 dispersion, from `d3_tables.npz` (physics.md §8)."""

import json
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


@cache
def functionals() -> tuple[str, ...]:
    """Return the names of the density functionals that have damping parameters, in the order of the tables."""
    with as_file(files(__package__) / "d3_tables.npz") as path, np.load(path, allow_pickle=False) as file:
        return tuple(json.loads(str(file["bj_parameters"])))
