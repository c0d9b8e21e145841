#include "force_fields/grid/reals.cl"

// Quintic B-splines: the weights of the six coefficients around a point as polynomials of its place t, 0 ≤ t < 1, between
// the third and the fourth of them, and their derivatives.
constant float QUINTIC[6][6] = {
    {1 / 120.0f, 26 / 120.0f, 66 / 120.0f, 26 / 120.0f, 1 / 120.0f, 0},
    {-5 / 120.0f, -50 / 120.0f, 0, 50 / 120.0f, 5 / 120.0f, 0},
    {10 / 120.0f, 20 / 120.0f, -60 / 120.0f, 20 / 120.0f, 10 / 120.0f, 0},
    {-10 / 120.0f, 20 / 120.0f, 0, -20 / 120.0f, 10 / 120.0f, 0},
    {5 / 120.0f, -20 / 120.0f, 30 / 120.0f, -20 / 120.0f, 5 / 120.0f, 0},
    {-1 / 120.0f, 5 / 120.0f, -10 / 120.0f, 10 / 120.0f, -5 / 120.0f, 1 / 120.0f},
};

#if WIDTH == 8
// A vector has the six weights; its last two lanes are 0.
typedef float8 taps_t;
#define TAP_ROW(a, b, c, d, e, f) ((float8)(a, b, c, d, e, f, 0, 0) / 120.0f)

static taps_t quintic(float t)
{
    return TAP_ROW(1, 26, 66, 26, 1, 0) +
           t * (TAP_ROW(-5, -50, 0, 50, 5, 0) +
                t * (TAP_ROW(10, 20, -60, 20, 10, 0) +
                     t * (TAP_ROW(-10, 20, 0, -20, 10, 0) +
                          t * (TAP_ROW(5, -20, 30, -20, 5, 0) + t * TAP_ROW(-1, 5, -10, 10, -5, 1)))));
}

static taps_t quintic_slope(float t)
{
    return TAP_ROW(-5, -50, 0, 50, 5, 0) +
           t * (TAP_ROW(20, 40, -120, 40, 20, 0) +
                t * (TAP_ROW(-30, 60, 0, -60, 30, 0) +
                     t * (TAP_ROW(20, -80, 120, -80, 20, 0) + t * TAP_ROW(-5, 25, -50, 50, -25, 5))));
}

static taps_t quintic_curvature(float t)
{
    return TAP_ROW(20, 40, -120, 40, 20, 0) +
           t * (TAP_ROW(-60, 120, 0, -120, 60, 0) +
                t * (TAP_ROW(60, -240, 360, -240, 60, 0) + t * TAP_ROW(-20, 100, -200, 200, -100, 20)));
}
static float sum_of_taps(float8 v)
{
    const float4 a = v.lo + v.hi;
    const float2 b = a.lo + a.hi;
    return b.x + b.y;
}
#else
typedef struct {
    float w[6];
} taps_t;

static taps_t quintic(float t)
{
    taps_t taps;
    for (int i = 0; i < 6; ++i)
        taps.w[i] = QUINTIC[0][i] +
                    t * (QUINTIC[1][i] + t * (QUINTIC[2][i] + t * (QUINTIC[3][i] + t * (QUINTIC[4][i] + t * QUINTIC[5][i]))));
    return taps;
}

static taps_t quintic_slope(float t)
{
    taps_t taps;
    for (int i = 0; i < 6; ++i)
        taps.w[i] = QUINTIC[1][i] +
                    t * (2 * QUINTIC[2][i] + t * (3 * QUINTIC[3][i] + t * (4 * QUINTIC[4][i] + t * (5 * QUINTIC[5][i]))));
    return taps;
}

static taps_t quintic_curvature(float t)
{
    taps_t taps;
    for (int i = 0; i < 6; ++i)
        taps.w[i] = 2 * QUINTIC[2][i] + t * (6 * QUINTIC[3][i] + t * (12 * QUINTIC[4][i] + t * (20 * QUINTIC[5][i])));
    return taps;
}
#endif
