// Frequency-shift images (physics.md §1, 3, 4): a work-item follows WIDTH neighbouring pixels from the highest tip position
// to the lowest. Only images leave.
#define NOT_CONVERGED 1
#define LEFT_THE_BOX 2
#define NOT_FINITE 8
#define MIDPOINT_TOLERANCE 2.0e-7f  // eV/Å between cubic and quintic estimates of F_z

// F_z of the last `n` heights of this work-item, in local memory; a height that completes a window gives a slice of Δf.
typedef struct {
    local real *force;
    int stride, n;
    constant const float *weight;
    float scale;
} cantilever_t;

static real frequency_shift(const cantilever_t *c, int k)
{
    real sum = 0.0f;
    for (int j = 0; j < c->n; ++j)
        sum += c->weight[j] * c->force[((k + 1 + j) % c->n) * c->stride];
    return c->scale * sum;
}

static vec along(vec a, vec b, real t)
{
    vec r;
    r.x = a.x + t * b.x, r.y = a.y + t * b.y, r.z = a.z + t * b.z;
    return r;
}

#define TRUSTED 0.05f  // Å: how far Hermite's and the tangent's predictions may differ

// Where to start at h below node b: extrapolated through nodes a and b (h above each other) by Hermite's cubic, or, where
// that and the tangent disagree (the probe slipped, or is about to), where it was: it must find its way downhill.
static vec predict(const rest_t *a, const rest_t *b, float h)
{
    const real wx = 5.0f * (a->u.x - b->u.x) + h * (2.0f * a->du.x + 3.0f * b->du.x);
    const real wy = 5.0f * (a->u.y - b->u.y) + h * (2.0f * a->du.y + 3.0f * b->du.y);
    const real wz = 5.0f * (a->u.z - b->u.z) + h * (2.0f * a->du.z + 3.0f * b->du.z);
    const mask good = wx * wx + wy * wy + wz * wz < TRUSTED * TRUSTED;
    vec r;
    r.x = good ? b->u.x + (h * b->du.x + wx) : b->u.x;
    r.y = good ? b->u.y + (h * b->du.y + wy) : b->u.y;
    r.z = good ? b->u.z + (h * b->du.z + wz) : b->u.z;
    return r;
}

kernel void imaging(SAMPLE_PARAMETERS, global const int *restrict which, global const image_t *restrict images,
                    constant const float *restrict weight, local real *restrict history, const int nx, const int ny,
                    const int nz, const int n, global float *restrict df, global int *restrict quality)
{
    const int image = which[get_global_id(2)];
    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);
    const int ix = get_global_id(1), iy = get_global_id(0) * WIDTH;
    if (ix >= nx || iy >= ny)
        return;
    const image_t im = images[image];
    const spring_t spring = im.spring;
    const real x = pixel_x(im.step_x, ix, nx), y = pixel_y(im.step_y, iy, ny);

    cantilever_t cantilever;
    cantilever.stride = get_local_size(0) * get_local_size(1);
    cantilever.force = history + get_local_id(1) * get_local_size(0) + get_local_id(0);
    cantilever.n = n;
    cantilever.weight = weight;
    cantilever.scale = im.scale;

    const int n_out = nz - n + 1;
    global float *out = df + ((size_t)(image * nx + ix) * ny + iy) * n_out;
    mask stuck = !ALL_LANES, away = !ALL_LANES, lost = !ALL_LANES;
    const real sideways2 = spring.r0 * spring.r0;

    rest_t b;
    vec start;
    start.x = start.y = start.z = 0.0f;
    rest_t a;
    for (int k = 0; k < nz; ++k) {
        const rest_t c = relax(&sample, &spring, x, y, im.step_z * (nz - 1 - k), start, &stuck);
        away = away | (spring.d0z + c.u.z > 0.0f) | (c.u.x * c.u.x + c.u.y * c.u.y > sideways2);
        cantilever.force[(k % n) * cantilever.stride] = c.f;
        if (k >= n - 1) {
            const real slice = frequency_shift(&cantilever, k);
            lost = lost | !(fabs(slice) < INFINITY);
#if WIDTH == 1
            out[k - n + 1] = slice;
#else
            for (int lane = 0; lane < WIDTH && iy + lane < ny; ++lane)
                out[lane * n_out + k - n + 1] = ((const float *)&slice)[lane];
#endif
        }
        start = k == 0 ? along(c.u, c.du, im.step_z) : predict(&b, &c, im.step_z);
        b = c;
    }
    const int flags = (any_lane(stuck) ? NOT_CONVERGED : 0) | (any_lane(away) ? LEFT_THE_BOX : 0) |
                      (any_lane(lost) ? NOT_FINITE : 0);
    if (flags)
        atomic_or(quality + image, flags);
}
