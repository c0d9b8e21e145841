// The sample's density and potential on planes of the imaged frame (physics.md §8): quintic splines, periodic in the
// sample's cell, evaluated at the points of `planes`, of N_X × N_Y points around the box's centre, from the lowest up.

// A structure_t tells where the coefficients of a structure are: n points along each axis, padded as in splines.py, so that
// no index wraps. A resampling_t tells where the planes of an image lie in them: the grid index of point (i, j, k) is
// base + i·along_x + j·along_y + k·along_z; VALUE_LIMITS are for nuclei that stand between the planes that a probe
// reaches, as those of periodic images beside the window may: they would take the digits of everything else.
#include "opencl/vector.cl"
#include <structure_t>
#include <resampling_t>
#include "force_fields/grid/quintic.cl"

#if WIDTH == 8
typedef int8 integers;
#define AS_INTEGERS as_int8
#else
typedef int integers;
#define AS_INTEGERS as_int
#endif

// Splits a grid index, wrapped to 0 … n, in a whole number below n and the rest.
static integers split(real *u, float n)
{
    const real wrapped = *u - n * vfloor(*u * (1.0f / n));
    const real inside = vmax(wrapped, (real)(0.0f));
    const real floored = vmin(vfloor(inside), (real)(n - 1.0f));
    *u = inside - floored;
    return AS_INTEGERS(floored + 12582912.0f) - 0x4b400000;
}

static real vload_real(const float *values)
{
#if WIDTH == 8
    return vload8(0, values);
#else
    return values[0];
#endif
}

static void vstore_real(real value, global float *at)
{
#if WIDTH == 8
    vstore8(value, 0, at);
#else
    at[0] = value;
#endif
}

// x^b for x ≥ 0, to a few units in the last place of single precision.
static real power_of(real x, float b)
{
#if WIDTH == 8
    const int8 bits = as_int8(x);
    const int8 exponent = ((bits - 0x3f3504f3) >> 23);
    const real m = as_float8(bits - (exponent << 23)) - 1.0f;  // √½ − 1 … √2 − 1
    const real e = convert_float8(exponent);
#else
    const int bits = as_int(x);
    const int exponent = ((bits - 0x3f3504f3) >> 23);
    const real m = as_float(bits - (exponent << 23)) - 1.0f;
    const real e = (float)exponent;
#endif
    // ln(1 + m) = 2 artanh(s), s = m / (2 + m)
    const real s = m / (2.0f + m), s2 = s * s;
    const real ln = 2.0f * s * (1.0f + s2 * (0.33333333f + s2 * (0.2f + s2 * (0.14285714f + s2 * 0.11111111f))));
    const real t = b * (e + ln * 1.44269504f);
    const real clipped = t < -126.0f ? (real)(-126.0f) : t;
    const real shifted = clipped + 12582912.0f;
    const real f = (clipped - (shifted - 12582912.0f)) * 0.69314718f;
    const real p = 1.0f + f * (1.0f + f * (0.5f + f * (1.6666667e-1f + f * (4.1666667e-2f + f * (8.3333333e-3f +
                   f * 1.3888889e-3f)))));
#if WIDTH == 8
    const real scaled = as_float8(as_int8(p) + (as_int8(shifted) << 23));
#else
    const real scaled = as_float(as_int(p) + (as_int(shifted) << 23));
#endif
    return (x > 1.0e-35f) & (t > -126.0f) ? scaled : (real)(0.0f);
}

#if WIDTH == 8
// Unrolled, so that six sums grow side by side; PoCL's compiler leaves loops as they are.
#define LINE(i, row)                                                                                                   \
    (wy[0] * vload8(0, row) + wy[1] * vload8(0, row + stride_y) + wy[2] * vload8(0, row + 2 * stride_y) +              \
     (wy[3] * vload8(0, row + 3 * stride_y) + wy[4] * vload8(0, row + 4 * stride_y) +                                  \
      wy[5] * vload8(0, row + 5 * stride_y)))

static float spline(global const float *taps, int stride_x, int stride_y, const float *wx, const float *wy, taps_t wz)
{
    global const float *mid = taps + 3 * stride_x;
    const float8 lower = wx[0] * LINE(0, taps) + wx[1] * LINE(1, (taps + stride_x)) + wx[2] * LINE(2, (taps + 2 * stride_x));
    const float8 upper = wx[3] * LINE(3, mid) + wx[4] * LINE(4, (mid + stride_x)) + wx[5] * LINE(5, (mid + 2 * stride_x));
    return sum_of_taps((lower + upper) * wz);
}
#else
static float spline(global const float *taps, int stride_x, int stride_y, const float *wx, const float *wy, taps_t wz)
{
    float sum = 0.0f;
    for (int i = 0; i < 6; ++i) {
        float plane = 0.0f;
        for (int j = 0; j < 6; ++j) {
            global const float *row = taps + i * stride_x + j * stride_y;
            float line = 0.0f;
            for (int k = 0; k < 6; ++k)
                line += wz.w[k] * row[k];
            plane += wy[j] * line;
        }
        sum += wx[i] * plane;
    }
    return sum;
}
#endif

// densities, potentials: for each image PLANES × N_X × N_Y; of densities the first DENSITY_PLANES are made.
kernel void resample(global const float *restrict coefficients, global const structure_t *restrict structures,
                     global const resampling_t *restrict images, const float step, global float *restrict densities,
                     global float *restrict potentials)
{
    const int iy = get_global_id(0) * WIDTH, ix = get_global_id(1);
    const int image = get_global_id(2) / PLANES, plane = get_global_id(2) - image * PLANES;
    if (iy >= N_Y || ix >= N_X)
        return;
    global const resampling_t *im = images + image;
    global const structure_t *s = structures + im->structure;
    const int stride_y = s->n[2] + 8, stride_x = (s->n[1] + 5) * stride_y;
    const int with_density = plane >= DENSITY_FIRST && plane < DENSITY_FIRST + DENSITY_PLANES;
    const float i = ix - N_X / 2, k = plane;
    const real j = iy - N_Y / 2 + LANE_INDEX;
    real ux = im->base[0] + i * im->along_x[0] + k * im->along_z[0] + j * im->along_y[0];
    real uy = im->base[1] + i * im->along_x[1] + k * im->along_z[1] + j * im->along_y[1];
    real uz = im->base[2] + i * im->along_x[2] + k * im->along_z[2] + j * im->along_y[2];
    const integers x0 = split(&ux, s->n[0]), y0 = split(&uy, s->n[1]), z0 = split(&uz, s->n[2]);
    const integers at = x0 * stride_x + y0 * stride_y + z0;
    const float *tx = (const float *)&ux, *ty = (const float *)&uy, *tz = (const float *)&uz;
    float density[WIDTH], potential[WIDTH];
    for (int lane = 0; lane < WIDTH; ++lane) {
        const taps_t wx = quintic(tx[lane]), wy = quintic(ty[lane]), wz = quintic(tz[lane]);
        global const float *taps = coefficients + ((const int *)&at)[lane];
        potential[lane] = spline(taps + s->potential, stride_x, stride_y, (const float *)&wx, (const float *)&wy, wz);
        if (with_density)
            density[lane] = spline(taps + s->density, stride_x, stride_y, (const float *)&wx, (const float *)&wy, wz);
    }
    const size_t out = ((size_t)get_global_id(2) * N_X + ix) * N_Y + iy;
    const float depth = im->depth - plane * step;
    real v = vload_real(potential);
    const float v_limit = 20.0f * exp(2.2f * fmax(depth, -1.0f));
    v = v < v_limit ? v : (real)(v_limit);
    v = v > -v_limit ? v : (real)(-v_limit);
    vstore_real(v, potentials + out);
    if (with_density) {
        real rho = vload_real(density);
        const float limit = 0.1f * exp(2.4f * fmax(depth, -1.0f));
        rho = rho < limit ? rho : (real)(limit);
        vstore_real(power_of(rho, im->exponent), densities + ((size_t)(image * DENSITY_PLANES + plane - DENSITY_FIRST) * N_X + ix) * N_Y + iy);
    }
}
