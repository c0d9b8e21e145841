// vdw_spheres in channels (physics.md §7). Records are those of vdw_spheres by molecule and channel: channel c of a molecule
// has the records from offsets[molecule·count + c] on. With occlusion, a channel shows only what lies within OCCLUSION_DEPTH
// of the highest sphere of all channels.
#include "opencl/pixels.cl"

#define OCCLUSION_DEPTH 0.02f  // Å

kernel void multimap_spheres(MAP_PARAMETERS, const float zmin, const int count, const int occlusion)
{
    MAP_PIXEL
    real highest = zmin;
    for (int c = 0; c < count; ++c) {
        real top = zmin;
        global const int *bounds = offsets + (size_t)molecule * count + c;
        for (int i = bounds[0]; i < bounds[1]; ++i) {
            const float4 at = records[i];
            const real dx = x - at.x, dy = y - at.y;
            const real inside = at.w - dx * dx - dy * dy;
            top = inside > 0.0f ? vmax(top, at.z + vsqrt(vmax(inside, (real)(0.0f)))) : top;
        }
        highest = vmax(highest, top);
        store_pixels(row + (size_t)c * nx * ny, iy, ny, top);
    }
    for (int c = 0; occlusion && c < count; ++c) {
        const real top = load_pixels(row + (size_t)c * nx * ny, iy, ny);
        store_pixels(row + (size_t)c * nx * ny, iy, ny, highest - top < OCCLUSION_DEPTH ? top : (real)(zmin));
    }
}
