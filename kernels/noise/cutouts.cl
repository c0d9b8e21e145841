// Sets the pixels in rectangles to the mean of their slice.
#include "noise/pixels.cl"

typedef struct {
    mask inside;
} cutouts_pixel_t;

static cutouts_pixel_t cutouts_open(global const int4 *rectangles, int count, pixel_t pixel)
{
    cutouts_pixel_t p;
    p.inside = !ALL_LANES;
    for (int i = 0; i < count; ++i) {
        const int4 r = rectangles[(size_t)pixel.image * count + i];
        if (r.x <= pixel.ix && pixel.ix < r.z)
            p.inside = p.inside | ((pixel.iy + LANE_INDEX >= r.y) & (pixel.iy + LANE_INDEX < r.w));
    }
    return p;
}

static real cutouts_apply(cutouts_pixel_t *p, real value, slice_t *slice, int k)
{
    return p->inside ? (real)(slice->mean) : value;
}
