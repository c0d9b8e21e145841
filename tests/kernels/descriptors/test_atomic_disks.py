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
    assert reference_error(device, name, descriptor("atomic_disks")) < 1e-5


@pytest.mark.parametrize("mode", ["sphere", "center"])
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 20), zmin=st.sampled_from([-1.2, -0.7, -3.0]),
    zmax_s=st.sampled_from([-1.2, -0.2, -2.5]), r_pp=st.sampled_from([-0.5, 0.4]),
)  # fmt: skip
def test_formula(device: Device, mode: str, seed: int, n: int, zmin: float, zmax_s: float, r_pp: float) -> None:
    atoms, images, x, y = small_scene(seed, n)
    got = describe(device, atoms, images, descriptor("atomic_disks", zmin=zmin, zmax_s=zmax_s, r_pp=r_pp, mode=mode))
    radii = atoms.vdw_radius, atoms.covalent_radius
    assert got == pytest.approx(oracle.atomic_disks(atoms.xyz, *radii, x, y, mode, zmin, zmax_s, r_pp), abs=1e-4)


def test_depths_above_the_top_are_refused() -> None:
    with pytest.raises(InvalidInput, match="zmin"):
        descriptor("atomic_disks", zmin=0.5)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InvalidInput, match="mode"):
        descriptor("atomic_disks", mode="ring")
