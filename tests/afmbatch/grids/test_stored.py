"""Grids of structures and tips come back from the store as they were written."""

from dataclasses import replace

import numpy as np
import pytest

from afmbatch.errors import NotFound
from afmbatch.grids.grid import Grid
from afmbatch.grids.stored import (
    SampleGrids,
    TipGrids,
    encode_sample_grids,
    encode_tip_grids,
    read_sample_grids,
    read_tip_grids,
    sample_grids_key,
    sample_grids_prefix,
    tip_key,
)
from afmbatch.storage.object_store import ObjectStore
from tests.afmbatch.grids.writers import screened_water, water


@pytest.fixture(params=["directory", "bucket"])
def store(request, tmp_path):
    return ObjectStore(tmp_path.as_uri() if request.param == "directory" else "memory:///")


@pytest.fixture
def density() -> Grid:
    return water((12, 13, 14), np.array([[8.0, 0, 0], [1, 7, 0], [0, 0, 9]]))


def same(a: Grid | None, b: Grid | None) -> bool:
    if a is None or b is None:
        return a is b
    names = ("values", "origin", "lattice", "z", "xyz")
    equal = all(getattr(a, n).dtype == getattr(b, n).dtype and (getattr(a, n) == getattr(b, n)).all() for n in names)
    return equal and a.quantity is b.quantity


@pytest.mark.parametrize("which", ["potential", "density", "both"])
def test_a_sample(store, density, which):
    potential = screened_water(density)
    grids = SampleGrids(potential if which != "density" else None, density if which != "potential" else None)
    key = sample_grids_key("ds-1", 7)
    assert key == "datasets/ds-1/grids/00000007.npz"
    assert key.startswith(sample_grids_prefix("ds-1"))
    store.put(key, b"".join(encode_sample_grids(grids)))
    found = read_sample_grids(store, "ds-1", 7)
    assert same(found.potential, grids.potential)
    assert same(found.density, grids.density)
    with pytest.raises(NotFound, match="Dataset ds-1 does not exist"):
        read_sample_grids(store, "ds-1", 8)


def test_a_tip(store, density):
    delta = replace(density, values=density.values - density.values.mean())
    store.put(tip_key("tip-1"), b"".join(encode_tip_grids(TipGrids(density, delta, 8))))
    found = read_tip_grids(store, "tip-1")
    assert same(found.density, density)
    assert same(found.delta_density, delta)
    assert found.probe_element == 8
    assert found.charge is not None
    assert (found.charge == -delta.values).all()
    with pytest.raises(NotFound, match="Tip tip-2 does not exist"):
        read_tip_grids(store, "tip-2")


def test_grids_without_values_are_no_grids():
    with pytest.raises(ValueError, match="a potential, a density, or both"):
        SampleGrids(None, None)
    with pytest.raises(ValueError, match="a density, a delta density, or both"):
        TipGrids(None, None, 8)
