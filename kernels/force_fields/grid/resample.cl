// The sample's density and potential on planes of the imaged frame (physics.md §8): quintic splines, periodic in the
// sample's cell, evaluated at the points of `planes`, of N_X × N_Y points around the box's centre, from the lowest up.

// A structure_t tells where the coefficients of a structure are: n points along each axis, padded as in splines.py, so that
// no index wraps. A resampling_t tells where the planes of an image lie in them: the grid index of point (i, j, k) is
// base + i·along_x + j·along_y + k·along_z.
#include "force_fields/grid/reals.cl"
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

// Writes potential and density of WIDTH points, from (i, j, k) steps of the image's planes on; a density only where `densities`
// is not 0. Nuclei that stand between the planes which a probe reaches, as those of periodic images beside the window may,
// would take the digits of everything else: values there are limited.
static void write_fields(global const float *coefficients, global const structure_t *s, global const resampling_t *im,
                         float i, real j, float k, float step, global float *potentials, global float *densities)
{
    const int stride_y = s->n[2] + 8, stride_x = (s->n[1] + 5) * stride_y;
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
        if (densities)
            density[lane] = spline(taps + s->density, stride_x, stride_y, (const float *)&wx, (const float *)&wy, wz);
    }
    const float depth = fmax(im->depth - k * step, -1.0f);
    const float limit = 20.0f * exp(2.2f * depth), density_limit = 0.1f * exp(2.4f * depth);
    store_real(vmax(vmin(vload_real(potential), (real)(limit)), (real)(-limit)), potentials);
    if (densities)
        store_real(power_of(vmin(vload_real(density), (real)(density_limit)), im->exponent), densities);
}

static int has_density(int plane) { return plane >= DENSITY_FIRST && plane < DENSITY_FIRST + DENSITY_PLANES; }

#define RESAMPLE_PARAMETERS                                                                                            \
    global const float *restrict coefficients, global const structure_t *restrict structures,                          \
        global const resampling_t *restrict images, const float step, global float *restrict densities,                \
        global float *restrict potentials

// The first planes of each image, up to `fine`: potentials (M, PLANES, N_X, N_Y) and densities (M, DENSITY_PLANES, N_X, N_Y).
kernel void resample(RESAMPLE_PARAMETERS)
{
    const int iy = get_global_id(0) * WIDTH, ix = get_global_id(1);
    const int image = get_global_id(2) / PLANES, plane = get_global_id(2) - image * PLANES;
    global const resampling_t *im = images + image;
    if (iy >= N_Y || ix >= N_X || plane >= im->fine)
        return;
    const size_t to = (size_t)ix * N_Y + iy, size = (size_t)N_X * N_Y;
    write_fields(coefficients, structures + im->structure, im, ix - N_X / 2, iy - N_Y / 2 + LANE_INDEX, plane, step,
                 potentials + (image * PLANES + plane) * size + to,
                 has_density(plane) ? densities + (image * DENSITY_PLANES + plane - DENSITY_FIRST) * size + to : 0);
}

// The planes above, where all fields are smooth, have every second point along x and y, and MARGIN such points around:
// potentials (M, PLANES, COARSE_X, COARSE_Y) and densities (M, DENSITY_PLANES, COARSE_X, COARSE_Y).
#define MARGIN 6

kernel void resample_coarse(RESAMPLE_PARAMETERS)
{
    const int iy = get_global_id(0) * WIDTH, ix = get_global_id(1);
    const int image = get_global_id(2) / PLANES, plane = get_global_id(2) - image * PLANES;
    global const resampling_t *im = images + image;
    if (iy >= COARSE_Y || ix >= COARSE_X || plane < im->fine)
        return;
    const size_t to = (size_t)ix * COARSE_Y + iy, size = (size_t)COARSE_X * COARSE_Y;
    write_fields(coefficients, structures + im->structure, im, 2 * (ix - MARGIN) - N_X / 2,
                 2.0f * (iy + LANE_INDEX - MARGIN) - N_Y / 2, plane, step, potentials + (image * PLANES + plane) * size + to,
                 has_density(plane) ? densities + (image * DENSITY_PLANES + plane - DENSITY_FIRST) * size + to : 0);
}

// Lagrange's polynomial through twelve points, in their middle.
#define MIDDLE_0 (320166 / 524288.0f)
#define MIDDLE_1 (-76230 / 524288.0f)
#define MIDDLE_2 (22869 / 524288.0f)
#define MIDDLE_3 (-5445 / 524288.0f)
#define MIDDLE_4 (847 / 524288.0f)
#define MIDDLE_5 (-63 / 524288.0f)

#define BETWEEN(load)                                                                                                  \
    (MIDDLE_0 * (load(5) + load(6)) + MIDDLE_1 * (load(4) + load(7)) + MIDDLE_2 * (load(3) + load(8)) +                \
     (MIDDLE_3 * (load(2) + load(9)) + MIDDLE_4 * (load(1) + load(10)) + MIDDLE_5 * (load(0) + load(11))))

// WIDTH points of the row of coarse points that belongs to an even x, or between two rows.
static real coarse_row(global const float *plane, int ix, int column)
{
    global const float *first = plane + (size_t)(ix / 2 + MARGIN) * COARSE_Y + column;
#define ROW(m) load_real(first + ((m) - 5) * COARSE_Y)
    return ix & 1 ? BETWEEN(ROW) : ROW(5);
}

// Makes the planes that `coarse` has at every second point, of `planes` planes an image from the `first` one on.
kernel void refine(global const resampling_t *restrict images, global const float *restrict coarse, const int planes,
                   const int first, global float *restrict fine)
{
    const int iy = get_global_id(0) * WIDTH, ix = get_global_id(1);
    const int image = get_global_id(2) / planes, plane = first + get_global_id(2) - image * planes;
    if (iy >= N_Y || ix >= N_X || plane < images[image].fine)
        return;
    global const float *from = coarse + get_global_id(2) * ((size_t)COARSE_X * COARSE_Y);
    global float *to = fine + (get_global_id(2) * (size_t)N_X + ix) * N_Y + iy;
    const int column = iy / 2 + MARGIN - 5;
#if WIDTH == 8
    float row[16];
    vstore8(coarse_row(from, ix, column), 0, row);
    vstore8(coarse_row(from, ix, column + 8), 1, row);
#define FOUR(m) vload4(0, row + (m))
    const float4 even = FOUR(5), odd = BETWEEN(FOUR);
    vstore8((float8)(even.x, odd.x, even.y, odd.y, even.z, odd.z, even.w, odd.w), 0, to);
#else
#define POINT(m) coarse_row(from, ix, column + (m))
    to[0] = iy & 1 ? BETWEEN(POINT) : POINT(5);
#endif
}
