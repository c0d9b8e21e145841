"""Terms between the probe and single atoms: their derivatives, and the coefficients of DFT-D3."""

import numpy as np
import pytest

from kernels.atoms import Floats
from kernels.device.device import Device
from kernels.force_fields.grid.dispersion import D3Tables, coordination_numbers, dispersion_coefficients
from kernels.force_fields.grid.pair_terms import DAMPED, Dispersion, LennardJones, PairTerms
from kernels.force_fields.grid.tips import MultipoleTip
from tests.kernels.force_fields.grid.gaussians import AT, probe_points, radial_derivatives, scene
from tests.kernels.force_fields.grid.probing import probe

DEPTH, RADIUS = np.sqrt(0.003729 * 0.009106), 1.908 + 1.6612  # C and O
D3 = np.array([200.0, 3.1**6, 5000.0, 3.1**8])


def lennard_jones(s: Floats) -> Floats:
    """Return ε (s⁻⁶ − 2 s⁻³), s = r²/R²."""
    return DEPTH * (s**-6 - 2 * s**-3)


def damped(s: Floats, damping: Floats) -> Floats:
    """Return −2ε/(s³ + damping)."""
    return -2 * DEPTH / (s**3 + damping)


ENERGIES = {
    None: lennard_jones,
    -1: lambda s: damped(s, np.zeros_like(s)),
    1: lambda s: damped(s, 0.5 * np.maximum(1 - s, 0)),
    2: lambda s: damped(s, 0.5 * np.maximum(1 - s, 0) ** 2),
    3: lambda s: damped(s, 0.03 * s**-2),
    4: lambda s: damped(s, 0.01 * s**-4),
}


def assert_derivatives(device: Device, terms: PairTerms, slope, error: float = 2e-6) -> None:
    """Compare with φ'(u), u = r², and its derivative."""
    made = scene(1.0, None, charge=0.0)
    points = probe_points(made.images)
    gradient, hessian, _ = probe(
        device, made.force_field(device, MultipoleTip({"s": 1.0}, 0.7), pair_terms=terms), made.atoms, made.images,
        made.frames, points,
    )  # fmt: skip
    d = points - AT
    u = (d**2).sum(axis=1)
    smooth = np.abs(u - RADIUS**2) > 1e-3
    want, bent = radial_derivatives(d, slope(u), (slope(u + 1e-4) - slope(u - 1e-4)) / 2e-4)
    assert gradient == pytest.approx(want, abs=error * np.abs(want).max())
    assert hessian[smooth] == pytest.approx(bent[smooth], abs=10 * error * np.abs(bent).max())


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
@pytest.mark.parametrize("damping", list(ENERGIES))
def test_lennard_jones_and_its_dampings(lanes: str, damping: int | None, request: pytest.FixtureRequest) -> None:
    energy = ENERGIES[damping]
    slope = lambda u: (energy((u + 1e-5) / RADIUS**2) - energy((u - 1e-5) / RADIUS**2)) / 2e-5  # noqa: E731
    assert_derivatives(request.getfixturevalue(lanes), LennardJones(damping), slope, error=2e-5)


def test_damping_0_is_a_force_alone(device: Device) -> None:
    c6 = 2 * DEPTH * RADIUS**6
    assert_derivatives(device, LennardJones(0), lambda u: 3 * c6 / (u**4 + 180 * c6), error=1e-5)
    assert set(DAMPED) == {0, *ENERGIES} - {None}


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_dispersion(lanes: str, request: pytest.FixtureRequest) -> None:
    c6, r6, c8, r8 = D3
    slope = lambda u: 3 * c6 * u**2 / (u**3 + r6) ** 2 + 4 * c8 * u**3 / (u**4 + r8) ** 2  # noqa: E731
    assert_derivatives(request.getfixturevalue(lanes), Dispersion(D3[None]), slope)


def tables(ref_cn: Floats) -> D3Tables:
    """Return tables of two elements: 1, whose reference coordination numbers these are, and 2, a free atom's only."""
    free = np.array([0.0, -1, -1, -1, -1])
    c6 = np.zeros((2, 2, 5, 5))
    c6[0, 1, :, 0] = [10.0, 20.0, 30.0, 40.0, 50.0]
    functionals = {"PBE": {"s6": 1.0, "s8": 0.7875, "a1": 0.4289, "a2": 4.4407}}
    return D3Tables(np.array([0.6, 0.4]), np.array([1.1, 0.9]), np.stack((ref_cn, free)), c6, functionals)


def test_dispersion_coefficients_by_coordination() -> None:
    numbers, xyz = np.array([1, 1, 1]), np.array([[0.0, 0, 0], [1.2, 0, 0], [1e6, 0, 0]])
    table = tables(np.array([0.0, 1.0, -1.0, -1.0, -1.0]))
    cn = coordination_numbers(numbers, xyz, table)
    pair = 1 / (1 + np.exp(-16 * (4 / 3 * 1.2 / 1.2 - 1)))
    far = 1 / (1 + np.exp(16))  # what an atom counts at any distance
    assert cn == pytest.approx([pair + far, pair + far, 2 * far], abs=1e-9)
    got = dispersion_coefficients(numbers, xyz, 2, "PBE", table)
    weights = np.exp(-4 * (cn[0] - np.array([0, 1])) ** 2)
    c6 = weights @ [10, 20] / weights.sum()
    q = 3 * 1.1 * 0.9
    radius = 0.4289 * np.sqrt(q) + 4.4407 * 0.52917721
    assert got[0] == pytest.approx([c6, radius**6, 0.7875 * q * c6, radius**8])
    assert got[1] == pytest.approx(got[0], rel=1e-6)
    free = np.exp(-4 * (cn[2] - np.array([0, 1])) ** 2)
    assert got[2, 0] == pytest.approx(free @ [10, 20] / free.sum())


def test_a_coordination_far_from_all_references_takes_the_nearest() -> None:
    table = tables(np.array([90.0, 80.0, -1.0, -1.0, -1.0]))
    got = dispersion_coefficients(np.array([1]), np.zeros((1, 3)), 2, "PBE", table)
    assert got[0, 0] == pytest.approx(20.0)
