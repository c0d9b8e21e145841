from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.errors import InvalidInput
from kernels.simulator import Simulator
from tests.kernels import oracle
from tests.kernels.cases import LJ_PC, make_atoms, make_images
from tests.kernels.describe import channels, describe, descriptor, small_scene


def agree(got: np.ndarray, exact: np.ndarray) -> bool:
    """Return whether the maps agree but for one pixel at the edge of a sphere, which float32 may round across it."""
    return bool((np.abs(got - exact) > 1e-4).sum() <= 1)


def test_radii_are_truncated_towards_zero_and_clamped() -> None:
    atoms = make_atoms((np.zeros((5, 3)), np.zeros(5), np.array([1, 1, 1, 1, 1])))
    atoms = replace(atoms, vdw_radius=np.array([0.0, 1.15, 1.69, 1.71, 9.0]))
    assert descriptor("multimap_spheres", n_channels=3).channel_of(atoms).tolist() == [0, 0, 0, 1, 2]


def test_a_sphere_beside_and_above_another(device: Device) -> None:
    """Oxygen above carbon hides it; beside the oxygen carbon is seen, with occlusion and without."""
    xyz = np.array([[0.0, 0, 0], [2.0, 0, -0.5]])
    atoms = make_atoms((xyz, np.zeros(2), np.array([8, 6])))
    images = make_images([0], [[[0, 0, 6], [2, 0, 7]]], (3, 1, 2))
    oxygen, carbon = channels(
        device, atoms, images, descriptor("multimap_spheres_elements", elements=((8,), (6,)), zmin=-3.0)
    )[:, :, 0]
    top = 1.661 - 0.5
    assert oxygen == pytest.approx([0, np.sqrt(top**2 - 1) - top, -3], abs=1e-5)
    assert carbon == pytest.approx([-3, np.sqrt(1.408**2 - 1) - 0.5 - top, 1.408 - 0.5 - top], abs=1e-5)
    seen = channels(
        device, atoms, images, descriptor("multimap_spheres_elements", elements=((8,), (6,)), zmin=-3.0, occlusion=True)
    )[:, :, 0]
    assert seen.tolist() == [[oxygen[0], oxygen[1], -3], [-3, -3, carbon[2]]]


@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 20), n_channels=st.integers(1, 5), zmin=st.sampled_from([-1.5, -0.5]),
    r_min=st.sampled_from([1.4, 1.7]), r_step=st.sampled_from([0.3, 0.09]), occlusion=st.booleans(),
)  # fmt: skip
def test_formula(
    device: Device, seed: int, n: int, n_channels: int, zmin: float, r_min: float, r_step: float, occlusion: bool
) -> None:
    atoms, images, x, y = small_scene(seed, n)
    got = channels(
        device,
        atoms,
        images,
        descriptor(
            "multimap_spheres",
            n_channels=n_channels,
            r_min=r_min,
            r_step=r_step,
            zmin=zmin,
            r_pp=-0.3,
            occlusion=occlusion,
        ),
    )
    channel_of = [min(max(int((v - r_min) / r_step), 0), n_channels - 1) for v in atoms.vdw_radius]
    args = atoms.xyz, atoms.vdw_radius, channel_of, n_channels, x, y, zmin, -0.3, occlusion
    assert agree(got, oracle.multimap_spheres(*args))


@given(seed=st.integers(0, 10**6), n=st.integers(1, 20), occlusion=st.booleans())
def test_the_highest_of_all_channels_is_the_map_of_all_spheres(
    device: Device, seed: int, n: int, occlusion: bool
) -> None:
    atoms, images, _, _ = small_scene(seed, n)
    by_element = descriptor("multimap_spheres_elements", elements=((6,), (), (1, 8), (7, 35)), occlusion=occlusion)
    got = channels(device, atoms, images, by_element)
    assert got.max(axis=0) == pytest.approx(describe(device, atoms, images, descriptor("vdw_spheres")), abs=1e-6)
    assert (got[1] == -1.5).all()


def test_an_element_in_no_list_is_named() -> None:
    atoms, _, _, _ = small_scene(0, 9)
    with pytest.raises(InvalidInput, match="atomic number 7, 8"):
        descriptor("multimap_spheres_elements", elements=((1, 35), (6,))).records(atoms, atoms.xyz[:, :2])
    with pytest.raises(InvalidInput, match="number"):
        descriptor("multimap_spheres_elements", elements=((1, 6, 7, 8),)).records(
            replace(atoms, number=None), atoms.xyz[:, :2]
        )


@pytest.mark.parametrize("elements", [(), ((6,), (7, 6)), ((-1,),), ((1.5,),)])
def test_impossible_lists_are_refused(elements: tuple) -> None:
    with pytest.raises(InvalidInput, match="elements"):
        descriptor("multimap_spheres_elements", elements=elements)


def test_impossible_channels_are_refused() -> None:
    for change in ({"n_channels": 0}, {"r_step": 0.0}, {"zmin": 0.0}):
        with pytest.raises(InvalidInput, match=next(iter(change))):
            descriptor("multimap_spheres", **change)


def test_several_hundred_channels(device: Device) -> None:
    atoms, images, x, _ = small_scene(4, 9)
    result = Simulator(device).run(
        atoms,
        images,
        LJ_PC,
        [Map(descriptor("multimap_spheres", n_channels=300, r_min=0.0, r_step=0.01)), Map(descriptor("vdw_spheres"))],
    )
    assert result.descriptors.shape == (1, 301, *x.shape)
    assert np.array_equal(result.descriptors[0, :-1].max(axis=0), result.descriptors[0, -1])
