// Energy for each lateral wave vector: sums of products of the tip's and the sample's planes, the tip lowered to each
// height. A work-item has WIDTH wave vectors and ROWS heights.
#include "force_fields/grid/reals.cl"

#define ROWS 4

// Adds those of ROWS heights, `first` the lowest. The sample has no planes that the tip's lowest CUT ones would meet at the
// lowest height, and none at all where the plane's number is negative.
static void add_products(global const float *restrict sample, global const float *restrict tip, int first, int planes, real *re,
                         real *im)
{
    const long plane = (long)K_X * 4 * K_Y;
    for (int p = max(0, CUT - first); p < planes + ROWS - 1; ++p) {
        global const float *at = sample + (first + p - CUT) * plane;
        const real s_re = load_real(at), s_im = load_real(at + K_Y);
        UNROLL for (int r = 0; r < ROWS; ++r) {
            const int t = p - r;
            if (t >= 0 && t < planes) {
                const real t_re = load_real(tip + t * plane), t_im = load_real(tip + t * plane + K_Y);
                re[r] += t_re * s_re - t_im * s_im;
                im[r] += t_re * s_im + t_im * s_re;
            }
        }
    }
}

// densities, potentials: spectra of each image's planes (lateral_transform.cl); of the tips DENSITY_TIP_PLANES and
// TIP_PLANES planes; energies (M, HEIGHTS) planes, HEIGHTS a multiple of ROWS. tips: each image's tip; strengths: each
// image's A.
kernel void plane_products(global const float *restrict densities, global const float *restrict potentials,
                           global const float *restrict tip_densities, global const float *restrict tip_charges,
                           global const int *restrict tips, global const float *restrict strengths,
                           global float *restrict energies)
{
    const int row = get_global_id(1), k = get_global_id(0) * WIDTH;  // row: k_x and the sign of k_y
    const int blocks = HEIGHTS / ROWS, image = get_global_id(2) / blocks, first = (get_global_id(2) - image * blocks) * ROWS;
    if (k >= K_Y || row >= 2 * K_X)
        return;
    const size_t plane = (size_t)K_X * 4 * K_Y, at = (size_t)row * 2 * K_Y + k;
    const int tip = tips[image];
    real re[ROWS], im[ROWS];
    UNROLL for (int r = 0; r < ROWS; ++r)
        re[r] = im[r] = 0.0f;
#if DENSITY_PLANES
    add_products(densities + image * DENSITY_PLANES * plane + at, tip_densities + tip * DENSITY_TIP_PLANES * plane + at, first,
                 DENSITY_TIP_PLANES, re, im);
    UNROLL for (int r = 0; r < ROWS; ++r) {
        re[r] *= strengths[image];
        im[r] *= strengths[image];
    }
#endif
    add_products(potentials + image * PLANES * plane + at, tip_charges + tip * TIP_PLANES * plane + at, first, TIP_PLANES, re,
                 im);
    global float *out = energies + (image * HEIGHTS + first) * plane + at;
    UNROLL for (int r = 0; r < ROWS; ++r) {
        store_real(re[r], out + r * plane);
        store_real(im[r], out + r * plane + K_Y);
    }
}

// planes (M, HEIGHTS, 2 H_X, 2 H_Y) to coefficients, laid out as energy_spline.cl reads them: the spline along z, by a matrix
// (HEIGHTS, HEIGHTS) with what the planes are weighted by.
kernel void prefilter_z(global const float *restrict planes, global const float *restrict matrix,
                        global float *restrict coefficients)
{
    const int y = get_global_id(0) * WIDTH, x = get_global_id(1), image = get_global_id(2);
    if (y >= 2 * H_Y || x >= 2 * H_X)
        return;
    global const float *in = planes + ((size_t)image * HEIGHTS * 2 * H_X + x) * 2 * H_Y + y;
    real out[HEIGHTS];
    for (int z = 0; z < HEIGHTS; ++z)
        out[z] = 0.0f;
    for (int p = 0; p < HEIGHTS; ++p) {
        const real value = load_real(in + (size_t)p * 4 * H_X * H_Y);
        for (int z = 0; z < HEIGHTS; ++z)
            out[z] += matrix[p * HEIGHTS + z] * value;
    }
#if WIDTH == 8
    global float *to = coefficients + (((size_t)image * 2 * H_X + x) * 2 * H_Y + y) * HEIGHTS;
    for (int lane = 0; lane < WIDTH; ++lane)
        for (int z = 0; z < HEIGHTS; ++z)
            to[lane * HEIGHTS + z] = ((const float *)&out[z])[lane];
#else
    global float *to = coefficients + ((size_t)image * HEIGHTS * 2 * H_X + x) * 2 * H_Y + y;
    for (int z = 0; z < HEIGHTS; ++z)
        to[(size_t)z * 4 * H_X * H_Y] = out[z];
#endif
}
