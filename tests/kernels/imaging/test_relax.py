"""The probe is relaxed in a harmonic well, whose minimum is the solution of linear equations."""

import numpy as np
import pyopencl as cl
import pytest

from kernels.device.device import Device

WELL = """
#include "force_fields/force_field.cl"

#define STEP_TOLERANCE 5.0e-4f

typedef struct { float unused; } sample_t;

static field_t sample_field(const sample_t *s, real x, real y, real z)
{
    field_t f;
    f.xx = 0.3f, f.yy = 0.2f, f.zz = 0.9f, f.xy = 0.1f, f.xz = 0.05f, f.yz = -0.15f;
    f.gx = f.xx * x + f.xy * y + f.xz * z;
    f.gy = f.xy * x + f.yy * y + f.yz * z;
    f.gz = f.xz * x + f.yz * y + f.zz * z;
    return f;
}
"""
RUN = """
#include "imaging/relax.cl"

kernel void run(const spring_t spring, global float *out)
{
    const sample_t sample = {0};
    vec u;
    u.x = u.y = u.z = 0.0f;
    const rest_t r = relax(&sample, &spring, 0.4f, -0.2f, 0.3f, u, MAX_STEPS);
    const real all[] = {r.u.x, r.u.y, r.u.z, r.du.x, r.du.y, r.du.z, r.f, r.df, r.unconverged ? 1.0f : (real)(0.0f)};
    for (int c = 0; c < 9; ++c)
#if WIDTH == 1
        out[c] = all[c];
#else
        out[c] = all[c].s3;
#endif
}
"""
WELL_K = np.array([[0.3, 0.1, 0.05], [0.1, 0.2, -0.15], [0.05, -0.15, 0.9]])
START = np.array([0.4, -0.2, 0.3])


def rest(device: Device, k: tuple[float, float, float]) -> np.ndarray:
    program = device.build(RUN, FORCE_FIELD=WELL)
    spring = np.array([0, 0, -3, 3, *k, 0], np.float32)
    out = np.empty(9, np.float32)
    buffer = cl.Buffer(device.context, cl.mem_flags.WRITE_ONLY, out.nbytes)
    device.launch(cl.Kernel(program, "run"), (1,), (1,), spring, buffer)
    cl.enqueue_copy(device.queue, out, buffer)
    return out


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
@pytest.mark.parametrize("k", [(0.02, 0.03, 1.5), (1e4, 1e4, 1e4)], ids=["soft", "stiff"])
def test_harmonic_well(lanes: str, k: tuple[float, float, float], request: pytest.FixtureRequest) -> None:
    got = rest(request.getfixturevalue(lanes), k)
    spring = np.diag(k)
    u = np.linalg.solve(WELL_K + spring, -WELL_K @ START)
    du = np.linalg.solve(WELL_K + spring, WELL_K[:, 2])
    assert got[:3] == pytest.approx(u, rel=1e-5, abs=1e-7)
    assert got[3:6] == pytest.approx(du, rel=1e-4, abs=1e-7)
    assert got[6] == pytest.approx((spring @ u)[2], rel=1e-5)
    assert got[6] == pytest.approx(-(WELL_K @ (START + u))[2], rel=1e-4)
    assert got[7] == pytest.approx((spring @ du)[2], rel=1e-4)
    assert got[8] == 0
