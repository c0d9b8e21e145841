from dataclasses import replace

import numpy as np
import pytest

from kernels.atoms import Atoms
from kernels.constants import EV_PER_A2_IN_N_PER_M
from kernels.device.device import Device
from kernels.errors import DeviceLimit
from kernels.imaging.images import Images
from kernels.imaging.imaging import frequency_shift_weights, plan_launches
from kernels.imaging.quality import Quality
from kernels.simulator import Simulator
from tests.kernels.cases import (
    CO_TIP,
    ELEMENTS,
    LJ_PC,
    NAMES,
    join,
    load,
    make_atoms,
    make_images,
    random_molecule,
    window,
)

F0, K = 30300.0, 1800.0
ONE_ATOM = make_atoms((np.zeros((1, 3)), np.zeros(1), np.array([6])))


@pytest.mark.parametrize("df_steps", [1, 2, 3, 10, 57])
def test_a_force_linear_in_height_shifts_by_a_constant(df_steps: int) -> None:
    n, dz, slope = max(df_steps, 2), 0.1, -0.3
    force = slope * dz * np.arange(n, 0, -1)  # height k lies below height k − 1
    assert frequency_shift_weights(df_steps) @ np.ones(n) == pytest.approx(0, abs=1e-9)
    shift = frequency_shift_weights(df_steps) / dz @ force
    # The window of n heights spans (n − 1) dz; the formula's amplitude is n dz.
    assert shift == pytest.approx(-slope * EV_PER_A2_IN_N_PER_M * F0 / K * (n - 1) / (2 * n), rel=1e-9)


def test_a_stiff_spring_images_the_rigid_force(device: Device) -> None:
    tip = CO_TIP | {"stiffness": [1e8, 1e8, 1e8, 0], "charges": [0, 0, 0, 0]}
    oscillations = [4, 1, 7, 4, 2]
    windows = [window(5.6, 7.6), window(5.5, 7.2), window(5.4, 7.7), window(5.8, 7.6), window(5.6, 7.6)]
    images = make_images([0] * 5, windows, (7, 5, 20), tip, df_steps=4)
    images = replace(images, df_steps=np.array(oscillations))
    got = Simulator(device).run(ONE_ATOM, images, LJ_PC).df
    radius, depth = (ONE_ATOM.lj_radius + images.lj_radius)[0], np.sqrt(ONE_ATOM.lj_epsilon * images.lj_epsilon)[0]
    x, y = np.linspace(-4, 4, 7)[:, None, None], np.linspace(-4, 4, 5)[:, None]
    for df, df_steps, ((_, _, z0), (_, _, z1)) in zip(got, oscillations, windows, strict=True):
        nz = 17 + max(df_steps, 2) - 1
        dz = (z1 - z0) / nz
        z = z1 - dz * np.arange(nz) - 3
        r2 = x**2 + y**2 + z**2
        s = (radius**2 / r2) ** 3
        force = 12 * depth * s * (s - 1) * z / r2
        weights = frequency_shift_weights(df_steps) / dz
        want = sum(w * force[..., j : j + 17] for j, w in enumerate(weights))
        assert df == pytest.approx(want, abs=3e-5 * np.abs(want).max())


@pytest.mark.parametrize(
    ("lanes", "name"), [*(("device", name) for name in NAMES), ("scalar_device", "nitrobenzene_dipole_tip")]
)
def test_reference_cases(lanes: str, name: str, request: pytest.FixtureRequest) -> None:
    case = load(name)
    result = Simulator(request.getfixturevalue(lanes)).run(case.atoms, case.images, LJ_PC)
    x, y = case.data["pixels"].T
    exact = case.data["df_exact"]
    error = np.abs(result.df[0, x, y] - exact) / np.abs(exact).max()
    assert result.quality.tolist() == [Quality.GOOD]
    if name == "caffeine_flat_odd_grid":
        # The probe has several minima: three of 475 pixels settle in another one than in the reference.
        assert (error.max(axis=1) > 1e-3).sum() <= 3
        assert np.sqrt(np.mean(error**2)) < 1e-2
        assert np.sqrt(np.mean(error[error.max(axis=1) <= 1e-3] ** 2)) < 1e-5
    else:
        assert np.sqrt(np.mean(error**2)) < 1e-5
        assert error.max() < 1e-4


@pytest.mark.parametrize("dim", [(1, 1, 2), (7, 5, 6), (5, 13, 7)])
def test_any_size(device: Device, scalar_device: Device, dim: tuple[int, int, int]) -> None:
    atoms = make_atoms(random_molecule(7, 9))
    images = make_images([0], [window()], dim, df_steps=dim[2])
    got = Simulator(device).run(atoms, images, LJ_PC).df
    assert got.shape == (1, dim[0], dim[1], 1)
    scalar = Simulator(scalar_device).run(atoms, images, LJ_PC).df
    assert np.abs(got - scalar).max() <= 1e-4 * np.abs(got).max()


def test_molecules_too_large_to_stage_are_imaged_alike(scalar_device: Device) -> None:
    rng = np.random.default_rng(8)
    near = random_molecule(9, 12)
    far = rng.uniform([-40, -40, -60], [40, 40, -50], (700, 3)), np.zeros(700), np.full(700, 1)
    large = tuple(np.concatenate(pair) for pair in zip(near, far, strict=True))
    atoms = make_atoms(large, near)
    images = make_images([0, 1], [window()] * 2, (5, 4, 6), df_steps=3)
    df = Simulator(scalar_device).run(atoms, images, LJ_PC).df
    assert np.abs(df[0] - df[1]).max() < 1e-5 * np.abs(df[1]).max()


def test_an_oscillation_longer_than_local_memory_shrinks_the_tile(device: Device) -> None:
    images = make_images([0], [window(4, 24)], (2, 2, 2000), df_steps=1999)
    assert np.isfinite(Simulator(device).run(ONE_ATOM, images, LJ_PC).df).all()


def test_the_tile_of_an_image_depends_on_that_image_alone(scalar_device: Device) -> None:
    """The warps of an NVIDIA GPU are pieces of a tile: a long oscillation beside it must not change an image's tile."""
    images = make_images([0] * 4, [window(4, 24)] * 4, (7, 5, 30))
    fit = scalar_device.local_memory // 4
    images = replace(images, n_out=2, df_steps=np.array([18, fit // 4, 3, fit // 40]))
    force = LJ_PC.prepare(ONE_ATOM, images, None, np.zeros((4, 3)), None)
    split, lists = plan_launches(scalar_device, force, images)
    tiles = {image: launch.tile for launch in split for image in launch.group.images.tolist()}
    assert sorted(np.concatenate([lists[launch.group.key] for launch in split]).tolist()) == [0, 1, 2, 3]
    assert tiles[0] == tiles[2] == scalar_device.tile
    assert tiles[1] < tiles[3] < tiles[0]
    for launch in split:
        assert launch.heights == images.nz[launch.group.images].max()
        x, y, _ = launch.tile
        assert x * y * 4 * launch.heights + launch.group.local_bytes <= scalar_device.local_memory


def test_a_pixel_whose_forces_exceed_local_memory_is_refused(device: Device) -> None:
    heights = device.local_memory // (4 * device.lanes)
    images = make_images([0], [window(4, 24)], (2, 2, heights), df_steps=3)
    with pytest.raises(DeviceLimit, match="heights"):
        Simulator(device).run(ONE_ATOM, images, LJ_PC)


def flags(device: Device, atoms: Atoms, *places: Images) -> list[Quality]:
    return [Quality(int(flag)) for flag in Simulator(device).run(atoms, join(*places), LJ_PC).quality]


STIFF = CO_TIP | {"stiffness": [1e8, 1e8, 1e8, 0], "charges": [0, 0, 0, 0]}


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_a_probe_that_passed_an_atom_is_flagged(lanes: str, request: pytest.FixtureRequest) -> None:
    device = request.getfixturevalue(lanes)
    reach = (ELEMENTS[6][0] + ELEMENTS[8][0]) / 2  # half of R

    def place(beside: float, lowest: float) -> Images:
        # The lowest of 9 heights is one step of 0.25 Å above the window's lower edge; the probe is 3 Å below the tip.
        z0 = lowest + 3 - 0.25
        pixels = [[beside, -0.2, z0], [beside + 0.5, 0.2, z0 + 9 * 0.25]]
        return make_images([0], [pixels], (3, 2, 9), STIFF, df_steps=2)

    past, above, aside = place(reach - 0.05, -0.1), place(reach - 0.05, 0.1), place(reach + 0.01, -0.1)
    assert flags(device, ONE_ATOM, above, past, aside, past) == [Quality.GOOD, Quality.LEFT, Quality.GOOD, Quality.LEFT]


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_a_probe_that_does_not_come_to_rest_is_flagged(lanes: str, request: pytest.FixtureRequest) -> None:
    # Charges far below pull the probe down by 5 Å, and by 30 Å, which is further than relaxation can move it.
    weak, strong = (CO_TIP | {"charges": [q, 0, 0, 0], "stiffness": [0.01, 0.01, 0.01, 0]} for q in (0.22, 1.3))
    far = replace(ONE_ATOM, xyz=np.array([[0, 0, -1000.0]]), charge=np.array([-1000.0]))
    places = [make_images([0], [window()], (3, 3, 6), tip) for tip in (weak, strong, weak)]
    found = flags(request.getfixturevalue(lanes), far, *places)
    assert found == [Quality.GOOD, Quality.NOT_CONVERGED, Quality.GOOD]


def test_a_probe_pushed_out_of_its_place_is_flagged(device: Device) -> None:
    # The tip itself ends 1 Å below the atom, where the probe has no place underneath.
    images = make_images([0], [window(-1.0, 8.0, half=0.3)], (3, 3, 90), df_steps=5)
    assert Quality.LEFT in flags(device, ONE_ATOM, images)[0]


def test_frequency_shifts_that_are_not_finite_are_flagged(device: Device) -> None:
    buried = replace(ONE_ATOM, charge=np.array([1e30]))
    images = make_images([0], [window()], (3, 3, 6), df_steps=3)
    assert Quality.NOT_FINITE in flags(device, buried, images)[0]
