"""The force field is compared with derivatives of the energy in float64, and multipoles with single charges."""

import numpy as np
import pyopencl as cl
import pytest

from kernels.device.device import Device
from kernels.device.workspace import Workspace
from kernels.force_fields.lj_pc.multipoles import expansion_is_better
from tests.kernels import oracle
from tests.kernels.cases import CO_TIP, ELEMENTS, LJ_PC, make_atoms, make_images, random_molecule, window
from tests.kernels.describe import sample_of

PROBE = """
#include "force_fields/lj_pc/lj_pc.cl"

kernel void probe(SAMPLE_PARAMETERS, global const float *points, const int n, global float *out)
{
    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, 0);
    const int i = get_global_id(0);
    if (i >= n)
        return;
    const field_t f = sample_field(&sample, points[3 * i], points[3 * i + 1], points[3 * i + 2]);
    const bounds_t r = rigid_bounds(&sample, points[3 * i], points[3 * i + 1], points[3 * i + 2], 1.6f);
    const column_t column = sample_column(&sample, points[3 * i], points[3 * i + 1]);
    const rigid_t s = sample_rigid(&sample, &column, points[3 * i], points[3 * i + 1], points[3 * i + 2], 0.1f, 0.1f);
    const mask passed = sample_passed(&sample, points[3 * i], points[3 * i + 1], points[3 * i + 2]);
    const real all[] = {f.gx, f.gy, f.gz, f.xx, f.xy, f.xz, f.yy, f.yz, f.zz, r.force, r.steep, r.charges,
                        r.slope, r.closeness, passed ? 1.0f : (real)(0.0f), s.force, s.safe_steps};
    for (int c = 0; c < 17; ++c)
#if WIDTH == 1
        out[17 * i + c] = all[c];
#else
        out[17 * i + c] = all[c].s0;
#endif
}
"""
TIPS = {
    "co": CO_TIP,
    "xe": CO_TIP | {"element": 54, "charges": [0.3, 0, 0, 0], "charge_z": [0, 0, 0, 0]},
    "dipole": CO_TIP | {"charges": [-1, 1, 0, 0], "charge_z": [0.1, -0.1, 0, 0]},
    "lopsided": CO_TIP | {"charges": [-3, 5, -1, 0], "charge_z": [0.05, 0, -0.08, 0]},
    "long row": CO_TIP | {"charges": [-1, 2, -1, 0.5], "charge_z": [0.5, 0.1, -0.4, 0.9]},
    "neutral": CO_TIP | {"charges": [0, 0, 0, 0]},
}


def evaluate(device: Device, atoms, images, points: np.ndarray) -> np.ndarray:
    """Return the 17 values of PROBE at points (n, 3), (n, 17): gradient, Hessian, bounds, passed, rigid."""
    force = LJ_PC.prepare(atoms, images, None, np.zeros((1, 3)), None)
    (group,), lists = force.groups("all", np.arange(1), device.lanes)
    memory = Workspace(device)
    arrays = {**force.arrays(), **lists, "points": points.astype(np.float32)}
    buffers, copies = memory.upload(arrays)
    copies[-1].wait()
    program = device.build(PROBE, **group.defines)
    out = np.empty((len(points), 17), np.float32)
    out_buffer = memory.buffer("probe_out", out.nbytes)
    arguments = [*force.arguments(group, buffers), buffers["points"], np.int32(len(points)), out_buffer]
    device.launch(cl.Kernel(program, "probe"), (len(points), 1), (4, 1), *arguments)
    cl.enqueue_copy(device.queue, out, out_buffer)
    return out.astype(float)


def exact(atoms, images, points: np.ndarray, step: float = 2e-3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gradient, Hessian and the largest force, as a scale, by central differences of the float64 energy."""
    sample = sample_of(atoms, images)
    basis = step * np.eye(3)
    weights = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}

    def gradient(at: np.ndarray) -> np.ndarray:
        parts = [sum(w * oracle.energy(at + k * e, *sample) for k, w in weights.items()) for e in basis]
        return np.stack(parts, axis=-1) / step

    hessian = np.stack([sum(w * gradient(points + k * e) for k, w in weights.items()) / step for e in basis], axis=-1)
    return gradient(points), hessian, np.abs(gradient(points)).max()


@pytest.mark.parametrize("tip", TIPS.values(), ids=TIPS.keys())
@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_force_and_hessian_are_derivatives_of_the_energy(lanes: str, tip: dict, request: pytest.FixtureRequest) -> None:
    atoms = make_atoms(random_molecule(3, 13))
    images = make_images([0], [window()], (7, 5, 6), tip)
    points = np.random.default_rng(4).uniform([-3, -3, 2.8], [3, 3, 5], (50, 3))
    got = evaluate(request.getfixturevalue(lanes), atoms, images, points)
    gradient, hessian, scale = exact(atoms, images, points)
    # Rows that are summed one by one cancel in float32; expansions end at the hexadecapole (Hessian: octupole).
    assert np.abs(got[:, :3] - gradient).max() < 2e-5 * scale
    rows, columns = np.triu_indices(3)
    assert np.abs(got[:, 3:9] - hessian[:, rows, columns]).max() < 1e-3 * np.abs(hessian).max()
    assert np.abs(got[:, 9] + gradient[:, 2]).max() < 2e-5 * scale


def test_one_atom_below_the_probe(device: Device) -> None:
    atoms = make_atoms((np.zeros((1, 3)), np.zeros(1), np.array([6])))
    images = make_images([0], [window()], (7, 5, 6))
    radius = ELEMENTS[6][0] + ELEMENTS[8][0]
    depth = np.sqrt(ELEMENTS[6][1] * ELEMENTS[8][1])
    r = np.array([2.8, 3.0, radius, 4.0])
    got = evaluate(device, atoms, images, np.column_stack((0 * r, 0 * r, r)))
    force = 12 * depth / r * ((radius / r) ** 12 - (radius / r) ** 6)
    # The twelfth power of a reciprocal root multiplies its rounding error, which is a little larger on GPUs.
    close = pytest.approx(force, rel=3e-6, abs=1e-7)
    assert got[:, 9] == close
    assert -got[:, 2] == close
    assert got[:, 13] == pytest.approx(1 / r, rel=1e-6)


@pytest.mark.parametrize("tip", TIPS.values(), ids=TIPS.keys())
def test_steep_and_slope_bound_the_force_further_down(device: Device, tip: dict) -> None:
    atoms = make_atoms(random_molecule(5, 13))
    images = make_images([0], [window()], (7, 5, 6), tip)
    points = np.random.default_rng(6).uniform([-4, -4, -1], [4, 4, 5], (400, 3))
    got = evaluate(device, atoms, images, points)
    for way in (0.1, 0.4, 0.8, 1.6):
        below = evaluate(device, atoms, images, points - [0, 0, way])[:, 9]
        left = 1 - way * got[:, 13]
        near = left > 0
        steep, charges, slope, left = got[near, 10], got[near, 11], got[near, 12], left[near]
        bound = steep / left**14 + charges + way * slope / left**7
        assert (below[near] <= bound + 1e-4 * np.abs(bound) + 1e-6).all()


@pytest.mark.parametrize("tip", TIPS.values(), ids=TIPS.keys())
def test_the_force_stays_low_for_as_many_steps_as_are_safe(device: Device, tip: dict) -> None:
    atoms = make_atoms(random_molecule(5, 13))
    images = make_images([0], [window()], (7, 5, 6), tip)
    points = np.random.default_rng(7).uniform([-4, -4, 0], [4, 4, 12], (300, 3))
    got = evaluate(device, atoms, images, points)
    steps = got[:, 16]
    assert np.array_equal(got[:, 15], got[:, 9])
    assert set(steps) <= {1, 2, 3, 5, 7, 10, 14, 19}
    assert (steps > 1).sum() > 20
    for step in range(1, 20):
        inside = (step <= steps) & (steps > 1)
        below = evaluate(device, atoms, images, points - [0, 0, 0.1 * step])[:, 9]
        assert (below[inside] < 0.1).all()


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_passed_is_below_an_atom_and_near_its_axis(lanes: str, request: pytest.FixtureRequest) -> None:
    atoms = make_atoms(random_molecule(7, 4))
    images = make_images([0], [window()], (7, 5, 6))
    points = np.random.default_rng(8).uniform([-5, -5, -3], [5, 5, 1], (400, 3)).astype(np.float32).astype(float)
    got = evaluate(request.getfixturevalue(lanes), atoms, images, points)[:, 14]
    apart = np.linalg.norm((points[:, None] - atoms.xyz)[..., :2], axis=-1)
    near = apart < (atoms.lj_radius + images.lj_radius[0]) / 2
    passed = (near & (points[:, None, 2] < atoms.xyz[:, 2])).any(axis=1)
    assert 40 < passed.sum() < 360
    assert np.array_equal(got != 0, passed)


def test_short_rows_are_expanded_and_long_ones_are_not() -> None:
    charges = np.array([tip["charges"] for tip in TIPS.values()], float)
    charge_z = np.array([tip["charge_z"] for tip in TIPS.values()], float)
    better = dict(zip(TIPS, expansion_is_better(charges, charge_z), strict=True))
    assert better["co"]
    assert better["xe"]
    assert not better["long row"]
