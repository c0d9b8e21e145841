// Adds amplitude·range·ξ to each value; white.py defines ξ.
#include "noise/pixels.cl"
#include "opencl/random.cl"
#include <white_constants>
#include <white_t>

#if WIDTH == 8
#define LANE_NUMBERS ((uint8)(0, 1, 2, 3, 4, 5, 6, 7))
#else
#define LANE_NUMBERS 0u
#endif

typedef struct {
    global const white_t *image;
    uint2 key;
    word number;  // the fourth word of the counter for the first four slices
    int distribution;
    real xi[4];  // ξ of this slice, and of the following slices that use the same counter
} white_pixel_t;

static white_pixel_t white_open(global const white_t *images, uint2 key, int distribution, pixel_t pixel)
{
    white_pixel_t p;
    p.image = images + pixel.image;
    p.key = key;
    p.number = ((uint)pixel.ix * pixel.ny + pixel.iy + LANE_NUMBERS) * (uint)((pixel.n_out + 3) / 4);
    p.distribution = distribution;
    return p;
}

static void white_next_four(white_pixel_t *p, int k)
{
    words_t c;
    c.w[0] = p->image->counter[0], c.w[1] = p->image->counter[1], c.w[2] = p->image->counter[2];
    c.w[3] = p->number + (uint)k / 4;
    const words_t words = philox(p->key, c);
    if (p->distribution == NORMAL) {
        normal(words.w[0], words.w[1], p->xi, p->xi + 1);
        normal(words.w[2], words.w[3], p->xi + 2, p->xi + 3);
    } else {
        for (int i = 0; i < 4; ++i)
            p->xi[i] = uniform(words.w[i]);
    }
}

static real white_apply(white_pixel_t *p, real value, slice_t *slice, int k)
{
    if ((k & 3) == 0)
        white_next_four(p, k);
    const real xi = p->xi[0];
    p->xi[0] = p->xi[1], p->xi[1] = p->xi[2], p->xi[2] = p->xi[3];  // a variable index would put the array in memory
    return value + p->image->amplitude * slice->range * xi;
}
