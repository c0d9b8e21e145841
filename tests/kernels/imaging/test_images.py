from dataclasses import replace

import numpy as np
import pytest

from kernels.errors import InvalidInput
from tests.kernels.cases import make_images, window

IMAGES = make_images([0, 0, 1], [window()] * 3, (7, 5, 6))


def test_pixels_include_both_ends() -> None:
    grid = IMAGES.grid
    x = grid.centre[0, 0] + grid.step[0, 0] * (np.arange(7) - 3)
    assert x == pytest.approx(np.linspace(-4, 4, 7))


def test_a_single_pixel_lies_at_the_windows_start() -> None:
    grid = replace(IMAGES, dim=(1, 5)).grid
    assert grid.centre[0].tolist() == [-4, 0]
    assert grid.step[0, 0] == 0


def test_equilibrium_is_a_bond_length_away() -> None:
    tilted = replace(IMAGES, tilt=np.array([[0.2, -0.1]] * 3))
    assert np.linalg.norm(tilted.equilibrium, axis=1) == pytest.approx(IMAGES.r0)
    assert (tilted.equilibrium[:, 2] < 0).all()


def test_last_image_of_each_molecule() -> None:
    assert IMAGES.last_of(2).tolist() == [1, 2]
    for molecules in (1, 3):
        with pytest.raises(InvalidInput):
            IMAGES.last_of(molecules)


@pytest.mark.parametrize(
    "change",
    [
        {"dim": (7, 5, 6)}, {"dim": (0, 5)}, {"dim": (7.5, 5)}, {"n_out": 0}, {"n_out": 1.5},
        {"df_steps": np.array([3, 0, 3])}, {"df_steps": np.array([3, 3])}, {"df_steps": np.full(3, 2.5)},
        {"window": np.zeros((3, 2, 3))}, {"r0": np.zeros(3)},
        {"tilt": np.full((3, 2), 3.0)}, {"stiffness": np.zeros((3, 4))}, {"lj_radius": np.full(3, -1.0)},
        {"charges": np.zeros((3, 2))}, {"molecule": np.array([-1, 0, 0])},
        {"molecule": np.array([0, 1, 0])},
    ],
)  # fmt: skip
def test_impossible_geometries_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        replace(IMAGES, **change)
