// The vertical field −∂V/∂z of a sample's potential on a plane of the imaged frame (physics.md §7): the derivative of the
// quintic spline through the potential's values, periodic in the sample's cell.

// planes has for each molecule the grid index of the plane's point under the centre of the map's window, and its change by
// 1 Å along the image's axes.
#include "opencl/pixels.cl"
#include <structure_t>
#include <resampling_t>
#include "force_fields/grid/quintic.cl"

// Splits a grid index in a whole number of 0 … n − 1 and the rest, which takes its place.
static int split_index(float *u, int n)
{
    const float wrapped = fmax(*u - n * floor(*u / n), 0.0f);
    const float floored = fmin(floor(wrapped), n - 1.0f);
    *u = wrapped - floored;
    return (int)floored;
}

// The change of the spline by 1 Å along `along`, whose components are in grid indices.
static float spline_slope(global const float *taps, int stride_x, int stride_y, const float *t, const float *along)
{
    const taps_t wx = quintic(t[0]), wy = quintic(t[1]), wz = quintic(t[2]);
    const taps_t dx = quintic_slope(t[0]), dy = quintic_slope(t[1]), dz = quintic_slope(t[2]);
    const float *ax = (const float *)&wx, *ay = (const float *)&wy, *az = (const float *)&wz;
    const float *bx = (const float *)&dx, *by = (const float *)&dy, *bz = (const float *)&dz;
    float sum = 0.0f;
    for (int i = 0; i < 6; ++i)
        for (int j = 0; j < 6; ++j) {
            global const float *row = taps + i * stride_x + j * stride_y;
            float value = 0.0f, slope = 0.0f;
            for (int k = 0; k < 6; ++k) {
                value += az[k] * row[k];
                slope += bz[k] * row[k];
            }
            sum += (along[0] * bx[i] * ay[j] + along[1] * ax[i] * by[j]) * value + along[2] * ax[i] * ay[j] * slope;
        }
    return sum;
}

kernel void es_map_potential(CANVAS_PARAMETERS, global const float *restrict coefficients,
                             global const structure_t *restrict structures, global const resampling_t *restrict planes)
{
    MAP_PIXEL
    global const resampling_t *plane = planes + molecule;
    global const structure_t *s = structures + plane->structure;
    const int stride_y = s->n[2] + 8, stride_x = (s->n[1] + 5) * stride_y;
    const float along[3] = {plane->along_z[0], plane->along_z[1], plane->along_z[2]};
    real field;
    for (int lane = 0; lane < WIDTH; ++lane) {
        const float u_x = ((const float *)&x)[lane], u_y = ((const float *)&y)[lane];
        float u[3];
        int first[3];
        for (int axis = 0; axis < 3; ++axis) {
            u[axis] = plane->base[axis] + u_x * plane->along_x[axis] + u_y * plane->along_y[axis];
            first[axis] = split_index(u + axis, s->n[axis]);
        }
        global const float *taps = coefficients + s->potential + first[0] * stride_x + first[1] * stride_y + first[2];
        ((float *)&field)[lane] = -spline_slope(taps, stride_x, stride_y, u, along);
    }
    store_pixels(row, iy, ny, field);
}
