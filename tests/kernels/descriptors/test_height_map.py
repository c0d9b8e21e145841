from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.descriptors.maps import Map
from kernels.device.device import Device
from kernels.imaging.quality import Quality
from kernels.simulator import Simulator
from tests.kernels import oracle
from tests.kernels.cases import CO_TIP, LJ_PC, LONG_ROW, NAMES, make_atoms, make_images, random_molecule, window
from tests.kernels.describe import describe, descriptor, reference_error, sample_of, small_scene

ONE_ATOM = make_atoms((np.zeros((1, 3)), np.zeros(1), np.array([6])))


@pytest.mark.parametrize("name", NAMES)
def test_reference_cases(device: Device, name: str) -> None:
    assert reference_error(device, name, descriptor("height_map")) < 1e-4


@pytest.mark.parametrize("tip", [CO_TIP, LONG_ROW], ids=["short row", "long row"])
@settings(max_examples=20)
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 20), nz=st.integers(5, 40), iso=st.sampled_from([0.1, 0.02, 0.6]),
    zmin=st.sampled_from([-2.0, -0.4, -6.0]),
)  # fmt: skip
def test_no_crossing_is_skipped(device: Device, tip: dict, seed: int, n: int, nz: int, iso: float, zmin: float) -> None:
    atoms, _, x, y = small_scene(seed, n)
    images = make_images([0], [window(5.0, 9.0)], (13, 9, nz), tip)
    sample = sample_of(atoms, images)
    exact = oracle.height_map(x, y, 6.0, 4.0 / nz, lambda p: oracle.force_z(p, *sample), iso, zmin)
    error = np.abs(describe(device, atoms, images, descriptor("height_map", iso=iso, zmin=zmin)) - exact)
    # One arithmetic may find a force that just reaches iso between steps, and the other not.
    assert (error > 1e-3).sum() <= 1


def test_one_atom_where_its_repulsion_reaches_iso(device: Device) -> None:
    images = make_images([0], [window(5.0, 6.5, half=1.0)], (3, 3, 150))
    got = describe(device, ONE_ATOM, images, descriptor("height_map"))
    radius, depth = (ONE_ATOM.lj_radius + images.lj_radius)[0], np.sqrt(ONE_ATOM.lj_epsilon * images.lj_epsilon)[0]
    z = np.linspace(1.5, 4.0, 250001)

    def reached(rho: float) -> float:
        s = (radius**2 / (rho**2 + z**2)) ** 3
        return z[12 * depth * s * (s - 1) * z / (rho**2 + z**2) > 0.1].max()

    assert got[1, 1] - got[0, 1] == pytest.approx(reached(0) - reached(1), abs=1e-3)
    assert got[0, 1] == pytest.approx(got[1, 2], abs=1e-5)


def test_no_surface_is_zero_everywhere_and_flagged(device: Device) -> None:
    far = replace(ONE_ATOM, xyz=np.array([[0.0, 0, -300.0]]))
    images = make_images([0, 0], [window()] * 2, (7, 5, 6))
    result = Simulator(device).run(far, images, LJ_PC, [Map(descriptor("height_map"))])
    assert not result.descriptors.any()
    assert result.quality.tolist() == [Quality.GOOD, Quality.NO_ISO_SURFACE]


def test_a_surface_that_starts_above_iso_is_the_first_height(device: Device) -> None:
    images = make_images([0], [window(4.0, 5.0, half=0.5)], (3, 3, 6))
    assert not describe(device, ONE_ATOM, images, descriptor("height_map", iso=0.01)).any()


def test_the_map_is_made_with_the_last_tip(device: Device) -> None:
    atoms = make_atoms(random_molecule(2, 8))
    xenon = make_images([0], [window()], (7, 5, 20), CO_TIP | {"element": 54, "charges": [0.3, 0, 0, 0]})
    both = make_images([0, 0], [window()] * 2, (7, 5, 20))
    names = ("lj_radius", "lj_epsilon", "charges", "charge_z")
    mixed = {n: np.concatenate((getattr(both, n)[:1], getattr(xenon, n))) for n in names}
    both = replace(both, **mixed)
    alone = describe(device, atoms, xenon, descriptor("height_map"))
    assert np.array_equal(describe(device, atoms, both, descriptor("height_map")), alone)
    assert alone.any()
