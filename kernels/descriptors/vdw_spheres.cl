// The upper halves of van der Waals spheres (physics.md §7): the highest over each pixel. Records: x, y, z
// relative to the top of the highest sphere, squared radius.
#include "opencl/pixels.cl"

kernel void vdw_spheres(MAP_PARAMETERS, const float zmin)
{
    MAP_PIXEL
    real top = zmin;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const float4 at = records[i];
        const real dx = x - at.x, dy = y - at.y;
        const real inside = at.w - dx * dx - dy * dy;
        top = inside > 0.0f ? vmax(top, at.z + vsqrt(vmax(inside, (real)(0.0f)))) : top;
    }
    store_pixels(row, iy, ny, top);
}
