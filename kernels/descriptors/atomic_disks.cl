// The sum of cones on the atoms near the top (physics.md §7). Records: x, y, weight, 1 / covalent radius.
#include "opencl/pixels.cl"

kernel void atomic_disks(MAP_PARAMETERS)
{
    MAP_PIXEL
    real sum = 0.0f;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const float4 at = records[i];
        const real dx = x - at.x, dy = y - at.y;
        sum += at.z * vmax(1.0f - at.w * vsqrt(dx * dx + dy * dy), (real)(0.0f));
    }
    store_pixels(row, iy, ny, sum);
}
