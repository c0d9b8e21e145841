// The largest exp(−5ρ)·weight (physics.md §7), found by its logarithm: one exponential a pixel. Records: x, y, ln weight.
kernel void atom_rfunc(MAP_PARAMETERS, const float r_max)
{
    MAP_PIXEL
    real largest = -INFINITY;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const float4 at = records[i];
        const real dx = x - at.x, dy = y - at.y;
        const real r2 = dx * dx + dy * dy;
        largest = r2 < r_max * r_max ? larger(largest, at.z - 5.0f * root(r2)) : largest;
    }
    store_pixels(row, iy, ny, exponential(largest));
}
