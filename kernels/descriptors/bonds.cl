// Bonds seen from above (physics.md §7): the largest exp(−5r)·height over elongated rods. Records: (x1, y1, z1 below the
// top, projected length), (unit vector along, rise per Å along, 0); a vertical bond has no direction and no length.
// With RADIAL, the function is given by samples.
#include "opencl/pixels.cl"
#include "opencl/radial.cl"

#if RADIAL
kernel void bonds(MAP_PARAMETERS, RADIAL_PARAMETERS, const float zmin, const float r_max, const float ellipticity)
#else
kernel void bonds(MAP_PARAMETERS, const float zmin, const float r_max, const float ellipticity)
#endif
{
    MAP_PIXEL
    real largest = 0.0f, largest_r = 0.0f, largest_weight = 0.0f;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const float4 at = records[2 * i], along = records[2 * i + 1];
        const real dx = x - at.x, dy = y - at.y;
        const real c = dx * along.x + dy * along.y;
        const real px = dx - c * along.x, py = dy - c * along.y, e = ellipticity * (c - 0.5f * at.w);
        const real r2 = px * px + py * py + e * e, r = vsqrt(r2);
        const real weight = 1.0f - (at.z + along.z * c) / zmin;
        const mask in_range = (r2 < r_max * r_max) & (weight > 0.0f);
#if RADIAL
        if (any_lane(in_range & within_samples(count, per_step, r))) {
            const real value = radial(samples, count, per_step, r) * weight;
            largest = in_range ? vmax(largest, value) : largest;
        }
#else
        // The exponential is computed only where this bond may have the largest value, by ln x ≤ x − 1.
        const mask may_win = in_range & (5.0f * (r - largest_r) * largest_weight < weight - largest_weight);
        if (any_lane(may_win)) {
            const real value = vexp(-5.0f * r) * weight;
            const mask wins = may_win & (value > largest);
            largest = wins ? value : largest;
            largest_r = wins ? r : largest_r;
            largest_weight = wins ? weight : largest_weight;
        }
#endif
    }
    store_pixels(row, iy, ny, largest);
}
