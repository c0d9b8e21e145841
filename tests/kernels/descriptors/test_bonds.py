from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.descriptors.bonding import find_bonds
from kernels.device.device import Device
from kernels.errors import InvalidInput
from tests.kernels import oracle
from tests.kernels.cases import NAMES, make_atoms
from tests.kernels.describe import describe, descriptor, reference_error, small_scene


@pytest.mark.parametrize("name", NAMES)
def test_reference_cases(device: Device, name: str) -> None:
    assert reference_error(device, name, descriptor("bonds")) < 1e-5


@given(seed=st.integers(0, 10**6), n=st.integers(1, 20), zmin=st.sampled_from([-1.5, -0.7, -3.0]))
def test_formula(device: Device, seed: int, n: int, zmin: float) -> None:
    atoms, images, x, y = small_scene(seed, n)
    got = describe(device, atoms, images, descriptor("bonds", zmin=zmin, r_max=1.0, ellipticity=0.4))
    assert got == pytest.approx(oracle.bonds(atoms.xyz, atoms.covalent_radius, x, y, zmin, 1.0, 0.4), abs=1e-4)


def test_depths_above_the_top_are_refused() -> None:
    with pytest.raises(InvalidInput, match="zmin"):
        descriptor("bonds", zmin=0.5)


def test_a_vertical_bond_is_a_disk(device: Device) -> None:
    atoms, images, x, y = small_scene(0, 2)
    got = describe(device, atoms, images, descriptor("bonds"))
    r = np.hypot(x - atoms.xyz[0, 0], y - atoms.xyz[0, 1])
    assert got == pytest.approx(np.exp(-5 * r), abs=1e-6)


def test_without_bonds_the_map_is_zero(device: Device) -> None:
    atoms, images, _, _ = small_scene(0, 1)
    assert not describe(device, atoms, images, descriptor("bonds")).any()


def test_given_bonds_are_used(device: Device) -> None:
    atoms, images, _, _ = small_scene(3, 9)
    found = find_bonds(atoms.xyz, atoms.covalent_radius, atoms.offsets)
    assert len(found) > 2
    everything = describe(device, atoms, images, descriptor("bonds"))
    assert np.array_equal(describe(device, replace(atoms, bonds=found), images, descriptor("bonds")), everything)
    assert not describe(device, replace(atoms, bonds=found[:0]), images, descriptor("bonds")).any()


@pytest.mark.parametrize("bonds", [[[0, 3]], [[0, 6]], [[-1, 0]], [[3, 4], [0, 1]], [0, 1]])
def test_impossible_bonds_are_refused(bonds: list) -> None:
    chain = np.array([[0.0, 0, 0], [1.3, 0, 0], [2.6, 0, 0]]), np.zeros(3), np.array([6, 6, 6])
    with pytest.raises(InvalidInput, match="bonds"):
        replace(make_atoms(chain, chain), bonds=np.array(bonds))
