"""Valence electrons by rule."""

import pytest

from afmbatch.grids.valence import fewest_valence, usual_valence


@pytest.mark.parametrize(
    ("z", "usual", "fewest"),
    [
        (1, 1, 1),
        (2, 2, 2),
        (6, 4, 4),
        (8, 6, 6),
        (11, 1, 1),
        (17, 7, 7),
        (18, 8, 8),
        (20, 2, 2),
        (26, 8, 8),
        (29, 11, 11),
        (30, 12, 2),
        (31, 3, 3),
        (35, 7, 7),
        (47, 11, 11),
        (54, 8, 8),
        (57, 3, 3),
        (64, 10, 3),
        (74, 6, 6),
        (79, 11, 11),
        (82, 4, 4),
    ],
)
def test_elements(z, usual, fewest):
    assert usual_valence(z) == usual
    assert fewest_valence(z) == fewest


def test_bounds():
    for z in range(1, 119):
        assert 1 <= fewest_valence(z) <= usual_valence(z) <= z
