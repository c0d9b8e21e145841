// The vertical Coulomb field on a surface (physics.md §7) whose depths are in the next channel; 0 where the height is 0.
// Records: x, y, z, relative to the unloaded probe under the highest tip in the centre of the window; C·q.
#include "opencl/depth.cl"
#include "opencl/pixels.cl"
#include <image_t>

kernel void es_map(MAP_PARAMETERS, global const image_t *restrict images, global const int *restrict last,
                   const float zmin, global const levels_t *restrict levels)
{
    MAP_PIXEL
    const float step = images[last[molecule]].step_z;
    const float lowest = lowest_depth(levels, molecule, -zmin / step);
    const real depth = load_pixels(maps + map_row(molecule - first, channel + 1, channels, ix, nx, ny), iy, ny);
    const mask above = meets_surface(levels, molecule) ? depth < lowest : !ALL_LANES;
    const real z = above ? -step * depth : (real)(0.0f);
    real sum = 0.0f;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const float4 at = records[i];
        const real dx = x - at.x, dy = y - at.y, dz = z - at.z;
        const real ri = vrsqrt(vmax(dx * dx + dy * dy + dz * dz, (real)(1.0e-8f)));
        sum += at.w * dz * (ri * ri * ri);
    }
    store_pixels(row, iy, ny, above ? sum : (real)(0.0f));
}
