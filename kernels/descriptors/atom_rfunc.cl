// The largest product of radial function and weight (physics.md §7). Records: x, y, ln weight, weight. For exp(−5ρ) the
// largest logarithm is found, so that a pixel needs one exponential. With RADIAL, the function is given by samples.
#include "opencl/pixels.cl"
#include "opencl/radial.cl"

#if RADIAL
kernel void atom_rfunc(MAP_PARAMETERS, RADIAL_PARAMETERS, const float r_max)
{
    MAP_PIXEL
    real largest = 0.0f;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const float4 at = records[i];
        const real dx = x - at.x, dy = y - at.y;
        const real r2 = dx * dx + dy * dy, r = vsqrt(r2);
        const mask in_range = r2 < r_max * r_max;
        if (any_lane(in_range & within_samples(count, per_step, r))) {
            const real value = radial(samples, count, per_step, r) * at.w;
            largest = in_range ? vmax(largest, value) : largest;
        }
    }
    store_pixels(row, iy, ny, largest);
}
#else
kernel void atom_rfunc(MAP_PARAMETERS, const float r_max)
{
    MAP_PIXEL
    real largest = -INFINITY;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const float4 at = records[i];
        const real dx = x - at.x, dy = y - at.y;
        const real r2 = dx * dx + dy * dy;
        largest = r2 < r_max * r_max ? vmax(largest, at.z - 5.0f * vsqrt(r2)) : largest;
    }
    store_pixels(row, iy, ny, vexp(largest));
}
#endif
