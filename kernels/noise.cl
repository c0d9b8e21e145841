// What training sets add to images: drift, normalisation, a gradient, noise and cut-outs, in this order (noise.py).
// Values lie as imaging left them, an image as [x, y, slice]; the buffers begin with image `first`.
#define UNIFORM 1
#define NORMAL 2

typedef struct {
    int x, y;      // whole pixels
    float fx, fy;  // and the rest
} shift_t;

typedef struct {
    float gx, gy, amplitude;  // shares of a slice's range
    uint counter[3];
} grain_t;

// What is known of a slice after drift: (value − mean)·scale is its normalisation, and range its range then.
typedef struct {
    float mean, scale, range;
} slice_t;

// WIDTH neighbours along y of a slice whose values lie n_out apart. Beyond the edge the last pixel is repeated.
static real neighbours(global const float *row, int iy, int ny, int n_out)
{
    real value;
    if (iy >= 0 && iy + WIDTH <= ny)
        for (int lane = 0; lane < WIDTH; ++lane)
            ((float *)&value)[lane] = row[(iy + lane) * n_out];
    else
        for (int lane = 0; lane < WIDTH; ++lane)
            ((float *)&value)[lane] = row[max(min(iy + lane, ny - 1), 0) * n_out];
    return value;
}

static void store_neighbours(global float *row, int iy, int ny, int n_out, real value)
{
    if (iy + WIDTH <= ny)
        for (int lane = 0; lane < WIDTH; ++lane)
            row[(iy + lane) * n_out] = ((const float *)&value)[lane];
    else
        for (int lane = 0; iy + lane < ny; ++lane)
            row[(iy + lane) * n_out] = ((const float *)&value)[lane];
}

#define IMAGE_PIXEL                                                                                                    \
    const int image = get_global_id(2), ix = get_global_id(1), iy = get_global_id(0) * WIDTH;                          \
    if (ix >= nx || iy >= ny)                                                                                          \
        return;                                                                                                        \
    const size_t slices_before = (size_t)(image - first) * n_out, begin = slices_before * nx * ny;                     \
    const int row_length = ny * n_out;

kernel void noise_drift(global const float *restrict df, global const shift_t *restrict shifts, const int nx,
                        const int ny, const int n_out, const int first, global float *restrict out)
{
    IMAGE_PIXEL
    for (int k = 0; k < n_out; ++k) {
        const shift_t s = shifts[(size_t)image * n_out + k];
        global const float *left = df + begin + (size_t)max(min(ix + s.x, nx - 1), 0) * row_length + k;
        global const float *right = df + begin + (size_t)max(min(ix + s.x + 1, nx - 1), 0) * row_length + k;
        const int y = iy + s.y;
        const real a = neighbours(left, y, ny, n_out), b = neighbours(left, y + 1, ny, n_out);
        const real c = neighbours(right, y, ny, n_out), d = neighbours(right, y + 1, ny, n_out);
        const real low = a + s.fy * (b - a), high = c + s.fy * (d - c);
        store_neighbours(out + begin + (size_t)ix * row_length + k, iy, ny, n_out, low + s.fx * (high - low));
    }
}

// A pixel's values in WIDTH slices from k on; where there are fewer, the last one is repeated.
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
    real sum, least, greatest;
} extent_t;

static extent_t join(extent_t a, extent_t b)
{
    a.sum += b.sum;
    a.least = smaller(a.least, b.least);
    a.greatest = larger(a.greatest, b.greatest);
    return a;
}

// Of all work-items of a group, whose number is a power of two; every one of them must come here.
static extent_t of_group(local extent_t *partial, extent_t mine)
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

// A work-group WIDTH slices. Sums are of what lies above one of the values, and deviations of what lies above the mean:
// a constant slice has none, and digits are kept where values are large and vary little.
kernel void noise_slices(global const float *restrict values, const int nx, const int ny, const int n_out,
                         const int first, local extent_t *restrict partial, global slice_t *restrict slices)
{
    const int image = get_global_id(2), k = get_group_id(1) * WIDTH;
    const int from = max(min(k, n_out - WIDTH), 0);
    const size_t slices_before = (size_t)(image - first) * n_out;
    global const float *pixels = values + slices_before * nx * ny;
    const float count = (float)nx * ny;
    const real about = slices_of(pixels, from, n_out);
    extent_t e;
    e.sum = 0.0f;
    e.least = e.greatest = about;
    for (int ix = get_local_id(1); ix < nx; ix += get_local_size(1)) {
        real row = 0.0f;
        for (int iy = get_local_id(0); iy < ny; iy += get_local_size(0)) {
            const real value = slices_of(pixels + ((size_t)ix * ny + iy) * n_out, from, n_out);
            row += value - about;
            e.least = smaller(e.least, value);
            e.greatest = larger(e.greatest, value);
        }
        e.sum += row;
    }
    const extent_t all = of_group(partial, e);
    const real mean = about + all.sum / count;
    real scale = 1.0f;
#if NORMALISE
    e.sum = 0.0f;
    for (int ix = get_local_id(1); ix < nx; ix += get_local_size(1)) {
        real row = 0.0f;
        for (int iy = get_local_id(0); iy < ny; iy += get_local_size(0)) {
            const real value = slices_of(pixels + ((size_t)ix * ny + iy) * n_out, from, n_out) - mean;
            row += value * value;
        }
        e.sum += row;
    }
    const real variance = of_group(partial, e).sum / count;
    scale = variance > 0.0f ? 1.0f / root(variance) : 0.0f;
#endif
    const real range = (all.greatest - all.least) * scale;
    if (get_local_id(0) == 0 && get_local_id(1) == 0)
        for (int lane = k - from; lane < WIDTH && from + lane < n_out; ++lane) {
            slice_t s;
            s.mean = ((const float *)&mean)[lane];
            s.scale = ((const float *)&scale)[lane];
            s.range = ((const float *)&range)[lane];
            slices[slices_before + from + lane] = s;
        }
}

#if WIDTH == 8
#define LANES ((uint8)(0, 1, 2, 3, 4, 5, 6, 7))
#else
#define LANES 0u
#endif

// ξ of slices k … k + 3, for the pixels from number `pixel` on.
static void four(uint2 key, global const uint *counter, uint pixel, int k, int n_out, real *xi)
{
    words_t c;
    c.w[0] = counter[0], c.w[1] = counter[1], c.w[2] = counter[2];
    c.w[3] = (pixel + LANES) * (uint)((n_out + 3) / 4) + (uint)k / 4;
    const words_t words = philox(key, c);
#if NOISE == NORMAL
    normal(words.w[0], words.w[1], xi, xi + 1);
    normal(words.w[2], words.w[3], xi + 2, xi + 3);
#else
    for (int i = 0; i < 4; ++i)
        xi[i] = uniform(words.w[i]);
#endif
}

// The pixels of a work-item that are in one of the image's rectangles.
static mask cut_out(global const int4 *rectangles, int n, int ix, int iy)
{
    mask cut = !ALL_LANES;
    for (int i = 0; i < n; ++i) {
        const int4 r = rectangles[i];
        if (r.x <= ix && ix < r.z)
            cut = cut | ((iy + LANE_INDEX >= r.y) & (iy + LANE_INDEX < r.w));
    }
    return cut;
}

// All the rest, from values to out, which may be the same.
kernel void noise_values(global const float *values, global const slice_t *restrict slices,
                         global const grain_t *restrict grains, global const int4 *restrict cutouts,
                         const int rectangles, const uint2 key, const int nx, const int ny, const int n_out,
                         const int first, global float *out)
{
    IMAGE_PIXEL
    const size_t row = begin + (size_t)ix * row_length;
    global const grain_t *grain = grains + image;
    const real tilt = 0.5f * (grain->gx * (2 * ix - (nx - 1)) / max(nx - 1, 1) +
                              grain->gy * (2.0f * (iy + LANE_INDEX) - (ny - 1)) / max(ny - 1, 1));
    const mask cut = cut_out(cutouts + (size_t)image * rectangles, rectangles, ix, iy);
    for (int block = 0; block < n_out; block += 4) {
        real xi[4];
#if NOISE
        four(key, grain->counter, (uint)ix * ny + iy, block, n_out, xi);
#endif
        for (int i = 0; i < 4 && block + i < n_out; ++i) {
            const int k = block + i;
            const slice_t s = slices[slices_before + k];
            real value = neighbours(values + row + k, iy, ny, n_out);
#if NORMALISE
            value = (value - s.mean) * s.scale;
#endif
#if GRADIENT
            value += s.range * tilt;
#endif
#if NOISE
            value += grain->amplitude * s.range * xi[i];
#endif
            value = cut ? (real)(NORMALISE ? 0.0f : s.mean) : value;
            store_neighbours(out + row + k, iy, ny, n_out, value);
        }
    }
}
