"""Point charges of a tip in the potential of a sample: forces −Σ Q ∇V(P + ζ ẑ).

A quadrupole of ±10 e at 0.1 Å takes third derivatives of the potential, which interpolation knows to one percent.
"""

import numpy as np
import pytest

from kernels.atoms import Floats
from kernels.device.device import Device
from kernels.force_fields.grid.force_field import GridDevice
from kernels.force_fields.grid.kinds import LennardJonesHartree
from kernels.force_fields.grid.samples import SampleGrid, Samples
from kernels.force_fields.grid.splines import padded, periodic_coefficients
from kernels.force_fields.grid.tips import PointChargeTip, sample_spline
from kernels.sample_frames import SampleFrames
from tests.kernels.cases import CO_TIP, make_atoms, make_images
from tests.kernels.force_fields.grid.probing import probe
from tests.kernels.force_fields.grid.test_truth import DATA


@pytest.mark.parametrize(
    ("charges", "heights"),
    [([-0.1], [0.0]), ([-10.0, 20.0, -10.0, 0.0], [0.1, 0.0, -0.1, 0.0]), ([0.3, -0.2], [0.25, -0.07])],
)
def test_forces(device: Device, charges: list[float], heights: list[float]) -> None:
    with np.load(DATA / "hcooh.npz") as file:
        sample = dict(file)
    grid = SampleGrid(sample["lattice"], sample["origin"], sample["potential"])
    held = GridDevice(device, Samples(device, [grid]), [PointChargeTip(np.array(charges), np.array(heights))])
    one = np.zeros(1, int)
    atoms = make_atoms((sample["xyz"], np.zeros(len(sample["xyz"])), sample["numbers"]))
    atoms.lj_epsilon[:] = 0  # the grid's forces alone
    centre, top = sample["xyz"].mean(axis=0), float(sample["xyz"][:, 2].max())
    low, high = [*(centre[:2] - 2.5), top + 6.0], [*(centre[:2] + 2.5), top + 7.3]
    images = make_images([0], [[low, high]], (9, 9, 13), CO_TIP, 8)
    rng = np.random.default_rng(2)
    points = rng.uniform([*low[:2], top + 3.1], [*high[:2], top + 4.2], (60, 3))
    frames = SampleFrames(np.eye(3)[None], np.zeros((1, 3)))
    force_field = LennardJonesHartree(held, one, one, with_surface=False)
    gradient, _, _ = probe(device, force_field, atoms, images, frames, points)
    exact = np.zeros_like(gradient)
    coefficients = padded(periodic_coefficients(grid.potential), np.float64)
    h = 1e-3
    for charge, height in zip(charges, heights, strict=True):
        for axis in range(3):
            for sign in (1, -1):
                at: Floats = points + [0, 0, height] + sign * h * np.eye(3)[axis] - grid.origin
                value = sample_spline(coefficients, grid.shape, at @ np.linalg.inv(grid.lattice))
                exact[:, axis] += sign * charge * value / (2 * h)
    assert gradient == pytest.approx(exact, abs=2e-2 * float(np.abs(exact).max()))
