import numpy as np
import pyopencl as cl
import pytest

from kernels.device.device import Device
from kernels.device.workspace import Workspace
from kernels.force_fields.grid.energy_grids import EnergyGrids
from kernels.force_fields.grid.plane_grid import SUPPORT, PlaneGrid, TipReach
from kernels.force_fields.grid.samples import RESAMPLING

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
        assert size % 4 == 0
    assert plan.size_y % 16 == 0
    assert (plan.heights - 2 * SUPPORT) * step >= 2.5
    assert plan.planes == plan.heights + plan.tip_planes - 1
    assert plan.density_planes == plan.heights + plan.density_tip_planes - 1


def test_where_energies_need_not_be_exact_the_sample_has_fewer_planes() -> None:
    usual, shallow = (PlaneGrid.covering((3.0, 2.0), 3.0, TipReach(), shallow=depth) for depth in (0.0, 1.4))
    assert shallow.cut == 7
    assert shallow.planes == usual.planes - 7
    assert shallow.density_planes == usual.density_planes - 7


def test_without_density_no_plane_is_made_for_one() -> None:
    plan = PlaneGrid.covering((3.0, 2.0), 2.0, TipReach(has_density=False))
    assert plan.density_planes == 0
    assert plan.density_tip_planes == 0


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_transforms_there_and_back(lanes: str, request: pytest.FixtureRequest) -> None:
    device: Device = request.getfixturevalue(lanes)
    plan = PlaneGrid.covering((3.0, 1.0), 1.0, TipReach(lateral=1.5))
    size, kept = (plan.size_x, plan.size_y), plan.kept
    rng = np.random.default_rng(2)
    planes = np.zeros((2, 3, *size), np.float32)
    points = planes.reshape(2, 3, -1)
    images = np.zeros(2, RESAMPLING)
    images["fine"] = [[5, 7], [6, 8]]  # the planes are those from number 5 on
    want = np.zeros((2, 3, *kept, 2), complex)
    for image in (0, 1):
        for plane in range(3):
            coarse = not images["fine"][image, 0] <= 5 + plane < images["fine"][image, 1]
            values = rng.normal(size=[n >> coarse for n in size]).astype(np.float32)
            values[0] = values[:, 0] = 0
            points[image, plane, : values.size] = values.ravel()
            spectrum = np.fft.fft2(np.fft.ifftshift(values)) * (4 if coarse else 1)
            for sign in (0, 1):
                columns = np.arange(kept[1]) * (1 - 2 * sign)
                want[image, plane, :, :, sign] = spectrum[: kept[0]][:, columns]
    grids = EnergyGrids(device, plan)
    buffers, copies = Workspace(device).upload({"planes": planes, "images": images})
    cl.enqueue_barrier(device.queue, copies)
    spectra = grids._transform("spectra", buffers["images"], buffers["planes"], 2, 3, 5)
    got = np.empty((2, 3, plan.k_x, 2, 2, plan.k_y), np.float32)
    cl.enqueue_copy(device.queue, got, spectra)
    found = got[:, :, : kept[0], :, :, : kept[1]]
    for component, values in enumerate((want.real, want.imag)):
        assert found[:, :, :, :, component] == pytest.approx(
            np.moveaxis(values, -1, 3), abs=2e-6 * float(np.abs(want).max())
        )
    # A spectrum has each wave and its mirror image once in all: those that are their own mirror image count half.
    half = np.ones((plan.k_x, plan.k_y))
    half[1:] = 2
    half[:, 0] /= 2
    back, copies = Workspace(device).upload({"spectra": (got * half[:, None, None]).astype(np.float32)})
    cl.enqueue_barrier(device.queue, copies)
    out = np.empty((2, 3, 2 * plan.reach_x, 2 * plan.reach_y), np.float32)
    cl.enqueue_copy(device.queue, out, grids._transform_back(back["spectra"], 6))
    x, y = (np.arange(-reach + 1, reach) for reach in (plan.reach_x, plan.reach_y))
    waves_x, waves_y = (np.arange(-k + 1, k) for k in kept)
    full = np.zeros((2, 3, len(waves_x), len(waves_y)), complex)
    full[:, :, kept[0] - 1 :, kept[1] - 1 :] = want[..., 0]
    full[:, :, kept[0] - 1 :, : kept[1]] = want[:, :, :, ::-1, 1]
    full[:, :, : kept[0] - 1] = np.conj(full[:, :, : kept[0] - 1 : -1, ::-1])
    there = np.exp(2j * np.pi / size[0] * np.outer(x, waves_x))
    aside = np.exp(2j * np.pi / size[1] * np.outer(waves_y, y))
    image = np.einsum("xk,mpkl,ly->mpxy", there, full, aside)
    assert np.abs(image.imag).max() < 1e-8 * np.abs(image).max()
    assert out[:, :, :-1, :-1] == pytest.approx(image.real, abs=1e-5 * float(np.abs(image).max()))


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
