// Relaxation of the probe particle on its spring (physics.md §3) in a force field: damped Newton with a 3×3 LDLᵀ.
// The position of the probe is given as u, its displacement from equilibrium, so that |d| − r0 keeps its digits.
#include "opencl/vector.cl"
#include <spring_t>
#include FORCE_FIELD

#define MAX_STEPS 60
#define STEP_LIMIT 0.3f      // Å a step: short enough to reach the minimum that damped dynamics would reach
#define FEW_STEPS 8          // where the probe did not come to rest before
#define PIVOT_FLOOR 1.0e-4f  // eV/Å²

typedef struct {
    real x, y, z;
} vec;

// Gradient of the elastic energy at displacement u, and the factors of its Hessian diag(k) + a·1 + c·d dᵀ.
typedef struct {
    real gx, gy, gz, a, c, dx, dy, dz;
} pull_t;

static pull_t spring_pull(const spring_t *s, vec u)
{
    pull_t p;
    p.dx = s->d0x + u.x, p.dy = s->d0y + u.y, p.dz = s->d0z + u.z;
    const real l2 = p.dx * p.dx + p.dy * p.dy + p.dz * p.dz;
    const real li = vrsqrt(l2);
    const real stretch = (u.x * (s->d0x + p.dx) + u.y * (s->d0y + p.dy) + u.z * (s->d0z + p.dz)) *
                         vrecip(l2 * li + s->r0);
    p.a = s->kr * stretch * li;
    p.c = (s->kr - p.a) * li * li;
    p.gx = s->kx * u.x + p.a * p.dx;
    p.gy = s->ky * u.y + p.a * p.dy;
    p.gz = s->kz * u.z + p.a * p.dz;
    return p;
}

// A relaxed probe: its displacement u and the change of u per Å of descent, F_z of the sample (equal to the pull of the
// spring) and its change, and the lanes that did not converge.
typedef struct {
    vec u, du;
    real f, df;
    mask unconverged;
} rest_t;

// Returns a pivot made positive. Lanes in which it was not are added to *indefinite.
static real positive_pivot(real pivot, mask *indefinite)
{
    *indefinite = *indefinite | (pivot < PIVOT_FLOOR);
    return vmax(vabs(pivot), (real)(PIVOT_FLOOR));
}

// Relaxes a probe whose equilibrium is at (x, y, z) from displacement `u`, in at most `steps` steps. Lanes that have converged
// do not move any more.
static rest_t relax(const sample_t *sample, const spring_t *spring, real x, real y, real z, vec u, int steps)
{
    rest_t rest;
    rest.du.x = rest.du.y = rest.du.z = 0.0f;
    vec last;
    last.x = last.y = last.z = 0.0f;
    real limit = STEP_LIMIT, descent = 0.0f;
    mask active = ALL_LANES;
    for (int step = 0; step < steps; ++step) {
#if WIDTH == 1
        const field_t f = sample_field(sample, x + u.x, y + u.y, z + u.z);
        const pull_t p = spring_pull(spring, u);
#else  // a CPU computes the spring's root and division while it begins with the sample
        const pull_t p = spring_pull(spring, u);
        const field_t f = sample_field(sample, x + u.x, y + u.y, z + u.z);
#endif
        const real gx = f.gx + p.gx, gy = f.gy + p.gy, gz = f.gz + p.gz;
        const real ax = p.c * p.dx, ay = p.c * p.dy;
        const real xx = f.xx + (spring->kx + p.a) + ax * p.dx, xy = f.xy + ax * p.dy, xz = f.xz + ax * p.dz;
        const real yy = f.yy + (spring->ky + p.a) + ay * p.dy, yz = f.yz + ay * p.dz;
        const real zz = f.zz + (spring->kz + p.a) + p.c * p.dz * p.dz;

        if (step > 0) {
            // If the last step went past the minimum along its direction, shorten the steps from here on.
            const real slope = gx * last.x + gy * last.y + gz * last.z;
            limit = slope > 0.5f * descent ? 0.5f * limit : limit;
        }
        // Cofactors give the inverse with one division; on CPUs the three divisions of an elimination would wait for each
        // other. If the Hessian may be indefinite, elimination is used, which makes the pivots positive.
        const real c11 = yy * zz - yz * yz, c12 = xz * yz - xy * zz, c13 = xy * yz - xz * yy;
        const real c22 = xx * zz - xz * xz, c23 = xy * xz - xx * yz, c33 = xx * yy - xy * xy;
        const real det = xx * c11 + xy * c12 + xz * c13;
        mask indefinite = (xx < PIVOT_FLOOR) | (c33 < PIVOT_FLOOR * xx) | (det < PIVOT_FLOOR * c33);
        vec s, t;
        if (WIDTH > 1 && !any_lane(indefinite)) {
            const real i = vrecip(det);
            s.x = -i * (c11 * gx + c12 * gy + c13 * gz);
            s.y = -i * (c12 * gx + c22 * gy + c23 * gz);
            s.z = -i * (c13 * gx + c23 * gy + c33 * gz);
            t.x = i * (c11 * f.xz + c12 * f.yz + c13 * f.zz);
            t.y = i * (c12 * f.xz + c22 * f.yz + c23 * f.zz);
            t.z = i * (c13 * f.xz + c23 * f.yz + c33 * f.zz);
        } else {
            indefinite = !ALL_LANES;
            const real d1 = vrecip(positive_pivot(xx, &indefinite)), l2 = xy * d1, l3 = xz * d1;
            const real d2 = vrecip(positive_pivot(yy - l2 * xy, &indefinite)), m3 = (yz - l3 * xy) * d2;
            const real d3 = vrecip(positive_pivot(zz - l3 * xz - m3 * (yz - l3 * xy), &indefinite));
            const real b2 = l2 * gx - gy, b3 = l3 * gx - gz - m3 * b2;
            s.z = b3 * d3;
            s.y = b2 * d2 - m3 * s.z;
            s.x = -gx * d1 - l2 * s.y - l3 * s.z;
            const real c2 = f.yz - l2 * f.xz, c3 = f.zz - l3 * f.xz - m3 * c2;
            t.z = c3 * d3;
            t.y = c2 * d2 - m3 * t.z;
            t.x = f.xz * d1 - l2 * t.y - l3 * t.z;
        }

        const real length2 = s.x * s.x + s.y * s.y + s.z * s.z;
        const mask far = length2 > limit * limit;
        last = s;
        if (any_lane(far)) {
            const real damping = far ? limit * vrsqrt(length2) : (real)(1.0f);
            last.x = damping * s.x, last.y = damping * s.y, last.z = damping * s.z;
        }
        u.x = active ? u.x + last.x : u.x;
        u.y = active ? u.y + last.y : u.y;
        u.z = active ? u.z + last.z : u.z;
        rest.du.x = active ? t.x : rest.du.x;
        rest.du.y = active ? t.y : rest.du.y;
        rest.du.z = active ? t.z : rest.du.z;
        active = active & (indefinite | !(length2 < STEP_TOLERANCE * STEP_TOLERANCE));
        if (!any_lane(active))
            break;
        descent = -(gx * last.x + gy * last.y + gz * last.z);
    }
    const pull_t p = spring_pull(spring, u);
    rest.unconverged = active;
    rest.u = u;
    rest.f = p.gz;
    rest.df = (spring->kz + p.a) * rest.du.z + p.c * p.dz * (p.dx * rest.du.x + p.dy * rest.du.y + p.dz * rest.du.z);
    return rest;
}
