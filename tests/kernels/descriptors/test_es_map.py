from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.errors import InvalidInput
from kernels.imaging.quality import Quality
from kernels.simulator import Simulator
from tests.kernels import oracle
from tests.kernels.cases import CO_TIP, LJ_PC, NAMES, load, make_atoms, make_images, window
from tests.kernels.describe import channels, describe, descriptor, sample_of, small_scene

ONE_ATOM = make_atoms((np.array([[0.0, 0, -1]]), np.array([0.2]), np.array([6])))
NEUTRAL = CO_TIP | {"charges": [0, 0, 0, 0]}


def test_one_atom_on_the_surface_itself(device: Device) -> None:
    """The field over the atom is C·q/r² at the r where its repulsion is iso, however long the steps are."""
    radius, depth = 1.9080 + 1.6612, np.sqrt(0.003729 * 0.009106)
    r = np.linspace(2.5, 4, 10**6)
    s = (radius / r) ** 6
    surface = r[12 * depth * s * (s - 1) / r > 0.1].max()
    images = make_images([0], [window(4.0, 6.0, half=1.0)], (3, 3, 200), NEUTRAL)
    field = describe(device, ONE_ATOM, images, descriptor("es_map"))
    assert field[1, 1] == pytest.approx(oracle.COULOMB * 0.2 / surface**2, rel=1e-4)
    # With steps of 0.1 Å, a surface one step too deep would give 7 % more.
    coarse = describe(device, ONE_ATOM, replace(images, n_out=19), descriptor("es_map"))
    assert coarse[1, 1] == pytest.approx(field[1, 1], rel=0.01)


@pytest.mark.parametrize("tilt", [[0, 0, 3], [0.4, -0.3, 3]], ids=["straight", "tilted"])
@pytest.mark.parametrize("where", [{}, {"window": [[-1.2, 0.3], [2.9, 3.1]], "dim": (5, 4)}], ids=["scan", "own"])
@settings(max_examples=15)
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 20), nz=st.integers(5, 40), iso=st.sampled_from([0.1, 0.02, 0.6]),
    zmin=st.sampled_from([-2.0, -0.4, -6.0]),
)  # fmt: skip
def test_formula(
    device: Device, tilt: list[float], where: dict, seed: int, n: int, nz: int, iso: float, zmin: float
) -> None:
    atoms, _, x, y = small_scene(seed, n)
    images = make_images([0], [window(5.0, 9.0)], (13, 9, nz), CO_TIP | {"r0": tilt})
    if where:
        x, y = oracle.pixels(where["window"], *where["dim"])
    x, y, top = x + tilt[0], y + tilt[1], 9 + images.equilibrium[0, 2]
    sample = sample_of(atoms, images)
    field, height = channels(device, atoms, images, descriptor("es_map", iso=iso, zmin=zmin), **where)
    exact = oracle.es_map(
        x, y, top, 4 / nz, lambda p: oracle.force_z(p, *sample), atoms.xyz, atoms.charge, iso, zmin
    )  # fmt: skip
    # One arithmetic may find a force that just reaches iso between steps, and the other not.
    same = np.abs(height - exact[1]) < 1e-3
    assert (~same).sum() <= 1
    assert field[same] == pytest.approx(exact[0][same], abs=1e-3 * np.abs(exact[0]).max() + 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_reference_cases(device: Device, name: str) -> None:
    case = load(name)
    field, height = channels(device, case.atoms, case.images, descriptor("es_map"))
    assert np.quantile(np.abs(height - case.data["height_map_exact"]), 0.999) < 1e-4
    assert np.array_equal(height, describe(device, case.atoms, case.images, descriptor("height_map")))
    assert ((field == 0) == (height == 0)).all()
    assert np.abs(field).max() > 0.03


def test_no_surface_is_zero_everywhere_and_flagged(device: Device) -> None:
    far = replace(ONE_ATOM, xyz=np.array([[0.0, 0, -300.0]]))
    result = Simulator(device).run(far, make_images([0], [window()], (7, 5, 6)), LJ_PC, [Map(descriptor("es_map"))])
    assert result.descriptors.shape == (1, 2, 7, 5)
    assert not result.descriptors.any()
    assert result.quality.tolist() == [Quality.NO_ISO_SURFACE]


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_a_probe_that_starts_in_an_atoms_centre_gives_no_nan(lanes: str, request: pytest.FixtureRequest) -> None:
    images = make_images([0], [window(1.0, 2.0, half=0.5)], (3, 3, 6))
    assert np.isfinite(channels(request.getfixturevalue(lanes), ONE_ATOM, images, descriptor("es_map"))).all()


def test_depths_above_the_top_are_refused() -> None:
    with pytest.raises(InvalidInput, match="zmin"):
        descriptor("es_map", zmin=0.5)
