// Frequency-shift images (physics.md §1, 3, 4): a work-item follows WIDTH neighbouring pixels from the highest tip position
// to the lowest. Only images leave: df holds `rows` rows, from `row` on, of the images from `first` on.
#define NOT_CONVERGED 1
#define LEFT_THE_BOX 2
#define NOT_FINITE 8
#define MIDPOINT_TOLERANCE 2.0e-7f  // eV/Å between cubic and quintic estimates of F_z
#define TRUSTED 0.05f               // Å between predictions of where the probe comes to rest

// F_z of the last `n` heights of this work-item, in local memory; a height that completes a window gives a slice of Δf.
typedef struct {
    local real *force;
    int stride, n, n_out, lanes;
    constant const float *weight;
    float scale;
    global float *out;
    mask lost;
} cantilever_t;

static void record(cantilever_t *c, int k, real force)
{
    const int newest = k % c->n, slice = k - c->n + 1;
    c->force[newest * c->stride] = force;
    if (slice < 0)
        return;
    real sum = 0.0f;
    for (int j = newest + 1; j < c->n; ++j)
        sum += c->weight[j - newest - 1] * c->force[j * c->stride];
    for (int j = 0; j <= newest; ++j)
        sum += c->weight[j + c->n - newest - 1] * c->force[j * c->stride];
    sum *= c->scale;
    c->lost = c->lost | !(size(sum) < INFINITY);
#if WIDTH == 1
    c->out[slice] = sum;
#else
    for (int lane = 0; lane < c->lanes; ++lane)
        c->out[lane * c->n_out + slice] = ((const float *)&sum)[lane];
#endif
}

static real length2(vec v) { return v.x * v.x + v.y * v.y + v.z * v.z; }

static vec difference(vec a, vec b)
{
    vec r;
    r.x = a.x - b.x, r.y = a.y - b.y, r.z = a.z - b.z;
    return r;
}

// What Hermite's cubic through nodes a and b, `gap` above each other, adds to b's tangent at h below b.
static real bend(real ua, real da, real ub, real db, float gap, float h)
{
    const real mean = (ub - ua) / gap;
    return h * h / gap * ((db - mean) + (h + gap) / gap * (da + db - 2.0f * mean));
}

// Where to start at h below node b: extrapolated through a and b, or, where cubic and tangent disagree (the probe slipped,
// or is about to), where it was: it must find its way downhill. *sure has the lanes that are extrapolated.
static vec predict(const rest_t *a, const rest_t *b, float gap, float h, mask *sure)
{
    vec w;
    w.x = bend(a->u.x, a->du.x, b->u.x, b->du.x, gap, h);
    w.y = bend(a->u.y, a->du.y, b->u.y, b->du.y, gap, h);
    w.z = bend(a->u.z, a->du.z, b->u.z, b->du.z, gap, h);
    *sure = length2(w) < TRUSTED * TRUSTED;
    vec r;
    r.x = *sure ? b->u.x + (h * b->du.x + w.x) : b->u.x;
    r.y = *sure ? b->u.y + (h * b->du.y + w.y) : b->u.y;
    r.z = *sure ? b->u.z + (h * b->du.z + w.z) : b->u.z;
    return r;
}

// Half-way between nodes b and c, which lie h above each other: Hermite's cubic.
static real middle(real fb, real db, real fc, real dc, float h) { return 0.5f * (fb + fc) + 0.125f * h * (db - dc); }

// The quintic through a as well, another h above, for F_z. *good has the lanes where the cubic does not differ from it, in
// value nor in slope (the difference in value alone may just be changing sign).
static real middle_force(const rest_t *a, const rest_t *b, const rest_t *c, float h, mask *good)
{
    const real value = 0.0859375f * a->f + 0.5625f * b->f + 0.3515625f * c->f +
                       h * (0.0234375f * a->df + 0.28125f * b->df - 0.0703125f * c->df);
    const real off = value - middle(b->f, b->df, c->f, c->df, h);
    const real turn = 0.046875f * (a->f - c->f) + h * (0.015625f * (a->df + c->df) + 0.0625f * b->df);
    *good = (size(off) < MIDPOINT_TOLERANCE) & (size(turn) < 0.5f * MIDPOINT_TOLERANCE);
    return value;
}

static vec between(const rest_t *b, const rest_t *c, float h)
{
    vec r;
    r.x = middle(b->u.x, b->du.x, c->u.x, c->du.x, h);
    r.y = middle(b->u.y, b->du.y, c->u.y, c->du.y, h);
    r.z = middle(b->u.z, b->du.z, c->u.z, c->du.z, h);
    return r;
}

kernel void imaging(SAMPLE_PARAMETERS, global const int *restrict which, global const image_t *restrict images,
                    constant const float *restrict weight, local real *restrict history, const int nx, const int ny,
                    const int nz, const int n, const int first, const int row, const int rows,
                    global float *restrict df, global int *restrict quality)
{
    const int image = which[get_global_id(2)];
    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);
    const int line = get_global_id(1), ix = row + line, iy = get_global_id(0) * WIDTH;
    if (line >= rows || iy >= ny)
        return;
    const image_t im = images[image];
    const real x = pixel_x(im.step_x, ix, nx), y = pixel_y(im.step_y, iy, ny);
    const int n_out = nz - n + 1;
    cantilever_t cantilever;
    cantilever.stride = get_local_size(0) * get_local_size(1);
    cantilever.force = history + get_local_id(1) * get_local_size(0) + get_local_id(0);
    cantilever.n = n;
    cantilever.n_out = n_out;
    cantilever.lanes = min(ny - iy, WIDTH);
    cantilever.weight = weight;
    cantilever.scale = im.scale;
    cantilever.out = df + ((size_t)((image - first) * rows + line) * ny + iy) * n_out;
    cantilever.lost = !ALL_LANES;

    // Every second height is relaxed; the one between is interpolated where that is good enough, else relaxed as well.
    // `a` and `b` are the last two such nodes, `gap` heights apart; c waits for the height above it. Where the way down is
    // not sure, single steps are taken.
    rest_t a, b, c;
    vec start;
    start.x = start.y = start.z = 0.0f;
    mask stuck = !ALL_LANES, away = !ALL_LANES, sure = ALL_LANES, good = ALL_LANES;
    int at = 0, last = -1, gap = 0, between_nodes = 0;
    while (last < nz - 1) {
        const rest_t r = relax(&sample, &im.spring, x, y, im.step_z * (nz - 1 - at), start);
        const float stride = 2.0f * im.step_z;
        if (at == last + 2) {
            if (any_lane(r.stuck | !(length2(difference(r.u, start)) < TRUSTED * TRUSTED))) {
                at = last + 1;
                start = predict(&a, &b, gap * im.step_z, im.step_z, &sure);
                continue;
            }
            c = r;
            const real force = middle_force(&a, &b, &c, stride, &good);
            if (gap != 2 || any_lane(!good)) {
                at = last + 1;
                start = between(&b, &c, stride);
                between_nodes = 1;
                continue;
            }
            record(&cantilever, last + 1, force);
        } else {
            record(&cantilever, at, r.f);
            if (between_nodes)
                stuck = stuck | r.stuck;
            else
                c = r;
        }
        gap = between_nodes ? 2 : at - last;
        last += gap;
        if (gap == 2)
            record(&cantilever, last, c.f);
        between_nodes = 0;
        stuck = stuck | c.stuck;
        away = away | (im.spring.d0z + c.u.z > 0.0f) |
               (c.u.x * c.u.x + c.u.y * c.u.y > im.spring.r0 * im.spring.r0);
        a = b;
        b = c;
        at = min(last + 2, nz - 1);
        if (last == 0) {
            at = gap = 1;
            a.du = b.du;  // nothing is known from above: a straight line
            a.u.x = b.u.x - im.step_z * b.du.x;
            a.u.y = b.u.y - im.step_z * b.du.y;
            a.u.z = b.u.z - im.step_z * b.du.z;
        }
        start = predict(&a, &b, gap * im.step_z, (at - last) * im.step_z, &sure);
        if (at == last + 2 && any_lane(!sure)) {
            at = last + 1;
            start = predict(&a, &b, gap * im.step_z, im.step_z, &sure);
        }
    }
    const int flags = (any_lane(stuck) ? NOT_CONVERGED : 0) | (any_lane(away) ? LEFT_THE_BOX : 0) |
                      (any_lane(cantilever.lost) ? NOT_FINITE : 0);
    if (flags)
        atomic_or(quality + image, flags);
}
