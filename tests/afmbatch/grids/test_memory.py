"""A grid needs its own memory and a few MiB: reading, checking and preparing make no second copy of it."""

import gzip
import io
import tracemalloc

import numpy as np
import pytest

from afmbatch.grids.grid import Quantity
from afmbatch.grids.ingest import prepare_sample, read_grids
from afmbatch.grids.samples import GridUpload, prepare_samples
from afmbatch.settings import Settings
from tests.afmbatch.grids.writers import chgcar, cube, lvec, npz, screened_water, water, xsf

LIMIT = 16 << 20  # bytes besides the grid
SHAPE = (160, 150, 170)  # 16 MB as float32, 60 MB as text


@pytest.fixture(scope="module")
def grid():
    small = water((32, 30, 34), np.diag([8.0, 7.5, 8.5]), np.zeros(3))
    values = small.values.repeat(5, 0).repeat(5, 1).repeat(5, 2)
    # the molecule lies across the edge, so that the grid is rolled, too
    values = np.roll(values, (80, 75, 85), (0, 1, 2))
    return type(small)(values, small.origin, small.lattice, small.z, small.xyz - [4.0, 3.75, 4.25], small.quantity)


@pytest.mark.parametrize("form", ["cube", "xsf", "chgcar", "npz"])
def test_memory(form, grid):
    writers = {
        "cube": lambda: cube(grid),
        "xsf": lambda: xsf(grid),
        "chgcar": lambda: chgcar(grid),
        "npz": lambda: npz(data=grid.values.astype(float), lvec=lvec(grid), xyz=grid.xyz, Z=grid.z),
    }
    file = io.BytesIO(gzip.compress(writers[form](), 1))
    tracemalloc.start()
    try:
        (named,) = prepare_sample(list(read_grids(file, f"CHGCAR.{form}", Quantity.ELECTRONS)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert any(finding.subject == "unwrapped" for finding in named.findings)
    assert peak < 4 * 161 * 151 * 171 + LIMIT
    assert named.grid.shape == SHAPE


def test_memory_of_many_structures_with_two_grids_each(tmp_path):
    """One grid is in memory at a time, although each structure has two, which are compared."""
    density = water((32, 30, 34), np.diag([8.0, 7.5, 8.5]), np.zeros(3))
    arrays = {"rho": density.values, "pot": screened_water(density).values}
    finer = {name: values.repeat(5, 0).repeat(5, 1).repeat(5, 2) for name, values in arrays.items()}
    file = io.BytesIO(npz(**finer, lvec=lvec(density), xyz=density.xyz, Z=density.z))
    uploads = [GridUpload(f"{i}.npz", file, None) for i in range(3)]
    del finer
    tracemalloc.start()
    try:
        samples = prepare_samples(uploads, tmp_path, Settings())
        sizes = [sum(map(len, sample.chunks())) for sample in samples]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    grid_bytes = 4 * 160 * 150 * 170
    assert len(sizes) == 3
    assert all(2 * grid_bytes < size < 2 * grid_bytes + 10_000 for size in sizes)
    assert peak < grid_bytes + LIMIT
