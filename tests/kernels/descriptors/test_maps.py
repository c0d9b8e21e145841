"""Maps may have a window and a size of their own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.errors import InvalidInput
from kernels.simulator import Simulator
from tests.kernels import oracle
from tests.kernels.cases import LJ_PC, make_atoms, make_images, random_molecule, window
from tests.kernels.describe import MAPS, describe, descriptor, sample_of, small_scene

PIXELS = [1, 8], [2, 6]  # first and last of 13 × 9 pixels over 8 Å that PART covers
PART = [[-4 + 8 * i / 12 for i in PIXELS[0]], [-4 + 8 * j / 8 for j in PIXELS[1]]]
LOCAL = [m.descriptor for m in MAPS if m.descriptor.KIND not in ("height_map", "es_map")]


@pytest.mark.parametrize("descriptor", LOCAL, ids=lambda d: d.KIND)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_window_over_some_pixels_shows_the_same_as_those_pixels(device: Device, descriptor, seed: int) -> None:
    atoms, images, _, _ = small_scene(seed, 15)
    where = {"window": np.transpose(PART), "dim": (8, 5)}
    (i0, i1), (j0, j1) = PIXELS
    whole = describe(device, atoms, images, descriptor)
    own = describe(device, atoms, images, descriptor, **where)
    assert own == pytest.approx(whole[i0 : i1 + 1, j0 : j1 + 1], abs=1e-4)
    assert np.ptp(own) > 0.01


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 20), x0=st.floats(-9, 5), y0=st.floats(-9, 5),
    zmin=st.sampled_from([-2.0, -0.5]),
)  # fmt: skip
def test_a_height_map_of_a_window_anywhere(
    device: Device, seed: int, n: int, x0: float, y0: float, zmin: float
) -> None:
    atoms, _, _, _ = small_scene(seed, n)
    images = make_images([0], [window(5.0, 9.0)], (13, 9, 30))
    own = [[x0, y0], [x0 + 4, y0 + 3]]
    sample = sample_of(atoms, images)
    exact = oracle.height_map(*oracle.pixels(own, 7, 4), 6.0, 4 / 30, lambda p: oracle.force_z(p, *sample), 0.1, zmin)
    error = np.abs(describe(device, atoms, images, descriptor("height_map", zmin=zmin), window=own, dim=(7, 4)) - exact)
    assert (error > 1e-3).sum() <= 1


def test_the_scans_window_given_again_is_the_same_map(device: Device) -> None:
    atoms, images, _, _ = small_scene(3, 12)
    for item in MAPS[:13]:
        own = describe(device, atoms, images, item.descriptor, window=images.window[0, :, :2], dim=images.dim[:2])
        assert np.array_equal(own, describe(device, atoms, images, item.descriptor))


def test_each_molecule_has_its_own_window(device: Device) -> None:
    molecules = [random_molecule(seed, 9) for seed in range(3)]
    images = make_images([0, 1, 2], [window()] * 3, (7, 5, 4))
    windows = np.array([[[-2, -2], [2, 1]], [[-1, 0], [0, 3]], [[0, 0], [3, 3]]], float)
    asked = [
        Map(descriptor("height_map"), windows),
        Map(descriptor("vdw_spheres"), windows, (4, 6)),
        Map(descriptor("vdw_spheres")),
    ]
    batch = Simulator(device).run(make_atoms(*molecules), images, LJ_PC, asked)
    for b, molecule in enumerate(molecules):
        maps = [Map(m.descriptor, m.window if m.window is None else windows[b], m.dim) for m in asked]
        alone = Simulator(device).run(make_atoms(molecule), make_images([0], [window()], (7, 5, 4)), LJ_PC, maps)
        assert batch.descriptors[b].tobytes() == alone.descriptors[0].tobytes()
        assert batch.separate[0][b].tobytes() == alone.separate[0][0].tobytes()


def test_results_are_in_the_order_of_the_maps(device: Device) -> None:
    atoms, images, x, _ = small_scene(3, 12)
    asked = [
        Map(descriptor("vdw_spheres", zmin=-1.0), dim=(3, 2)),
        Map(descriptor("multimap_spheres")),
        Map(descriptor("multimap_spheres", n_channels=2), dim=(1, 1)),
        Map(descriptor("vdw_spheres", zmin=-0.5)),
        Map(descriptor("vdw_spheres", zmin=-2.0), window=[[0, 0], [1, 1]]),
    ]
    result = Simulator(device).run(atoms, images, LJ_PC, asked)
    assert result.descriptors.shape == (1, 5, *x.shape)
    assert [maps.shape for maps in result.separate] == [(1, 1, 3, 2), (1, 2, 1, 1)]
    assert np.array_equal(
        result.descriptors[0, 3], describe(device, atoms, images, descriptor("vdw_spheres", zmin=-0.5))
    )
    assert result.separate[0].min() == -1.0
    assert np.shares_memory(result.separate[1], result.block.bytes)


def test_pixels_that_maps_share_are_uploaded_once(device: Device) -> None:
    atoms, images, _, _ = small_scene(3, 12)
    own = np.array([[0, 0], [1, 1]])
    asked = [
        Map(descriptor("vdw_spheres")),
        Map(descriptor("height_map")),
        Map(descriptor("vdw_spheres"), own),
        Map(descriptor("height_map"), own.astype(float)),
        Map(descriptor("vdw_spheres"), own, (2, 2)),
    ]
    arrays = Simulator(device).prepare(atoms, images, LJ_PC, asked).arrays
    assert [name for name in arrays if name.startswith("pixel_grids")] == [f"pixel_grids_{n}" for n in range(3)]


@pytest.mark.parametrize("dim", [(3,), (0, 3), (2.5, 3), (1, 2, 3)])
def test_impossible_sizes_are_refused(dim: tuple) -> None:
    with pytest.raises(InvalidInput, match="dim"):
        Map(descriptor("vdw_spheres"), dim=dim)


@pytest.mark.parametrize("own", [np.zeros((2, 3)), np.full((2, 2), np.nan), np.zeros(4), "window"])
def test_impossible_windows_are_refused(own) -> None:
    with pytest.raises(InvalidInput, match="window"):
        Map(descriptor("vdw_spheres"), window=own)


def test_windows_of_other_molecules_are_refused(device: Device) -> None:
    atoms, images, _, _ = small_scene(3, 2)
    with pytest.raises(InvalidInput, match="1 molecules, got 2"):
        Simulator(device).prepare(atoms, images, LJ_PC, [Map(descriptor("vdw_spheres"), window=np.zeros((2, 2, 2)))])
