// The vertical field −∂V/∂z of a sample's potential on a plane of the imaged frame (physics.md §7): the derivative of the
// spline of the potential (cubic_coefficients.cl), periodic in the sample's cell.

// planes has for each molecule the grid index of the plane's point under the centre of the map's window, and its change by
// 1 Å along the image's axes.
#include "opencl/pixels.cl"
#include <structure_t>
#include <resampling_t>

// Splits a grid index in a whole number of 0 … n − 1 and the rest, which takes its place.
static int split_index(float *u, int n)
{
    const float wrapped = fmax(*u - n * floor(*u / n), 0.0f);
    const float floored = fmin(floor(wrapped), n - 1.0f);
    *u = wrapped - floored;
    return (int)floored;
}

// The weights of the four coefficients around a point at t between the second and the third of them, and their derivatives.
static void cubic_weights(float t, float *value, float *slope)
{
    const float s = 1.0f - t;
    value[0] = s * s * s / 6.0f, slope[0] = -0.5f * s * s;
    value[1] = 2 / 3.0f - t * t * (1.0f - 0.5f * t), slope[1] = t * (1.5f * t - 2.0f);
    value[2] = 2 / 3.0f - s * s * (1.0f - 0.5f * s), slope[2] = s * (2.0f - 1.5f * s);
    value[3] = t * t * t / 6.0f, slope[3] = 0.5f * t * t;
}

// The change of the spline by 1 Å along `along`, whose components are in grid indices.
static float spline_slope(global const float *taps, global const structure_t *s, const float *t, const float *along)
{
    float x[4], y[4], z[4], dx[4], dy[4], dz[4];
    cubic_weights(t[0], x, dx);
    cubic_weights(t[1], y, dy);
    cubic_weights(t[2], z, dz);
    float sum = 0.0f;
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) {
            global const float *row = taps + i * s->stride_x + j * s->stride_y;
            float value = 0.0f, slope = 0.0f;
            for (int k = 0; k < 4; ++k) {
                value += z[k] * row[k * s->fields];
                slope += dz[k] * row[k * s->fields];
            }
            sum += (along[0] * dx[i] * y[j] + along[1] * x[i] * dy[j]) * value + along[2] * x[i] * y[j] * slope;
        }
    return sum;
}

kernel void es_map_potential(CANVAS_PARAMETERS, global const float *restrict coefficients,
                             global const structure_t *restrict structures, global const resampling_t *restrict planes)
{
    MAP_PIXEL
    global const resampling_t *plane = planes + molecule;
    global const structure_t *s = structures + plane->structure;
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
        global const float *taps = coefficients + s->begin + first[0] * s->stride_x + first[1] * s->stride_y +
                                   first[2] * s->fields + s->fields - 1;
        ((float *)&field)[lane] = -spline_slope(taps, s, u, along);
    }
    store_pixels(row, iy, ny, field);
}
