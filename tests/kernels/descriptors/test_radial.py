import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.descriptors.radial import RadialFunction
from kernels.device.device import Device
from kernels.errors import InvalidInput
from tests.kernels import oracle
from tests.kernels.cases import make_atoms, make_images, window
from tests.kernels.describe import describe, descriptor, small_scene

FUNCTIONS = st.builds(
    lambda samples, step: (samples, step),
    st.lists(st.floats(0, 3, width=32), min_size=2, max_size=30), st.sampled_from([0.05, 0.31, 1.0]),
)  # fmt: skip


def close(got: np.ndarray, exact: np.ndarray) -> bool:
    """Return whether the maps agree but for one pixel at the end of a function, which float32 may round across it."""
    return bool((np.abs(got - exact) > 1e-4 * (1 + np.abs(exact).max())).sum() <= 1)


def test_one_atom_shows_the_function(device: Device) -> None:
    atoms = make_atoms((np.array([[0.0, 0, 0]]), np.zeros(1), np.array([6])))
    images = make_images([0], [[[0, 0, 6], [3, 0, 7]]], (13, 1, 2))
    roof = RadialFunction((1.0, 3.0, 0.5), 1.0)
    got = describe(device, atoms, images, descriptor("atom_rfunc", r_max=10.0, function=roof))[:, 0]
    weight = 1 + (1.908 - 1.4) / 1.5
    values = [1, 1.5, 2, 2.5, 3, 2.375, 1.75, 1.125, 0.5, 0, 0, 0, 0]
    assert got == pytest.approx(weight * np.array(values), abs=1e-5)
    cut = describe(device, atoms, images, descriptor("atom_rfunc", r_max=0.6, function=roof))[:, 0]
    assert cut[:3].tolist() == got[:3].tolist()
    assert not cut[3:].any()


@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 20), function=FUNCTIONS, zmin=st.sampled_from([-1.5, -3.0]),
    r_max=st.sampled_from([0.93, 2.1, 10.0]),
)  # fmt: skip
def test_formula(device: Device, seed: int, n: int, function: tuple, zmin: float, r_max: float) -> None:
    atoms, images, x, y = small_scene(seed, n)
    samples, step = function
    parameters, exact = {"samples": samples, "step": step}, oracle.sampled(samples, step)
    got = describe(device, atoms, images, descriptor("atom_rfunc", zmin=zmin, r_max=r_max, function=parameters))
    assert close(got, oracle.atom_rfunc(atoms.xyz, atoms.vdw_radius, x, y, zmin, r_max, exact))
    got = describe(
        device, atoms, images, descriptor("bonds", zmin=zmin, r_max=r_max, ellipticity=0.4, function=parameters)
    )
    assert close(got, oracle.bonds(atoms.xyz, atoms.covalent_radius, x, y, zmin, r_max, 0.4, exact))


def test_many_samples_of_the_common_function_are_the_common_map(device: Device) -> None:
    atoms, images, _, _ = small_scene(7, 12)
    radial = RadialFunction(tuple(np.exp(-5 * 1e-3 * np.arange(10_001))), 1e-3)
    for common, sampled in (
        (descriptor("atom_rfunc"), descriptor("atom_rfunc", function=radial)),
        (descriptor("bonds"), descriptor("bonds", function=radial)),
    ):
        assert describe(device, atoms, images, sampled) == pytest.approx(
            describe(device, atoms, images, common), abs=1e-5
        )


def test_without_bonds_the_map_is_zero(device: Device) -> None:
    atoms = make_atoms((np.zeros((1, 3)), np.zeros(1), np.array([6])))
    images = make_images([0], [window()], (7, 5, 6))
    assert not describe(device, atoms, images, descriptor("bonds", function=RadialFunction((1, 1), 1.0))).any()


@pytest.mark.parametrize(
    ("samples", "step", "name"),
    [((1.0,), 0.1, "samples"), ((1.0, -0.1), 0.1, "samples"), ((1.0, np.nan), 0.1, "samples"),
     ((1.0, 1e39), 0.1, "samples"), ((1.0, 0.0), 0.0, "step"), ((1.0, 0.0), np.inf, "step")],
)  # fmt: skip
def test_impossible_functions_are_refused(samples: tuple, step: float, name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        RadialFunction(samples, step)
