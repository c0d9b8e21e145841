import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.device.device import Device
from kernels.errors import InvalidInput
from tests.kernels import oracle
from tests.kernels.cases import NAMES, load, make_atoms, make_images, window
from tests.kernels.describe import describe, descriptor, small_scene

ONE_ATOM = make_atoms((np.array([[0.0, 0, -1]]), np.array([0.2]), np.array([6])))


def test_one_atom(device: Device) -> None:
    field = describe(
        device, ONE_ATOM, make_images([0], [window(half=3.0)], (3, 3, 6)), descriptor("es_map_constant", height=4.0)
    )
    assert field[1, 1] == pytest.approx(oracle.COULOMB * 0.2 / 16, rel=1e-5)
    assert field[0, 1] == pytest.approx(oracle.COULOMB * 0.2 * 4 / 125, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_real_molecules(device: Device, name: str) -> None:
    case = load(name)
    field = describe(device, case.atoms, case.images, descriptor("es_map_constant"))
    x, y = oracle.pixels(case.images.window[0], *case.images.dim[:2])
    exact = oracle.es_map_constant(case.atoms.xyz, case.atoms.charge, case.atoms.vdw_radius, x, y)
    assert field == pytest.approx(exact, abs=1e-5 * np.abs(exact).max())


@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 20), height=st.sampled_from([4.0, 0.5, 11.0]),
    cutoff=st.sampled_from([None, -1.0, -0.2, -4.0]), r_pp=st.sampled_from([0.5, -0.5]),
)  # fmt: skip
def test_formula(device: Device, seed: int, n: int, height: float, cutoff: float | None, r_pp: float) -> None:
    atoms, images, x, y = small_scene(seed, n)
    got = describe(device, atoms, images, descriptor("es_map_constant", height=height, vdw_cutoff=cutoff, r_pp=r_pp))
    exact = oracle.es_map_constant(atoms.xyz, atoms.charge, atoms.vdw_radius, x, y, height, cutoff, r_pp)
    wrong = np.abs(got - exact) > 1e-4 * np.abs(exact).max() + 1e-6
    assert wrong.sum() <= 1  # float32 may round one pixel across a sphere's edge


def test_a_plane_through_an_atoms_centre_gives_no_nan(device: Device) -> None:
    images = make_images([0], [window(half=1.0)], (3, 3, 6))
    assert not describe(device, ONE_ATOM, images, descriptor("es_map_constant", height=0.0)).any()


def test_impossible_planes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="height"):
        descriptor("es_map_constant", height=float("nan"))
    with pytest.raises(InvalidInput, match="vdw_cutoff"):
        descriptor("es_map_constant", vdw_cutoff=0.0)
