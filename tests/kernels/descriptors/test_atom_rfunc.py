import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.device.device import Device
from kernels.errors import InvalidInput
from tests.kernels import oracle
from tests.kernels.cases import NAMES
from tests.kernels.describe import describe, descriptor, reference_error, small_scene


@pytest.mark.parametrize("name", NAMES)
def test_reference_cases(device: Device, name: str) -> None:
    assert reference_error(device, name, descriptor("atom_rfunc")) < 1e-5


@given(seed=st.integers(0, 10**6), n=st.integers(1, 20), zmin=st.sampled_from([-1.5, -0.7, -3.0]))
def test_formula(device: Device, seed: int, n: int, zmin: float) -> None:
    atoms, images, x, y = small_scene(seed, n)
    got = describe(device, atoms, images, descriptor("atom_rfunc", zmin=zmin, r_max=1.0))
    assert got == pytest.approx(oracle.atom_rfunc(atoms.xyz, atoms.vdw_radius, x, y, zmin, r_max=1.0), abs=1e-4)


def test_depths_above_the_top_are_refused() -> None:
    with pytest.raises(InvalidInput, match="zmin"):
        descriptor("atom_rfunc", zmin=0.5)
