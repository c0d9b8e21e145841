// Bonds seen from above (physics.md §7): the largest exp(−5r)·height over elongated rods. Records: (x1, y1, z1 below the
// top, projected length), (unit vector along, rise per Å along, 0); a vertical bond has no direction and no length.
kernel void bonds(MAP_PARAMETERS, const float zmin, const float r_max, const float ellipticity)
{
    MAP_PIXEL
    real largest = 0.0f;
    for (int i = offsets[molecule]; i < offsets[molecule + 1]; ++i) {
        const float4 at = records[2 * i], along = records[2 * i + 1];
        const real dx = x - at.x, dy = y - at.y;
        const real c = dx * along.x + dy * along.y;
        const real px = dx - c * along.x, py = dy - c * along.y, e = ellipticity * (c - 0.5f * at.w);
        const real r2 = px * px + py * py + e * e;
        const real height = at.z + along.z * c;
        const real value = exponential(-5.0f * root(r2)) * (1.0f - height / zmin);
        largest = r2 < r_max * r_max && height > zmin ? larger(largest, value) : largest;
    }
    store_pixels(row, iy, ny, largest);
}
