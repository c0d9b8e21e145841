// Adds a plane: its height over each pixel is a share of the slice's range.
#include "noise/pixels.cl"

typedef struct {
    real share;
} gradient_pixel_t;

static gradient_pixel_t gradient_open(global const float2 *slopes, pixel_t pixel)
{
    const float2 slope = slopes[pixel.image];
    const int nx = pixel.nx, ny = pixel.ny;
    gradient_pixel_t p;
    p.share = 0.5f * (slope.x * (2 * pixel.ix - (nx - 1)) / max(nx - 1, 1) +
                      slope.y * (2.0f * (pixel.iy + LANE_INDEX) - (ny - 1)) / max(ny - 1, 1));
    return p;
}

static real gradient_apply(gradient_pixel_t *p, real value, slice_t *slice, int k)
{
    return value + slice->range * p->share;
}
