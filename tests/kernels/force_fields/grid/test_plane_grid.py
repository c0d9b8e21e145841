import numpy as np
import pyopencl as cl
import pytest

from kernels.device.device import Device
from kernels.device.workspace import Workspace
from kernels.force_fields.grid.energy_grids import EnergyGrids
from kernels.force_fields.grid.plane_grid import SUPPORT, PlaneGrid, TipReach

WIDTHS = [(0.0, 0.0), (3.0, 2.0), (16.0, 16.0), (15.875, 9.3)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("step", [0.2, 0.18])
def test_a_plan_covers_what_a_probe_may_reach(width: tuple[float, float], step: float) -> None:
    reach = TipReach()
    plan = PlaneGrid.covering(width, 2.5, reach, step, margin=0.8)
    for w, points, size in zip(width, (plan.reach_x, plan.reach_y), (plan.size_x, plan.size_y), strict=True):
        assert (points - SUPPORT) * step >= w / 2 + 0.8
        assert size >= 2 * points
        assert size * step >= w + 2 * (0.8 + reach.lateral)
        assert size % 2 == 0
    assert (plan.heights - 2 * SUPPORT) * step >= 2.5
    assert plan.planes == plan.heights + plan.tip_planes - 1
    assert plan.k_x > plan.size_x // 2
    assert plan.k_y > plan.size_y // 2


def test_without_density_no_plane_is_made_for_one() -> None:
    plan = PlaneGrid.covering((3.0, 2.0), 2.0, TipReach(has_density=False))
    assert plan.density_planes == 0
    assert plan.density_tip_planes == 0


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_transforms_there_and_back(lanes: str, request: pytest.FixtureRequest) -> None:
    device: Device = request.getfixturevalue(lanes)
    plan = PlaneGrid.covering((3.0, 1.0), 1.0, TipReach(lateral=1.5))
    rng = np.random.default_rng(2)
    planes = rng.normal(size=(3, plan.size_x, plan.size_y)).astype(np.float32)
    grids = EnergyGrids(device, plan)
    buffers, copies = Workspace(device).upload({"planes": planes})
    cl.enqueue_barrier(device.queue, copies)
    spectra = grids._transform("spectra", buffers["planes"], 3)
    got = np.empty((3, plan.k_x, 2, 2, plan.k_y), np.float32)
    cl.enqueue_copy(device.queue, got, spectra)
    want = np.fft.fft2(np.fft.ifftshift(planes, axes=(1, 2)))
    for sign in (0, 1):
        columns = np.arange(plan.size_y // 2 + 1) * (1 - 2 * sign)
        part = want[:, : plan.size_x // 2 + 1][:, :, columns]
        for component, values in enumerate((part.real, part.imag)):
            found = got[:, : plan.size_x // 2 + 1, sign, component, : len(columns)]
            assert found == pytest.approx(values, abs=2e-6 * float(np.abs(want).max()))
    # A spectrum has each wave and its mirror image once in all: those that are their own mirror image count half.
    half = np.ones((plan.k_x, plan.k_y))
    half[1 : plan.size_x // 2] = 2
    half[:, 0] /= 2
    half[:, plan.size_y // 2] /= 2
    got *= half[:, None, None] / (plan.size_x * plan.size_y)
    back, copies = Workspace(device).upload({"spectra": got.astype(np.float32)})
    cl.enqueue_barrier(device.queue, copies)
    out = np.empty((3, 2 * plan.reach_x, 2 * plan.reach_y), np.float32)
    cl.enqueue_copy(device.queue, out, grids._transform_back(back["spectra"], 3))
    inner = planes[
        :, plan.size_x // 2 - plan.reach_x + 1 : plan.size_x // 2 + plan.reach_x,
        plan.size_y // 2 - plan.reach_y + 1 : plan.size_y // 2 + plan.reach_y,
    ]  # fmt: skip
    assert out[:, :-1, :-1] == pytest.approx(inner, abs=1e-5)


def test_what_a_tip_has_above_its_planes_acts_by_the_decay_of_the_potential() -> None:
    plan = PlaneGrid.covering((3.0, 1.0), 1.0, TipReach(lateral=1.5))
    rng = np.random.default_rng(3)
    tip = rng.normal(size=(5, plan.size_x, plan.size_y))
    got = plan.tip_spectra(tip, 3)
    assert (got[:2] == plan.tip_spectra(tip[:2], 2)).all()
    assert got.shape[0] == 3
    k = 2 * np.pi * np.hypot(4 / plan.size_x, 3 / plan.size_y)  # per step
    parts = [plan.tip_spectra(tip[[plane]], 1)[0, 4, 0, :, 3] for plane in (2, 3, 4)]
    want = sum(part * np.exp(-k * steps) for steps, part in enumerate(parts))
    assert got[2, 4, 0, :, 3] == pytest.approx(want, rel=1e-4)
