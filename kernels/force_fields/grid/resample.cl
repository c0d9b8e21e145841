// The sample's density and potential on planes of the imaged frame (physics.md §8): cubic splines, periodic in the sample's
// cell, at the points of `planes`, of N_X × N_Y points around the box's centre, from the lowest up. Planes above the molecule,
// where all fields are smooth, and those so deep that a probe sees only what is smooth in them, have every second point along
// x and y, in the first quarter of their memory.
//
// A structure_t tells where the coefficients of a structure are (cubic_coefficients.cl), a resampling_t where the planes of an
// image lie in them: the index of point (i, j, k) is base + i·along_x + j·along_y + k·along_z.
#include "force_fields/grid/reals.cl"
#include <structure_t>
#include <resampling_t>

// Splits an index, wrapped to 0 … n, in a whole number below n and the rest.
static integers split(real *u, float n)
{
    const real wrapped = *u - n * vfloor(*u * (1.0f / n));
    const real inside = vmax(wrapped, (real)(0.0f));
    const real floored = vmin(vfloor(inside), (real)(n - 1.0f));
    *u = inside - floored;
    return whole_number(floored);
}

// The weights of the four coefficients around a point at t, 0 ≤ t ≤ 1, between the second and the third of them.
typedef struct {
    real w[4];
} cubic_t;

static cubic_t cubic(real t)
{
    const real s = 1.0f - t, t2 = t * t, s2 = s * s;
    cubic_t c;
    c.w[0] = s2 * s * (1 / 6.0f);
    c.w[1] = 2 / 3.0f - t2 * (1.0f - 0.5f * t);
    c.w[2] = 2 / 3.0f - s2 * (1.0f - 0.5f * s);
    c.w[3] = t2 * t * (1 / 6.0f);
    return c;
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
    return (x > 1.0e-35f) & (t > -126.0f) ? vexp2(vmax(t, (real)(-126.0f))) : (real)(0.0f);
}

// Where WIDTH points lie among a structure's coefficients: the first of each point's, and its place between the second and the
// third of these along each axis.
typedef struct {
    integers at;
    real x, y, z;
} place_t;

// The points i, j, k steps from the middle of the lowest plane.
static place_t place_of(global const structure_t *s, global const resampling_t *im, float i, real j, float k)
{
    place_t p;
    p.x = im->base[0] + i * im->along_x[0] + k * im->along_z[0] + j * im->along_y[0];
    p.y = im->base[1] + i * im->along_x[1] + k * im->along_z[1] + j * im->along_y[1];
    p.z = im->base[2] + i * im->along_x[2] + k * im->along_z[2] + j * im->along_y[2];
    const integers x0 = split(&p.x, s->n[0]), y0 = split(&p.y, s->n[1]), z0 = split(&p.z, s->n[2]);
    p.at = x0 * s->stride_x + y0 * s->stride_y + z0 * FIELDS;
    return p;
}

// Density and potential of WIDTH points.
typedef struct {
    real density, potential;
} fields_t;

#if WIDTH == 8
#define LANE(weights, m) ((const float *)&(weights).w[m])[lane]
#define ROW(i, j) (LANE(y, j) * LOAD_ROW(taps + (i) * stride_x + (j) * stride_y))
#define PLANE(i) (LANE(x, i) * ((ROW(i, 0) + ROW(i, 1)) + (ROW(i, 2) + ROW(i, 3))))

static fields_t fields_at(global const float *coefficients, int stride_x, int stride_y, const place_t *p)
{
    const cubic_t x = cubic(p->x), y = cubic(p->y), z = cubic(p->z);
    fields_t f;
    f.density = 0.0f;
    for (int lane = 0; lane < 8; ++lane) {
        global const float *taps = coefficients + ((const int *)&p->at)[lane];
        const float4 weights = (float4)(LANE(z, 0), LANE(z, 1), LANE(z, 2), LANE(z, 3));
#if FIELDS == 2
#define LOAD_ROW(row) vload8(0, row)
        const float8 sum = (PLANE(0) + PLANE(1)) + (PLANE(2) + PLANE(3));
        const float4 d = weights * sum.even, v = weights * sum.odd;
        ((float *)&f.density)[lane] = (d.x + d.y) + (d.z + d.w);
#else
#define LOAD_ROW(row) vload4(0, row)
        const float4 v = weights * ((PLANE(0) + PLANE(1)) + (PLANE(2) + PLANE(3)));
#endif
        ((float *)&f.potential)[lane] = (v.x + v.y) + (v.z + v.w);
    }
    return f;
}
#else
// Eight work-items of a GPU share the work for eight points, because eight coefficients lie side by side: one cache line at a
// time holds all that they read. COLUMNS of a group's work-items are neighbours along y.
#define COLUMNS 32
#define LINES 4
#define POINTS 8
#define PITCH (COLUMNS * LINES + 1)

// The part of work-item `e` of eight in the sums for a point.
static float part_of(global const float *coefficients, int stride_x, int stride_y, local const place_t *p, int e)
{
    global const float *taps = coefficients + p->at;
    const cubic_t x = cubic(p->x), y = cubic(p->y), z = cubic(p->z);
    const int k = FIELDS == 2 ? e >> 1 : e & 3;
    const float wz = k < 2 ? (k == 0 ? z.w[0] : z.w[1]) : (k == 2 ? z.w[2] : z.w[3]);
    float sum = 0.0f;
#if FIELDS == 2
    UNROLL for (int i = 0; i < 4; ++i) {
        UNROLL for (int j = 0; j < 4; ++j)
            sum += x.w[i] * y.w[j] * taps[i * stride_x + j * stride_y + e];
    }
#else
    const int odd = e >> 2;
    const float low = odd ? y.w[1] : y.w[0], high = odd ? y.w[3] : y.w[2];
    taps += odd * stride_y + k;
    UNROLL for (int i = 0; i < 4; ++i)
        sum += x.w[i] * (low * taps[i * stride_x] + high * taps[i * stride_x + 2 * stride_y]);
#endif
    return wz * sum;
}
#endif

// 1 where a probe in the window may feel the field at `steps` steps from the middle; from there it falls smoothly to 0 at the
// box's edge, so that the transforms need no wave numbers beyond those of the fields.
static real taper(real steps, int edge)
{
    const real t = vmin(vmax((vabs(steps) - (edge - TAPER)) * (1.0f / TAPER), (real)(0.0f)), (real)(1.0f));
    return 1.0f - t * t * t * (10.0f - t * (15.0f - 6.0f * t));
}

// Writes WIDTH points, i and j steps from the middle of a plane. limits: the largest potential of each plane, and the largest
// density.
static void write_fields(fields_t f, float exponent, global const float *limits, float i, real j, int plane,
                         global float *potentials, global float *densities)
{
    const real limit = limits[plane], weight = taper((real)(i), N_X / 2) * taper(j, N_Y / 2);
    store_real(weight * vmax(vmin(f.potential, limit), -limit), potentials);
#if FIELDS == 2
    if (plane >= DENSITY_FIRST && plane < DENSITY_FIRST + DENSITY_PLANES)
        store_real(weight * power_of(vmin(f.density, (real)(limits[PLANES + plane])), exponent), densities);
#endif
}

// potentials (M, PLANES, N_X, N_Y) and densities (M, DENSITY_PLANES, N_X, N_Y) of the structures' FIELDS.
#if WIDTH == 1
__attribute__((reqd_work_group_size(COLUMNS, LINES, 1)))
#endif
kernel void resample(global const float *restrict coefficients, global const structure_t *restrict structures,
                     global const resampling_t *restrict images, global const float *restrict limits,
                     global float *restrict densities, global float *restrict potentials)
{
    const int image = get_global_id(2) / PLANES, plane = get_global_id(2) - image * PLANES;
    global const resampling_t *im = images + image;
    const int coarse = plane < im->fine[0] || plane >= im->fine[1], n_x = N_X >> coarse, n_y = N_Y >> coarse;
    global const structure_t *s = structures + im->structure;
    const int ix = get_global_id(1), iy = get_global_id(0) * WIDTH;
    const float i = (ix - n_x / 2) << coarse;
#if WIDTH == 8
    if (iy >= n_y || ix >= n_x)
        return;
    const real j = (1 << coarse) * (iy - n_y / 2 + LANE_INDEX);
    const place_t p = place_of(s, im, i, j, plane);
    const fields_t f = fields_at(coefficients + s->begin, s->stride_x, s->stride_y, &p);
#else
    local float parts[POINTS * PITCH];
    local place_t places[COLUMNS * LINES];
    const int item = get_local_id(1) * COLUMNS + get_local_id(0), e = item % POINTS;
    const float j = (iy - n_y / 2) << coarse;
    const int needed = iy - get_local_id(0) < n_y && ix - get_local_id(1) < n_x;  // by any of the group
    if (needed)
        places[item] = place_of(s, im, i, j, plane);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (needed)
        for (int point = 0; point < POINTS; ++point)
            parts[point * PITCH + item] =
                part_of(coefficients + s->begin, s->stride_x, s->stride_y, places + item - e + point, e);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (iy >= n_y || ix >= n_x)
        return;
    local const float *own = parts + e * PITCH + item - e;
    const float even = (own[0] + own[2]) + (own[4] + own[6]), odd = (own[1] + own[3]) + (own[5] + own[7]);
    fields_t f;
    f.density = even;
    f.potential = FIELDS == 2 ? odd : even + odd;
#endif
    const size_t size = (size_t)N_X * N_Y, to = (size_t)ix * n_y + iy;
    write_fields(f, im->exponent, limits, i, j, plane, potentials + (image * PLANES + plane) * size + to,
                 densities + (image * DENSITY_PLANES + plane - DENSITY_FIRST) * size + to);
}
