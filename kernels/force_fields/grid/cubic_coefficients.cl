// A structure's fields as cubic B-splines (splines.py), axis by axis: a coefficient is a sum over the values within REACH
// steps of it, periodic in the cell. An axis of n points gets `factor` coefficients a step; coefficient j stands at position
// j − 1 of these, so that no tap of a point in the cell wraps. The last axis goes first, while there is least to do.
// weights: rows of 2 REACH + 1; row factor − 1 + p is for the coefficients p finer steps above a value.
#include "force_fields/grid/reals.cl"

static int wrapped(int i, int n) { return (i % n + n) % n; }

// values (rows, n) to out (rows, padded). A work-item has WIDTH neighbouring values and one row of weights.
kernel void coefficients_z(global const float *restrict values, global const float *restrict weights, const int rows,
                           const int n, const int factor, const int padded, global float *restrict out)
{
    const int first = get_global_id(0) / factor * WIDTH - 1, p = get_global_id(0) % factor;
    if (factor * first >= padded || get_global_id(1) >= rows)
        return;
    global const float *row = values + (size_t)get_global_id(1) * n;
    global const float *w = weights + (factor - 1 + p) * (2 * REACH + 1);
    int at = wrapped(first - REACH, n);
    real sum = 0.0f;
    for (int t = 0; t <= 2 * REACH; ++t) {
#if WIDTH == 8
        if (at + 8 <= n)
            sum += w[t] * vload8(0, row + at);
        else
            for (int lane = 0; lane < 8; ++lane)
                ((float *)&sum)[lane] += w[t] * row[(at + lane) % n];
#else
        sum += w[t] * row[at];
#endif
        at = at + 1 == n ? 0 : at + 1;
    }
    global float *to = out + (size_t)get_global_id(1) * padded;
    for (int lane = 0; lane < WIDTH; ++lane) {
        const int j = factor * (first + lane) + p + 1;
        if (j >= 0 && j < padded)
            to[j] = ((const float *)&sum)[lane];
    }
}

// The coefficients j of WIDTH neighbouring columns of values (n, inner).
static real along_first(global const float *values, global const float *weights, int n, int factor, int inner, int j)
{
    const int i = j == 0 ? -1 : (j - 1) / factor, p = j - 1 - factor * i;
    global const float *w = weights + (factor - 1 + p) * (2 * REACH + 1);
    int at = wrapped(i - REACH, n);
    real sum = w[REACH] * load_real(values + (size_t)wrapped(i, n) * inner), other = 0.0f;
    if (at + 2 * REACH < n) {
        global const float *lower = values + (size_t)at * inner, *upper = lower + (size_t)(REACH + 1) * inner;
        UNROLL for (int t = 0; t < REACH; ++t) {
            sum += w[t] * load_real(lower + (size_t)t * inner);
            other += w[REACH + 1 + t] * load_real(upper + (size_t)t * inner);
        }
        return sum + other;
    }
    for (int t = 0; t <= 2 * REACH; ++t) {
        sum += t == REACH ? (real)(0.0f) : w[t] * load_real(values + (size_t)at * inner);
        at = at + 1 == n ? 0 : at + 1;
    }
    return sum;
}

// values (planes, n, inner) to out (planes, padded, inner).
kernel void coefficients_y(global const float *restrict values, global const float *restrict weights, const int n,
                           const int factor, const int inner, const int padded, global float *restrict out)
{
    const int column = get_global_id(0) * WIDTH, j = get_global_id(1), plane = get_global_id(2);
    if (column >= inner || j >= padded)
        return;
    const real c = along_first(values + (size_t)plane * n * inner + column, weights, n, factor, inner, j);
    store_real(c, out + ((size_t)plane * padded + j) * inner + column);
}

// values (FIELDS, n, inner) to out (padded, inner, FIELDS), from `begin` on; `level` is taken from the last field, the potential.
kernel void coefficients_x(global const float *restrict values, global const float *restrict weights, const int n,
                           const int factor, const int inner, const int padded, const float level, const int begin,
                           global float *restrict out)
{
    const int column = get_global_id(0) * WIDTH, j = get_global_id(1);
    if (column >= inner || j >= padded)
        return;
    global float *to = out + begin + ((size_t)j * inner + column) * FIELDS;
    const real a = along_first(values + column, weights, n, factor, inner, j);
#if FIELDS == 1
    store_real(a - level, to);
#else
    const real b = along_first(values + (size_t)n * inner + column, weights, n, factor, inner, j) - level;
#if WIDTH == 8
    vstore8((float8)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3), 0, to);
    vstore8((float8)(a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7), 1, to);
#else
    to[0] = a;
    to[1] = b;
#endif
#endif
}
