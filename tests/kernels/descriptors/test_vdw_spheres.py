import numpy as np
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
    assert reference_error(device, name, descriptor("vdw_spheres")) < 1e-5


@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 20), zmin=st.sampled_from([-1.5, -0.7, -3.0]),
    r_pp=st.sampled_from([-0.5, 0.3, -1.6, -9.0]),
)  # fmt: skip
def test_formula(device: Device, seed: int, n: int, zmin: float, r_pp: float) -> None:
    atoms, images, x, y = small_scene(seed, n)
    got = describe(device, atoms, images, descriptor("vdw_spheres", zmin=zmin, r_pp=r_pp))
    # A sphere's edge is vertical: float32 may round a pixel across it.
    error = np.abs(got - oracle.vdw_spheres(atoms.xyz, atoms.vdw_radius, x, y, zmin, r_pp))
    assert (error > 1e-4).sum() <= 1
    assert error.max() < 1e-2


def test_depths_above_the_top_are_refused() -> None:
    with pytest.raises(InvalidInput, match="zmin"):
        descriptor("vdw_spheres", zmin=0.5)
