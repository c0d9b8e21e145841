// The statistics of slices. With DEVIATION, slice_t.scale is the reciprocal of the standard deviation, or 0 if that is 0; else
// it is 1.
#include "noise/pixels.cl"

// A pixel's values in WIDTH slices from k on; beyond the last slice its value is repeated.
static real slices_of(global const float *pixel, int k, int n_out)
{
#if WIDTH == 1
    return pixel[k];
#else
    if (k + WIDTH <= n_out)
        return vload8(0, pixel + k);
    real value;
    for (int lane = 0; lane < WIDTH; ++lane)
        ((float *)&value)[lane] = pixel[min(k + lane, n_out - 1)];
    return value;
#endif
}

typedef struct {
    real sum, lowest, highest;
} extent_t;

static extent_t join(extent_t a, extent_t b)
{
    a.sum += b.sum;
    a.lowest = vmin(a.lowest, b.lowest);
    a.highest = vmax(a.highest, b.highest);
    return a;
}

// Joins the extents of all work-items of a group, whose number is a power of two. Every one of them calls this.
static extent_t join_group(local extent_t *partial, extent_t mine)
{
    const int i = get_local_id(1) * get_local_size(0) + get_local_id(0);
    partial[i] = mine;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int left = get_local_size(0) * get_local_size(1) / 2; left > 0; left /= 2) {
        if (i < left)
            partial[i] = join(partial[i], partial[i + left]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const extent_t all = partial[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return all;
}

// A work-group computes WIDTH slices. Sums are taken relative to one of the values, and deviations relative to the mean, so
// that a constant slice has none and large values that vary little keep their digits.
kernel void slice_statistics(global const float *restrict values, const int nx, const int ny, const int n_out,
                         const int first, local extent_t *restrict partial, global slice_t *restrict slices)
{
    const int image = get_global_id(2), k = get_group_id(1) * WIDTH;
    const int from = max(min(k, n_out - WIDTH), 0);
    const size_t slices_before = (size_t)(image - first) * n_out;
    global const float *pixels = values + slices_before * nx * ny;
    const float count = (float)nx * ny;
    const real reference = slices_of(pixels, from, n_out);
    extent_t e;
    e.sum = 0.0f;
    e.lowest = e.highest = reference;
    for (int ix = get_local_id(1); ix < nx; ix += get_local_size(1)) {
        real row = 0.0f;
        for (int iy = get_local_id(0); iy < ny; iy += get_local_size(0)) {
            const real value = slices_of(pixels + ((size_t)ix * ny + iy) * n_out, from, n_out);
            row += value - reference;
            e.lowest = vmin(e.lowest, value);
            e.highest = vmax(e.highest, value);
        }
        e.sum += row;
    }
    const extent_t all = join_group(partial, e);
    const real mean = reference + all.sum / count;
    real scale = 1.0f;
#if DEVIATION
    e.sum = 0.0f;
    for (int ix = get_local_id(1); ix < nx; ix += get_local_size(1)) {
        real row = 0.0f;
        for (int iy = get_local_id(0); iy < ny; iy += get_local_size(0)) {
            const real value = slices_of(pixels + ((size_t)ix * ny + iy) * n_out, from, n_out) - mean;
            row += value * value;
        }
        e.sum += row;
    }
    const real variance = join_group(partial, e).sum / count;
    scale = variance > 0.0f ? 1.0f / vsqrt(variance) : 0.0f;
#endif
    const real range = all.highest - all.lowest;
    if (get_local_id(0) == 0 && get_local_id(1) == 0)
        for (int lane = k - from; lane < WIDTH && from + lane < n_out; ++lane) {
            slice_t s;
            s.mean = ((const float *)&mean)[lane];
            s.scale = ((const float *)&scale)[lane];
            s.range = ((const float *)&range)[lane];
            slices[slices_before + from + lane] = s;
        }
}
