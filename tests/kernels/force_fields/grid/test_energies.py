"""Energies on planes against closed forms, and what must not change them."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.atoms import Floats
from kernels.descriptors import DESCRIPTORS
from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.errors import DeviceLimit
from kernels.force_fields.grid.energy_grids import EnergyGrids
from kernels.force_fields.grid.plane_grid import PlaneGrid
from kernels.force_fields.grid.samples import SampleGrid
from kernels.force_fields.grid.tips import GridTip, MultipoleTip, PointChargeTip, Tip
from kernels.sample_frames import SampleFrames
from kernels.simulator import Simulator
from tests.kernels.force_fields.grid.gaussians import (
    AT,
    LATTICE,
    Scene,
    gaussian,
    on_grid,
    probe_points,
    radial_derivatives,
    scene,
)
from tests.kernels.force_fields.grid.probing import probe

BOX = np.diag([9.6, 10.0, 12.0])
BOX_SHAPE = (48, 50, 60)


def gaussian_tip(width: float, charge: float = 0.0) -> GridTip:
    """Return a tip with a Gaussian density of 1 e and a Gaussian of `charge` e around the probe."""
    field = on_grid(BOX, BOX_SHAPE, np.zeros(3), width)
    return GridTip(BOX, charge * field, field)


def fields(device: Device, made: Scene, tip: Tip, **parameters) -> tuple[Floats, Floats, Floats]:
    """Return points, gradients and Hessians of a scene."""
    points = probe_points(made.images)
    gradient, hessian, lost = probe(
        device, made.force_field(device, tip, **parameters), made.atoms, made.images, made.frames, points
    )
    assert not lost.any()
    return points, gradient, hessian


def plan_of(device: Device, made: Scene, tip: Tip) -> PlaneGrid:
    """Return the plan of the scene's first image."""
    images = made.images
    return made.force_field(device, tip).prepare(made.atoms, images, made.frames, images.origin, None).plans[0]


def assert_gaussian(
    points: Floats, gradient: Floats, hessian: Floats, amount: float, width: float, error: float
) -> None:
    """Compare with the derivatives of amount · gaussian(r², width) of the distance to the atom."""
    d = points - AT
    energy = amount * gaussian((d**2).sum(axis=1), width)
    want, bent = radial_derivatives(d, -energy / (2 * width**2), energy / (4 * width**4))
    assert gradient == pytest.approx(want, abs=error * np.abs(want).max())
    assert hessian == pytest.approx(bent, abs=10 * error * np.abs(bent).max())


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
@pytest.mark.parametrize("exponent", [1.0, 1.2])
def test_gaussian_densities_overlap_as_a_gaussian(lanes: str, exponent: float, request: pytest.FixtureRequest) -> None:
    sample, tip, strength = 0.75, 0.7, 30.0
    got = fields(
        request.getfixturevalue(lanes), scene(1.0, sample, charge=0.0), gaussian_tip(tip),
        strength=np.array([strength]), exponent=np.array([exponent]),
    )  # fmt: skip
    # gaussian(r², w)^B = c(w) gaussian(r², w/√B)
    amount = strength
    for width in (sample, tip):
        amount *= ((2 * np.pi) ** 1.5 * width**3) ** (1 - exponent) * exponent**-1.5
    assert_gaussian(*got, amount, np.sqrt((sample**2 + tip**2) / exponent), 3e-4)


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_a_gaussian_charge_in_a_gaussian_potential(lanes: str, request: pytest.FixtureRequest) -> None:
    got = fields(request.getfixturevalue(lanes), scene(1.1, None, charge=50.0), MultipoleTip({"s": -0.3}, 0.7))
    assert_gaussian(*got, -0.3 * 50.0, np.hypot(1.1, 0.7), 1e-4)


def test_a_charge_on_a_grid_is_as_good_as_a_formula(device: Device) -> None:
    got = fields(device, scene(1.1, None, charge=50.0), replace(gaussian_tip(0.7, charge=-0.3), density=None))
    assert_gaussian(*got, -0.3 * 50.0, np.hypot(1.1, 0.7), 1e-4)


@pytest.mark.parametrize(("name", "axis"), [("px", 0), ("py", 1), ("pz", 2)])
def test_a_dipole_is_a_difference_of_charges(device: Device, name: str, axis: int) -> None:
    made = scene(1.1, None, charge=50.0)
    points, gradient, _ = fields(device, made, MultipoleTip({name: 0.4}, 0.7))
    width, tiny = np.hypot(1.1, 0.7), 1e-3
    # x/σ · g(r) = −σ ∂g/∂x: the energy is σ times the derivative of a charge's energy.
    want = []
    for sign in (1, -1):
        d = points + sign * tiny * np.eye(3)[axis] - AT
        energy = 0.4 * 0.7 * 50.0 * gaussian((d**2).sum(axis=1), width)
        want.append(-energy[:, None] * d / width**2)
    difference = (want[0] - want[1]) / (2 * tiny)
    assert gradient == pytest.approx(difference, abs=2e-4 * np.abs(difference).max())


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_point_charges_feel_the_potential_where_they_are(lanes: str, request: pytest.FixtureRequest) -> None:
    charges, heights = np.array([-0.3, 0.5]), np.array([0.13, -0.25])
    points, gradient, _ = fields(
        request.getfixturevalue(lanes), scene(1.1, None, charge=50.0), PointChargeTip(charges, heights)
    )
    want = np.zeros_like(gradient)
    for charge, height in zip(charges, heights, strict=True):
        d = points + np.array([0, 0, height]) - AT
        want -= charge * 50.0 * gaussian((d**2).sum(axis=1), 1.1)[:, None] * d / 1.1**2
    assert gradient == pytest.approx(want, abs=1e-4 * np.abs(want).max())


def test_a_neutral_tip_does_not_feel_a_constant(device: Device) -> None:
    made = scene(1.1, None, charge=50.0)
    tip = MultipoleTip({"dz2": -0.1, "pz": 0.2}, 0.71)
    _, gradient, _ = fields(device, made, tip)
    made.grid = replace(made.grid, potential=made.grid.potential + 1.5)
    _, shifted, _ = fields(device, made, tip)
    assert shifted == pytest.approx(gradient, abs=2e-4 * np.abs(gradient).max())


def test_fields_turn_with_their_frame(device: Device) -> None:
    made = scene(1.1, 0.75, charge=50.0)
    made.grid = replace(made.grid, density=made.grid.density + 0.3 * np.roll(made.grid.density, (3, -4, 2), (0, 1, 2)))
    tip = gaussian_tip(0.7, charge=0.2)
    _, gradient, hessian = fields(device, made, tip)
    quarter = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])  # the sample's axes in another order
    potential, density = (field.transpose(1, 2, 0) for field in (made.grid.potential, made.grid.density))
    made.grid = SampleGrid((LATTICE @ quarter.T)[[1, 2, 0]], quarter @ made.grid.origin, potential, density)
    made.frames = SampleFrames(made.frames.rotation @ quarter.T, made.frames.origin)
    _, turned, bent = fields(device, made, tip)
    assert turned == pytest.approx(gradient, abs=1e-5 * np.abs(gradient).max())
    assert bent == pytest.approx(hessian, abs=1e-4 * np.abs(hessian).max())


def test_an_image_is_the_same_in_any_batch(device: Device) -> None:
    many, one = scene(1.1, 0.75, charge=50.0, samples=5), scene(1.1, 0.75, charge=50.0)
    tip = gaussian_tip(0.7, charge=0.2)
    points = probe_points(one.images)
    alone = probe(device, one.force_field(device, tip), one.atoms, one.images, one.frames, points)
    image_bytes = EnergyGrids(device, plan_of(device, one, tip)).image_bytes
    for working in (image_bytes, 2 * image_bytes, 1 << 28):
        held = many.force_field(device, tip)
        among = probe(device, held, many.atoms, many.images, many.frames, points, image=3, working_bytes=working)
        assert all((a == b).all() for a, b in zip(alone, among, strict=True))


def test_too_little_memory_for_one_image_is_refused(device: Device) -> None:
    made, tip = scene(1.1, None, charge=50.0), MultipoleTip({"s": 1.0}, 0.7)
    image_bytes = EnergyGrids(device, plan_of(device, made, tip)).image_bytes
    with pytest.raises(DeviceLimit, match=str(image_bytes)):
        probe(
            device, made.force_field(device, tip), made.atoms, made.images, made.frames, probe_points(made.images),
            working_bytes=image_bytes - 1,
        )  # fmt: skip


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_a_height_map_follows_the_force(lanes: str, request: pytest.FixtureRequest) -> None:
    device: Device = request.getfixturevalue(lanes)
    made, tip = scene(1.1, None, charge=50.0), MultipoleTip({"s": 1.0}, 0.7)
    dim, iso = (24, 24), 0.1
    made.images = replace(made.images, dim=dim)
    height_map = Map(DESCRIPTORS["height_map"](iso=iso, zmin=-1.5))
    result = Simulator(device).run(
        made.atoms, made.images, made.force_field(device, tip, depth=2.0), [height_map], frames=made.frames
    )
    (x0, y0, _), (x1, y1, _) = made.images.window[0]
    top = made.images.origin[0, 2] + (made.images.nz[0] - 1) * made.images.dz[0]
    z = top - made.images.dz[0] * np.arange(35)
    x, y = np.linspace(x0, x1, dim[0]) - AT[0], np.linspace(y0, y1, dim[1]) - AT[1]
    r2 = (x**2)[:, None, None] + (y**2)[:, None] + (z - AT[2]) ** 2
    width = np.hypot(1.1, 0.7)
    force = 50.0 * gaussian(r2, width) * (z - AT[2]) / width**2
    above = (force > iso).argmax(axis=-1)
    before, after = (np.take_along_axis(force, (above - i)[..., None], -1)[..., 0] for i in (1, 0))
    height = np.where(above > 0, -(above - 1 + (iso - before) / (after - before)) * made.images.dz[0], -np.inf)
    assert result.descriptors[0, 0] == pytest.approx(np.maximum(height - height.max() + 1.5, 0), abs=1e-3)


def test_a_probe_beyond_the_grid_is_lost(device: Device) -> None:
    made = scene(1.1, None, charge=50.0)
    force_field = made.force_field(device, MultipoleTip({"s": 1.0}, 0.7))
    low, high = made.images.window[0]
    z = made.images.origin[0, 2]
    points = np.array(
        [[high[0] + 9, low[1], z], [low[0], low[1] - 9, z], [low[0], low[1], z + 9], [low[0], low[1], z - 9]]
    )
    gradient, hessian, lost = probe(device, force_field, made.atoms, made.images, made.frames, points)
    assert lost.all()
    assert np.isfinite(gradient).all()
    assert np.isfinite(hessian).all()
