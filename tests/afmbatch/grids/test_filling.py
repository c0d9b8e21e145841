"""A grid is filled the same from any blocks, in both orders."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.errors import InvalidInput, TooLarge
from afmbatch.grids import filling
from afmbatch.grids.filling import ValueOrder, check_shape, fill_grid

SHAPES = st.tuples(*[st.integers(1, 6)] * 3)


def blocks(values, cuts):
    return np.split(values, sorted(cuts))


@given(SHAPES, st.sampled_from(ValueOrder), st.lists(st.integers(0, 200), max_size=8), st.integers(1, 100))
def test_any_blocks_give_the_same_grid(shape, order, cuts, slab):
    wanted = np.arange(np.prod(shape), dtype=float).reshape(shape)
    flat = wanted.ravel() if order is ValueOrder.Z_FASTEST else wanted.transpose(2, 1, 0).ravel()
    with patch.object(filling, "SLAB_VALUES", slab):
        found = fill_grid(shape, blocks(flat, [c for c in cuts if c < len(flat)]), order, -2.0, "f")
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert (found == -2 * wanted).all()


def test_slabs_smaller_than_the_grid():
    wanted = np.arange(3 * 4 * 50, dtype=float).reshape(3, 4, 50)
    with patch.object(filling, "SLAB_VALUES", 1):
        found = fill_grid((3, 4, 50), [wanted.transpose(2, 1, 0).ravel()], ValueOrder.X_FASTEST, 1.0, "f")
    assert (found == wanted).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("order", ValueOrder)
def test_the_first_value_that_is_not_finite_is_named(bad, order):
    values = np.zeros((2, 3, 4))
    values[1, 0, 1] = bad
    flat = values.ravel() if order is ValueOrder.Z_FASTEST else values.transpose(2, 1, 0).ravel()
    with pytest.raises(InvalidInput) as info:
        fill_grid((2, 3, 4), [flat[:5], flat[5:]], order, 1.0, "f")
    (fault,) = info.value.field_errors
    assert "at grid point (1, 0, 1), is not a finite number" in fault.reason
    assert fault.value == repr(bad)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((1, 4, 4), "fewer than 2"),
        ((0, 4, 4), "fewer than 2"),
        ((4, 4, 2049), "too many"),
        ((2000, 2000, 2000), "too many"),
    ],
)
def test_impossible_shapes(shape, reason):
    with pytest.raises(TooLarge if reason == "too many" else InvalidInput, match=reason):
        check_shape(shape, "f")
