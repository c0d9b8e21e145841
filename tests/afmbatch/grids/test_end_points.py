"""Repeated end points are found and dropped; symmetric values do not mislead."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.grids.end_points import EndPoint, SpannedAtoms, find_end_point, remove_end_points
from tests.afmbatch.grids.writers import with_end_points

AXES = st.tuples(st.booleans(), st.booleans(), st.booleans())


@given(st.tuples(*[st.integers(4, 8)] * 3), AXES, st.booleans(), st.integers(0, 99))
def test_planes_that_repeat_are_dropped(shape, axes, usual, seed):
    wanted = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    given_values = with_end_points(wanted, axes)
    values, findings = remove_end_points(np.ascontiguousarray(given_values), usual)
    assert values.shape == shape
    assert values.flags.c_contiguous
    assert (values == wanted).all()
    assert [bool(f.numbers["repeated"]) for f in findings] == list(axes)
    assert not any(f.warning for f in findings)


def test_nothing_is_copied():
    values = with_end_points(np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32))
    assert np.shares_memory(values, remove_end_points(values, usual=False)[0])


def test_a_rounded_end_point_is_found():
    values = with_end_points(np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32))
    values[-1] *= 1 + 1e-6
    assert find_end_point(values, 0) is EndPoint.REPEATED


def test_smooth_values_without_end_point():
    x = np.arange(200) / 200
    values = np.broadcast_to(np.cos(2 * np.pi * (x - 0.3))[:, None, None], (200, 4, 4)).astype(np.float32)
    assert find_end_point(values, 0) is EndPoint.ABSENT


def symmetric(n: int, end: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return values that are symmetric along the first axis around two atoms, and the atoms' fractions."""
    place = (n - 1) / (2 * n) if not end else 0.5
    spacing = 1 / n if not end else 1 / (n - 1)
    x = np.arange(n) * spacing
    profile = sum(np.exp(-((np.sin(np.pi * (x - c)) / 0.1) ** 2)) for c in (place - 0.1, place + 0.1))
    values = profile[:, None, None] * np.random.default_rng(0).uniform(1, 2, size=(1, 5, 6))
    return values.astype(np.float32), np.array([[place - 0.1, 0.2, 0.2], [place + 0.1, 0.2, 0.2]])


def test_symmetric_values_leave_it_to_the_atoms():
    for end in (True, False):
        values, fractions = symmetric(21, end)
        assert find_end_point(values, 0) is EndPoint.UNDECIDED
        atoms = SpannedAtoms(np.array([6, 6]), fractions)
        for usual in (True, False):
            found, findings = remove_end_points(values.copy(), usual, atoms)
            assert found.shape[0] == 21 - end
            assert "symmetry of the atoms" in findings[0].message
            assert not findings[0].warning


def test_symmetric_values_without_atoms_leave_it_to_the_custom():
    values, _ = symmetric(21, True)
    assert remove_end_points(values.copy(), usual=False)[0].shape[0] == 21
    found, findings = remove_end_points(values.copy(), usual=True)
    assert found.shape[0] == 20
    assert findings[0].warning
    assert "custom of the format" in findings[0].message


def test_atoms_of_other_elements_are_no_mirror_images():
    _, fractions = symmetric(21, True)
    assert SpannedAtoms(np.array([6, 8]), fractions).end_point(0, 21) is EndPoint.UNDECIDED
