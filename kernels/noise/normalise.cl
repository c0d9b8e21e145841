// Replaces each value v by (v − mean)·scale, where scale is 1/std, or 0 for a constant slice.
#include "noise/pixels.cl"

typedef struct {
    int unused;
} normalise_pixel_t;

static normalise_pixel_t normalise_open(pixel_t pixel)
{
    const normalise_pixel_t p = {0};
    return p;
}

static real normalise_apply(normalise_pixel_t *p, real value, slice_t *slice, int k)
{
    value = (value - slice->mean) * slice->scale;
    slice->range *= slice->scale;
    slice->mean = 0.0f;
    slice->scale = 1.0f;
    return value;
}
