// The vertical Coulomb field on a plane (physics.md §7); with POTENTIAL it is added to what the map has.
// Records: x, y, h², C·q·h with the plane's height h above the atom;
// with CUTOFF also the atom's sphere: height of its centre relative to the top of the highest sphere, squared radius, 0, 0.
#include "opencl/pixels.cl"

#if CUTOFF
kernel void es_map_constant(MAP_PARAMETERS, const float zmin)
#else
kernel void es_map_constant(MAP_PARAMETERS)
#endif
{
    MAP_PIXEL
#if POTENTIAL
    real sum = load_pixels(row, iy, ny);
#else
    real sum = 0.0f;
#endif
#if CUTOFF
    real top = zmin;
#endif
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const float4 at = records[(1 + CUTOFF) * i];
        const real dx = x - at.x, dy = y - at.y;
        const real rho2 = dx * dx + dy * dy;
        const real ri = vrsqrt(rho2 + at.z);
        sum += at.w * (ri * ri * ri);
#if CUTOFF
        const float4 sphere = records[2 * i + 1];
        const real inside = sphere.y - rho2;
        top = inside > 0.0f ? vmax(top, sphere.x + vsqrt(vmax(inside, (real)(0.0f)))) : top;
#endif
    }
#if CUTOFF
    sum = top > zmin ? sum : (real)(0.0f);
#endif
    store_pixels(row, iy, ny, sum);
}
