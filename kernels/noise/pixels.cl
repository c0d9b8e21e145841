// The pixels of images, for noise steps: a work-item has WIDTH neighbours along y. Values lie as imaging stores them, an image
// as [x, y, slice]; the buffers begin with image `first`.
#include "opencl/vector.cl"
#include <slice_t>

// The image, the first pixel of a work-item, and the sizes of the image.
typedef struct {
    int image, ix, iy;
    int nx, ny, n_out;
} pixel_t;

// WIDTH neighbours along y of a slice, whose values are n_out apart. Beyond the edge the last pixel is repeated.
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
