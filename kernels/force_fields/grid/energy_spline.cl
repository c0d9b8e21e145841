// Gradient and Hessian of an energy that a quintic spline in three dimensions represents, weighted by exp(DECAY z) so that
// energies over a surface keep their digits at all heights. Coefficients are (2 H_X, 2 H_Y, HEIGHTS) where
// WIDTH is 8, else (HEIGHTS, 2 H_X, 2 H_Y); the point in the middle of the lowest plane is (H_X − 1, H_Y − 1, 0).
#include "force_fields/force_field.cl"
#include <grid_constants>
#include "force_fields/grid/quintic.cl"

// Work-items of a GPU that are neighbours along y read neighbours; a CPU reads the six coefficients along z at once.
#if WIDTH == 8
#define COLUMN_STRIDE HEIGHTS
#define PLANE_STRIDE 1
#else
#define COLUMN_STRIDE 1
#define PLANE_STRIDE (4 * H_X * H_Y)
#endif

// The whole number below u, at least 2 and at most n − 4, where all coefficients exist, and the rest in *u, from 0 to 1.
// *outside has the lanes where u had to be moved.
static integers spline_cell(real *u, int n, mask *outside)
{
    const real inside = vmin(vmax(*u, (real)(2.0f)), (real)(n - 3.0f));
    *outside = *outside | (inside != *u);
    const real whole = vmin(vfloor(inside), (real)(n - 4.0f));
    *u = inside - whole;
    return whole_number(whole);
}

// Sums over a cell's 6³ coefficients: `below` is the first of them.
#if WIDTH == 8
typedef struct {
    float gx, gy, gz, xx, xy, xz, yy, yz, zz;
} scalar_field_t;

static scalar_field_t spline_sums(global const float *below, float tx, float ty, float tz, float inverse_step)
{
    const float8 x0v = quintic(tx), x1v = quintic_slope(tx) * inverse_step;
    const float8 x2v = quintic_curvature(tx) * (inverse_step * inverse_step);
    const float8 y0v = quintic(ty), y1v = quintic_slope(ty) * inverse_step;
    const float8 y2v = quintic_curvature(ty) * (inverse_step * inverse_step);
    const float *x0 = (const float *)&x0v, *x1 = (const float *)&x1v, *x2 = (const float *)&x2v;
    const float *y0 = (const float *)&y0v, *y1 = (const float *)&y1v, *y2 = (const float *)&y2v;
    float8 s00 = 0.0f, s01 = 0.0f, s02 = 0.0f, s10 = 0.0f, s11 = 0.0f, s20 = 0.0f;
    UNROLL for (int j = 0; j < 6; ++j) {
        float8 a0 = 0.0f, a1 = 0.0f, a2 = 0.0f;
        UNROLL for (int i = 0; i < 6; ++i) {
            const float8 line = vload8(0, below + (i * 2 * H_Y + j) * COLUMN_STRIDE);
            a0 += x0[i] * line;
            a1 += x1[i] * line;
            a2 += x2[i] * line;
        }
        s00 += y0[j] * a0;
        s01 += y1[j] * a0;
        s02 += y2[j] * a0;
        s10 += y0[j] * a1;
        s11 += y1[j] * a1;
        s20 += y0[j] * a2;
    }
    // The weight's derivatives come in here: (e^(−DECAY z) s)' = e^(−DECAY z) (s' − DECAY s).
    const float8 z0 = quintic(tz), z1 = quintic_slope(tz) * inverse_step - DECAY * z0;
    const float8 z2 = quintic_curvature(tz) * (inverse_step * inverse_step) - DECAY * (2.0f * z1 + DECAY * z0);
    scalar_field_t f;
    f.gx = sum_of_taps(s10 * z0);
    f.gy = sum_of_taps(s01 * z0);
    f.gz = sum_of_taps(s00 * z1);
    f.xx = sum_of_taps(s20 * z0);
    f.xy = sum_of_taps(s11 * z0);
    f.xz = sum_of_taps(s10 * z1);
    f.yy = sum_of_taps(s02 * z0);
    f.yz = sum_of_taps(s01 * z1);
    f.zz = sum_of_taps(s00 * z2);
    return f;
}
#else
typedef field_t scalar_field_t;

static scalar_field_t spline_sums(global const float *below, float tx, float ty, float tz, float inverse_step)
{
    const taps_t x0 = quintic(tx), x1 = quintic_slope(tx), x2 = quintic_curvature(tx);
    const taps_t y0 = quintic(ty), y1 = quintic_slope(ty), y2 = quintic_curvature(ty);
    const taps_t z0 = quintic(tz);
    taps_t z1 = quintic_slope(tz), z2 = quintic_curvature(tz);
    UNROLL for (int k = 0; k < 6; ++k) {
        z1.w[k] = z1.w[k] * inverse_step - DECAY * z0.w[k];
        z2.w[k] = z2.w[k] * (inverse_step * inverse_step) - DECAY * (2.0f * z1.w[k] + DECAY * z0.w[k]);
    }
    scalar_field_t f;
    f.gx = f.gy = f.gz = f.xx = f.xy = f.xz = f.yy = f.yz = f.zz = 0.0f;
    UNROLL for (int i = 0; i < 6; ++i) {
        float s00 = 0.0f, s01 = 0.0f, s02 = 0.0f, s10 = 0.0f, s11 = 0.0f, s20 = 0.0f;
        UNROLL for (int j = 0; j < 6; ++j) {
            global const float *line = below + (i * 2 * H_Y + j) * COLUMN_STRIDE;
            float a0 = 0.0f, a1 = 0.0f, a2 = 0.0f;
            UNROLL for (int k = 0; k < 6; ++k) {
                const float c = line[k * PLANE_STRIDE];
                a0 += z0.w[k] * c;
                a1 += z1.w[k] * c;
                a2 += z2.w[k] * c;
            }
            s00 += y0.w[j] * a0;
            s01 += y0.w[j] * a1;
            s02 += y0.w[j] * a2;
            s10 += y1.w[j] * a0;
            s11 += y1.w[j] * a1;
            s20 += y2.w[j] * a0;
        }
        f.gx += x1.w[i] * s00;
        f.gy += x0.w[i] * s10;
        f.gz += x0.w[i] * s01;
        f.xx += x2.w[i] * s00;
        f.xy += x1.w[i] * s10;
        f.xz += x1.w[i] * s01;
        f.yy += x0.w[i] * s20;
        f.yz += x0.w[i] * s11;
        f.zz += x0.w[i] * s02;
    }
    f.gx *= inverse_step;
    f.gy *= inverse_step;
    f.xx *= inverse_step * inverse_step;
    f.xy *= inverse_step * inverse_step;
    f.xz *= inverse_step;
    f.yy *= inverse_step * inverse_step;
    f.yz *= inverse_step;
    return f;
}
#endif

// At (x, y, z), Å, from the middle of the lowest plane. *outside gets the lanes beyond the grid, which have its edge's.
static field_t spline_field(global const float *coefficients, float inverse_step, real x, real y, real z, mask *outside)
{
    real tx = x * inverse_step + (H_X - 1.0f), ty = y * inverse_step + (H_Y - 1.0f), tz = z * inverse_step;
    const integers ix = spline_cell(&tx, 2 * H_X - 1, outside), iy = spline_cell(&ty, 2 * H_Y - 1, outside);
    const integers iz = spline_cell(&tz, HEIGHTS, outside);
    const integers at = ((ix - 2) * (2 * H_Y) + (iy - 2)) * COLUMN_STRIDE + (iz - 2) * PLANE_STRIDE;
    const real weight = vexp(vmin(-DECAY * z, (real)(0.0f)));
    field_t f;
#if WIDTH == 8
    real sums[9];
    for (int lane = 0; lane < WIDTH; ++lane) {
        const scalar_field_t s = spline_sums(coefficients + ((const int *)&at)[lane], ((const float *)&tx)[lane],
                                             ((const float *)&ty)[lane], ((const float *)&tz)[lane], inverse_step);
        UNROLL for (int q = 0; q < 9; ++q)
            ((float *)&sums[q])[lane] = ((const float *)&s)[q];
    }
    f.gx = sums[0], f.gy = sums[1], f.gz = sums[2];
    f.xx = sums[3], f.xy = sums[4], f.xz = sums[5], f.yy = sums[6], f.yz = sums[7], f.zz = sums[8];
#else
    f = spline_sums(coefficients + at, tx, ty, tz, inverse_step);
#endif
    f.gx *= weight, f.gy *= weight, f.gz *= weight;
    f.xx *= weight, f.xy *= weight, f.xz *= weight, f.yy *= weight, f.yz *= weight, f.zz *= weight;
    return f;
}

#if HEIGHTS % 8 == 0
typedef float8 heights_t;
#define PER_VECTOR 8
#define LOAD_HEIGHTS vload8
#else
typedef float4 heights_t;
#define PER_VECTOR 4
#define LOAD_HEIGHTS vload4
#endif

// The spline along z under a point (x, y): sums over the 6² coefficients around it, for each plane.
typedef struct {
    real sums[HEIGHTS];
} spline_column_t;

static spline_column_t spline_column(global const float *coefficients, float inverse_step, real x, real y)
{
    real tx = x * inverse_step + (H_X - 1.0f), ty = y * inverse_step + (H_Y - 1.0f);
    mask outside = !ALL_LANES;
    const integers ix = spline_cell(&tx, 2 * H_X - 1, &outside), iy = spline_cell(&ty, 2 * H_Y - 1, &outside);
    const integers at = ((ix - 2) * (2 * H_Y) + (iy - 2)) * COLUMN_STRIDE;
    spline_column_t column;
    for (int lane = 0; lane < WIDTH; ++lane) {
        const taps_t wx = quintic(((const float *)&tx)[lane]), wy = quintic(((const float *)&ty)[lane]);
        global const float *below = coefficients + ((const int *)&at)[lane];
#if WIDTH == 8
        heights_t sums[HEIGHTS / PER_VECTOR];
        for (int k = 0; k < HEIGHTS / PER_VECTOR; ++k)
            sums[k] = 0.0f;
        for (int i = 0; i < 6; ++i)
            for (int j = 0; j < 6; ++j) {
                const float weight = ((const float *)&wx)[i] * ((const float *)&wy)[j];
                global const float *line = below + (i * 2 * H_Y + j) * COLUMN_STRIDE;
                UNROLL for (int k = 0; k < HEIGHTS / PER_VECTOR; ++k)
                    sums[k] += weight * LOAD_HEIGHTS(k, line);
            }
        for (int k = 0; k < HEIGHTS; ++k)
            ((float *)&column.sums[k])[lane] = ((const float *)sums)[k];
#else
        for (int k = 0; k < HEIGHTS; ++k)
            column.sums[k] = 0.0f;
        for (int i = 0; i < 6; ++i)
            for (int j = 0; j < 6; ++j) {
                const float weight = wx.w[i] * wy.w[j];
                UNROLL for (int k = 0; k < HEIGHTS; ++k)
                    column.sums[k] += weight * below[(i * 2 * H_Y + j) * COLUMN_STRIDE + k * PLANE_STRIDE];
            }
#endif
    }
    return column;
}

// The vertical gradient at the height z above the lowest plane, which all lanes share.
static real column_slope(const spline_column_t *column, float inverse_step, real z)
{
    real tz = z * inverse_step;
    mask outside = !ALL_LANES;
    const integers iz = spline_cell(&tz, HEIGHTS, &outside);
    const float t = ((const float *)&tz)[0], weight = exp(fmin(-DECAY * ((const float *)&z)[0], 0.0f));
    const taps_t value = quintic(t), slope = quintic_slope(t);
    const int below = ((const int *)&iz)[0] - 2;
    real sum = 0.0f;
    for (int k = 0; k < 6; ++k)
        sum += (((const float *)&slope)[k] * inverse_step - DECAY * ((const float *)&value)[k]) * column->sums[below + k];
    return weight * sum;
}
