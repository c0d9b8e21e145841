// Turns the depths of a surface into heights above the map's lowest value (physics.md §7), in place.
#include "opencl/depth.cl"
#include "opencl/pixels.cl"
#include <image_t>
#include <quality>

kernel void height_map(CANVAS_PARAMETERS, global const image_t *restrict images, global const int *restrict last,
                       const float zmin, global const levels_t *restrict levels, global int *restrict quality)
{
    const int molecule = get_global_id(2), ix = get_global_id(1), iy = get_global_id(0) * WIDTH;
    if (ix >= nx || iy >= ny)
        return;
    const int image = last[molecule];
    const float step = images[image].step_z;
    const float lowest = lowest_depth(levels, molecule, -zmin / step);
    global float *row = maps + map_row(molecule - first, channel, channels, ix, nx, ny);
    const int met = meets_surface(levels, molecule);
    const real height = (lowest - load_pixels(row, iy, ny)) * step;
    store_pixels(row, iy, ny, met ? vmax(height, (real)(0.0f)) : (real)(0.0f));
    if (ix == 0 && iy == 0 && !met)
        atomic_or(quality + image, QUALITY_NO_ISO_SURFACE);
}
