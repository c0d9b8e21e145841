// vdw_spheres in channels (physics.md §7). Records as there, by molecule and channel: those of a molecule's channel c are
// offsets[molecule·count + c] …; with occlusion a channel keeps only what reaches the highest sphere of all channels.
#define AS_HIGH 0.02f  // Å

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
            top = inside > 0.0f ? larger(top, at.z + root(larger(inside, (real)(0.0f)))) : top;
        }
        highest = larger(highest, top);
        store_pixels(row + (size_t)c * nx * ny, iy, ny, top);
    }
    for (int c = 0; occlusion && c < count; ++c) {
        const real top = load_pixels(row + (size_t)c * nx * ny, iy, ny);
        store_pixels(row + (size_t)c * nx * ny, iy, ny, highest - top < AS_HIGH ? top : (real)(zmin));
    }
}
