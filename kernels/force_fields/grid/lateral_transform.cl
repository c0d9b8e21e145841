// Lateral Fourier transforms of planes as products with matrices of cosines and sines: sizes need no factors, parts that
// nobody needs are not made, and points that mirror each other share a multiplication. Complex numbers lie as rows of real
// parts followed by rows of imaginary parts. Work-items have WIDTH neighbours of the contiguous axis and a block of others.
//
// Planes have all points or every second one, in the first part of their memory (resample.cl); a point on the box's first line along x or y is 0. Energies are smooth: only wave numbers below those
// that every second point has are kept, KEPT_X and KEPT_Y of them; K_X, K_Y: the same rounded up to whole blocks of 8. Spectra
// have for each k_x ≥ 0 the rows +k_y and −k_y.
#include "force_fields/grid/reals.cl"
#include <resampling_t>

static void store_reversed(real value, global float *last)
{
#if WIDTH == 8
    vstore8(value.s76543210, 0, last - 7);
#else
    last[0] = value;
#endif
}

#define BLOCK 8

// BLOCK neighbouring numbers at a multiple of BLOCK, as an array.
#if WIDTH == 8
#define LOAD_BLOCK(name, at) global const float *name = at
#else
#define LOAD_BLOCK(name, at)                                                                                           \
    const float4 name##_lo = ((global const float4 *)(at))[0], name##_hi = ((global const float4 *)(at))[1];           \
    const float name[BLOCK] = {name##_lo.x, name##_lo.y, name##_lo.z, name##_lo.w,                                     \
                               name##_hi.x, name##_hi.y, name##_hi.z, name##_hi.w}
#endif

// Whether a plane, the number `index` of those of all images that begin at plane `first`, has every second point only.
static int is_coarse(global const resampling_t *images, int index, int planes, int first)
{
    const int image = index / planes, plane = first + index - image * planes;
    return plane < images[image].fine[0] || plane >= images[image].fine[1];
}

// planes (P, N_X, N_Y) to rows (P, K_X, 2, N_Y): along x. cosines, sines (N_X / 2, K_X). The images have `number` planes each,
// from plane `first` on.
kernel void forward_x(global const resampling_t *restrict images, const int number, const int first,
                      global const float *restrict planes, global const float *restrict cosines,
                      global const float *restrict sines, global float *restrict rows)
{
    const int coarse = is_coarse(images, get_global_id(2), number, first), n_x = N_X >> coarse, n_y = N_Y >> coarse;
    const int y = get_global_id(0) * WIDTH, k = get_global_id(1) * BLOCK;
    if (y >= n_y || k >= K_X)
        return;
    global const float *in = planes + (size_t)get_global_id(2) * N_X * N_Y + n_x / 2 * n_y + y;
    real re[BLOCK], im[BLOCK];
    const real middle = load_real(in);
    UNROLL for (int b = 0; b < BLOCK; ++b) {
        re[b] = middle;
        im[b] = 0.0f;
    }
    for (int x = 1; x < n_x / 2; ++x) {
        const real right = load_real(in + x * n_y), left = load_real(in - x * n_y);
        const real even = right + left, odd = left - right;
        LOAD_BLOCK(c, cosines + (x << coarse) * K_X + k);
        LOAD_BLOCK(s, sines + (x << coarse) * K_X + k);
        UNROLL for (int b = 0; b < BLOCK; ++b) {
            re[b] += c[b] * even;
            im[b] += s[b] * odd;
        }
    }
    global float *out = rows + (size_t)get_global_id(2) * K_X * 2 * N_Y + k * 2 * n_y + y;
    UNROLL for (int b = 0; b < BLOCK; ++b) {
        store_real(re[b], out + 2 * b * n_y);
        store_real(im[b], out + (2 * b + 1) * n_y);
    }
}

// rows (P, K_X, 2, N_Y) to spectra (P, K_X, 2 signs, 2, K_Y): along y. cosines, sines (N_Y / 2, K_Y).
kernel void forward_y(global const resampling_t *restrict images, const int number, const int first,
                      global const float *restrict rows, global const float *restrict cosines,
                      global const float *restrict sines, global float *restrict spectra)
{
    const int items = K_Y / (VECTORS * WIDTH);
    const int item = get_global_id(0), row = get_global_id(1);
    if (item >= items || row >= K_X)
        return;
    const int coarse = is_coarse(images, get_global_id(2), number, first), n_y = N_Y >> coarse;
    global const float *in = rows + ((size_t)get_global_id(2) * K_X * N_Y + row * n_y) * 2 + n_y / 2;
    real even_re[VECTORS], even_im[VECTORS], odd_re[VECTORS], odd_im[VECTORS];
    UNROLL for (int v = 0; v < VECTORS; ++v) {
        even_re[v] = in[0];
        even_im[v] = in[n_y];
        odd_re[v] = odd_im[v] = 0.0f;
    }
    for (int y = 1; y < n_y / 2; ++y) {
        const float right_re = in[y], left_re = in[-y], right_im = in[n_y + y], left_im = in[n_y - y];
        const real e_re = right_re + left_re, e_im = right_im + left_im;
        const real o_re = right_re - left_re, o_im = right_im - left_im;
        UNROLL for (int v = 0; v < VECTORS; ++v) {
            const real c = load_real(cosines + (y << coarse) * K_Y + (v * items + item) * WIDTH);
            const real s = load_real(sines + (y << coarse) * K_Y + (v * items + item) * WIDTH);
            even_re[v] += c * e_re;
            even_im[v] += c * e_im;
            odd_re[v] += s * o_re;
            odd_im[v] += s * o_im;
        }
    }
    const float points = coarse ? 4.0f : 1.0f;  // that a point stands for
    global float *out = spectra + ((size_t)get_global_id(2) * K_X + row) * 4 * K_Y;
    UNROLL for (int v = 0; v < VECTORS; ++v) {
        global float *to = out + (v * items + item) * WIDTH;
        store_real(points * (even_re[v] + odd_im[v]), to);
        store_real(points * (even_im[v] - odd_re[v]), to + K_Y);
        store_real(points * (even_re[v] - odd_im[v]), to + 2 * K_Y);
        store_real(points * (even_im[v] + odd_re[v]), to + 3 * K_Y);
    }
}

// spectra (P, K_X, 2 signs, 2, K_Y) to rows (P, K_X, 2, 2 H_Y): along y, from −H_Y + 1 to H_Y − 1; the last is 0.
// cosines, sines (K_Y, H_Y).
kernel void inverse_y(global const float *restrict spectra, global const float *restrict cosines,
                      global const float *restrict sines, global float *restrict rows)
{
    const int items = H_Y / (Y_VECTORS * WIDTH);
    const int item = get_global_id(0), row = get_global_id(1);
    if (item >= items || row >= K_X)
        return;
    const size_t at = (size_t)get_global_id(2) * K_X + row;
    global const float *in = spectra + at * 4 * K_Y;
    real even_re[Y_VECTORS], even_im[Y_VECTORS], odd_re[Y_VECTORS], odd_im[Y_VECTORS];
    UNROLL for (int v = 0; v < Y_VECTORS; ++v)
        even_re[v] = even_im[v] = odd_re[v] = odd_im[v] = 0.0f;
    for (int k = 0; k < KEPT_Y; ++k) {
        const float plus_re = in[k], plus_im = in[K_Y + k], minus_re = in[2 * K_Y + k], minus_im = in[3 * K_Y + k];
        const real e_re = plus_re + minus_re, e_im = plus_im + minus_im;
        const real o_re = plus_re - minus_re, o_im = plus_im - minus_im;
        UNROLL for (int v = 0; v < Y_VECTORS; ++v) {
            const real c = load_real(cosines + k * H_Y + (v * items + item) * WIDTH);
            const real s = load_real(sines + k * H_Y + (v * items + item) * WIDTH);
            even_re[v] += c * e_re;
            even_im[v] += c * e_im;
            odd_re[v] += s * o_im;
            odd_im[v] += s * o_re;
        }
    }
    global float *out = rows + at * 4 * H_Y + H_Y - 1;
    if (item == 0)
        out[H_Y] = out[3 * H_Y] = 0.0f;
    UNROLL for (int v = 0; v < Y_VECTORS; ++v) {
        const int y = (v * items + item) * WIDTH;
        store_reversed(even_re[v] + odd_re[v], out - y);
        store_reversed(even_im[v] - odd_im[v], out + 2 * H_Y - y);
        store_real(even_re[v] - odd_re[v], out + y);
        store_real(even_im[v] + odd_im[v], out + 2 * H_Y + y);
    }
}

// rows (P, K_X, 2, 2 H_Y) to planes (P, 2 H_X, 2 H_Y), real: along x, from −H_X + 1 to H_X − 1; the last is 0.
// cosines, sines (K_X, H_X), H_X whole blocks.
kernel void inverse_x(global const float *restrict rows, global const float *restrict cosines,
                      global const float *restrict sines, global float *restrict planes)
{
    const int y = get_global_id(0) * WIDTH, x = get_global_id(1) * BLOCK;
    if (y >= 2 * H_Y || x >= H_X)
        return;
    global const float *in = rows + (size_t)get_global_id(2) * K_X * 4 * H_Y + y;
    real even[BLOCK], odd[BLOCK];
    UNROLL for (int b = 0; b < BLOCK; ++b)
        even[b] = odd[b] = 0.0f;
    for (int k = 0; k < KEPT_X; ++k) {
        const real re = load_real(in + (size_t)k * 4 * H_Y), im = load_real(in + (size_t)k * 4 * H_Y + 2 * H_Y);
        LOAD_BLOCK(c, cosines + k * H_X + x);
        LOAD_BLOCK(s, sines + k * H_X + x);
        UNROLL for (int b = 0; b < BLOCK; ++b) {
            even[b] += c[b] * re;
            odd[b] += s[b] * im;
        }
    }
    global float *out = planes + ((size_t)get_global_id(2) * 2 * H_X + H_X - 1) * 2 * H_Y + y;
    if (x == 0)
        store_real((real)(0.0f), out + H_X * 2 * H_Y);
    UNROLL for (int b = 0; b < BLOCK; ++b) {
        store_real(even[b] + odd[b], out - (x + b) * 2 * H_Y);
        store_real(even[b] - odd[b], out + (x + b) * 2 * H_Y);
    }
}
