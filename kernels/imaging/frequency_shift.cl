// Computes Δf from the forces at all heights (physics.md §4): slice k is the sum of n weights times F_z(k) … F_z(k + n − 1).
// The forces of a work-item are `stride` apart; four slices share each force that is read. *out receives the n_out slices of
// `lanes` pixels. Returns the lanes where a slice is not finite.
#include "opencl/vector.cl"

static mask frequency_shift(local const real *force, int stride, int nz, int n, global const float *weights, float scale,
                            int lanes, global float *out)
{
    const int n_out = nz - n + 1;
    mask not_finite = !ALL_LANES;
    for (int slice = 0; slice < n_out; slice += 4) {
        real sums[4];
        real f0 = force[slice * stride], f1 = force[min(slice + 1, nz - 1) * stride],
             f2 = force[min(slice + 2, nz - 1) * stride];
        sums[0] = sums[1] = sums[2] = sums[3] = 0.0f;
        for (int j = 0; j < n; ++j) {
            const real f3 = force[min(slice + 3 + j, nz - 1) * stride];
            const float weight = weights[j];
            sums[0] += weight * f0;
            sums[1] += weight * f1;
            sums[2] += weight * f2;
            sums[3] += weight * f3;
            f0 = f1;
            f1 = f2;
            f2 = f3;
        }
        for (int i = 0; i < 4 && slice + i < n_out; ++i) {
            const real value = scale * sums[i];
            not_finite = not_finite | !(vabs(value) < INFINITY);
#if WIDTH == 1
            if (lanes > 0)
                out[slice + i] = value;
#else
            for (int lane = 0; lane < lanes; ++lane)
                out[lane * n_out + slice + i] = ((const float *)&value)[lane];
#endif
        }
    }
    return not_finite;
}
