// The pixels of descriptor maps: a work-item has WIDTH neighbours along y. `pixel_grids` holds for each molecule the
// distances between its pixels (x, y) and the position of their centre relative to that of the scan's window (z, w), in Å.
// The buffer `maps` has `channels` channels for each molecule and begins with molecule `first`.
#include "opencl/vector.cl"

#define CANVAS_PARAMETERS                                                                                              \
    global const float4 *restrict pixel_grids, const int nx, const int ny, const int first, const int channel,         \
        const int channels, global float *restrict maps

// A descriptor's host class makes records of the atoms, in coordinates whose origin is the centre of the map's window.
// Molecule m has the records from offsets[m] to offsets[m + 1].
#define MAP_PARAMETERS CANVAS_PARAMETERS, global const float4 *restrict records, global const int *restrict offsets

// Beyond the edge of the map the last pixel is repeated.
static real pixel_x(float step, int ix, int nx) { return step * (min(ix, nx - 1) - 0.5f * (nx - 1)); }

static real pixel_y(float step, int iy, int ny)
{
    return step * (vmin(iy + LANE_INDEX, (real)(ny - 1)) - 0.5f * (ny - 1));
}

static void store_pixels(global float *row, int iy, int ny, real value)
{
#if WIDTH == 1
    row[iy] = value;
#else
    if (iy + WIDTH <= ny)
        vstore8(value, 0, row + iy);
    else
        for (int lane = 0; iy + lane < ny; ++lane)
            row[iy + lane] = ((const float *)&value)[lane];
#endif
}

static real load_pixels(global const float *row, int iy, int ny)
{
#if WIDTH == 1
    return row[iy];
#else
    if (iy + WIDTH <= ny)
        return vload8(0, row + iy);
    real value = row[iy];
    for (int lane = 1; iy + lane < ny; ++lane)
        ((float *)&value)[lane] = row[iy + lane];
    return value;
#endif
}

static size_t map_row(int map, int channel, int channels, int ix, int nx, int ny)
{
    return ((size_t)(map * channels + channel) * nx + ix) * ny;
}

#define MAP_PIXEL                                                                                                      \
    const int molecule = get_global_id(2), ix = get_global_id(1), iy = get_global_id(0) * WIDTH;                       \
    if (ix >= nx || iy >= ny)                                                                                          \
        return;                                                                                                        \
    const real x = pixel_x(pixel_grids[molecule].x, ix, nx), y = pixel_y(pixel_grids[molecule].y, iy, ny);             \
    global float *row = maps + map_row(molecule - first, channel, channels, ix, nx, ny);
