// Shifts each slice, bilinearly between pixels.
#include "noise/pixels.cl"
#include <shift_t>

kernel void drift(global const float *restrict values, global const shift_t *restrict shifts, const int nx, const int ny,
                  const int n_out, const int first, global float *restrict out)
{
    IMAGE_PIXEL
    for (int k = 0; k < n_out; ++k) {
        const shift_t s = shifts[(size_t)image * n_out + k];
        global const float *left = values + begin + (size_t)max(min(ix + s.whole_x, nx - 1), 0) * row_length + k;
        global const float *right = values + begin + (size_t)max(min(ix + s.whole_x + 1, nx - 1), 0) * row_length + k;
        const int y = iy + s.whole_y;
        const real a = neighbours(left, y, ny, n_out), b = neighbours(left, y + 1, ny, n_out);
        const real c = neighbours(right, y, ny, n_out), d = neighbours(right, y + 1, ny, n_out);
        const real low = a + s.fraction_y * (b - a), high = c + s.fraction_y * (d - c);
        store_neighbours(out + begin + (size_t)ix * row_length + k, iy, ny, n_out, low + s.fraction_x * (high - low));
    }
}
