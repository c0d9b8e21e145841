import numpy as np
import pytest

from kernels.force_fields.grid.plane_grid import PlaneGrid, TipReach
from kernels.force_fields.grid.tips import GridTip, halved

PLAN = PlaneGrid.covering((3.0, 2.0), 2.0, TipReach())


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("degree", range(12))
def test_sums_over_half_of_the_points_stay(axis: int, degree: int) -> None:
    values = np.zeros((40, 42, 44))
    values[14:27, 14:27, 14:27] = np.random.default_rng(7).normal(size=(13, 13, 13))
    place = np.linspace(-1, 1, values.shape[axis], endpoint=False) ** degree
    whole = np.moveaxis(values, axis, -1) @ place / 2
    half = np.moveaxis(halved(values, axis), axis, -1) @ place[::2]
    assert half == pytest.approx(whole, abs=1e-11)


def test_an_exponent_of_one_is_the_limit_of_those_near_it() -> None:
    spike = np.zeros((30, 30, 30))
    spike[0, 0, 0] = 1.0  # its spline has negative values, which count as 0
    tip = GridTip(np.diag([6.0, 6.0, 6.0]), spike, spike)
    one, near = (tip.density_planes(PLAN, exponent) for exponent in (1.0, 1.0 + 1e-9))
    assert one == pytest.approx(near, abs=1e-9)
    assert one.max() > 0.5


def test_a_tip_is_zero_beyond_its_box() -> None:
    tip = GridTip(np.diag([2.4, 2.0, 3.0]), np.ones((6, 6, 6)))
    planes = tip.charge_planes(PLAN)
    x, y = (PLAN.step * (np.arange(n) - n // 2) for n in (PLAN.size_x, PLAN.size_y))
    beyond = (np.abs(x)[:, None] > 1.2 + 1.21) | (np.abs(y) > 1.0 + 1.21)
    assert not planes[:, beyond].any()
    points = 25 * 21 * 31  # half a step apart, both ends of each edge among them
    assert planes.sum() * PLAN.step**3 == pytest.approx(points * (PLAN.step / 2) ** 3)
