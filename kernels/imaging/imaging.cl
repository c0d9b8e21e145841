// Frequency-shift images (physics.md §1, 3, 4): a work-item follows WIDTH neighbouring pixels from the highest tip position
// to the lowest. Only the images are stored: df holds `rows` rows, from `row` on, of the images from `first` on.
#include "imaging/frequency_shift.cl"
#include "imaging/relax.cl"
#include "opencl/pixels.cl"
#include <image_t>
#include <quality>

#define COARSE_TOLERANCE FORCE_TOLERANCE        // eV/Å between the cubic and the quintic estimate of F_z
#define FINE_TOLERANCE (2.5f * FORCE_TOLERANCE)  // eV/Å between the estimates of fifth and seventh order
#define TRUST_RADIUS 0.05f                      // Å between two predictions of the position where the probe comes to rest

static real length2(vec v) { return v.x * v.x + v.y * v.y + v.z * v.z; }

static vec difference(vec a, vec b)
{
    vec r;
    r.x = a.x - b.x, r.y = a.y - b.y, r.z = a.z - b.z;
    return r;
}

// The difference between Hermite's cubic through nodes a and b, `gap` apart, and the tangent at b, at h below b.
static real curvature_term(real ua, real da, real ub, real db, float gap, float h)
{
    const real mean = (ub - ua) / gap;
    return h * h / gap * ((db - mean) + (h + gap) / gap * (da + db - 2.0f * mean));
}

// The displacement from which to relax at h below node b: extrapolated through a and b or, where cubic and tangent disagree
// (the probe has slipped or is about to), that of node b. *sure receives the lanes that are extrapolated.
static vec predict(const rest_t *a, const rest_t *b, float gap, float h, mask *sure)
{
    vec w;
    w.x = curvature_term(a->u.x, a->du.x, b->u.x, b->du.x, gap, h);
    w.y = curvature_term(a->u.y, a->du.y, b->u.y, b->du.y, gap, h);
    w.z = curvature_term(a->u.z, a->du.z, b->u.z, b->du.z, gap, h);
    *sure = length2(w) < TRUST_RADIUS * TRUST_RADIUS;
    vec r;
    r.x = *sure ? b->u.x + (h * b->du.x + w.x) : b->u.x;
    r.y = *sure ? b->u.y + (h * b->du.y + w.y) : b->u.y;
    r.z = *sure ? b->u.z + (h * b->du.z + w.z) : b->u.z;
    return r;
}

// Hermite's cubic half-way between nodes b and c, which are h apart.
static real middle(real fb, real db, real fc, real dc, float h) { return 0.5f * (fb + fc) + 0.125f * h * (db - dc); }

// The quintic at the same place, through the next node a beyond b as well.
static real middle_of_three(real fa, real da, real fb, real db, real fc, real dc, float h)
{
    return 0.0859375f * fa + 0.5625f * fb + 0.3515625f * fc + h * (0.0234375f * da + 0.28125f * db - 0.0703125f * dc);
}

// F_z half-way between nodes b and c, which are h apart. `above` and `below` are set if node a is h above b and node d is h
// below c, so that they can be used. *good receives the lanes where polynomials of two orders agree. The lower order is two
// quintics, whose errors do not both change sign at the same place, or a cubic, whose slope must agree too.
static real middle_force(const rest_t *a, const rest_t *b, const rest_t *c, const rest_t *d, int above, int below, float h,
                         mask *good)
{
    const real upper = middle_of_three(a->f, a->df, b->f, b->df, c->f, c->df, h);
    const real lower = middle_of_three(d->f, -d->df, c->f, -c->df, b->f, -b->df, h);
    const real cubic = middle(b->f, b->df, c->f, c->df, h);
    if (above & below) {
        const real septic = 0.025390625f * (a->f + d->f) + 0.474609375f * (b->f + c->f) +
                            h * (0.005859375f * (a->df - d->df) + 0.158203125f * (b->df - c->df));
        *good = (vabs(septic - upper) < FINE_TOLERANCE) & (vabs(septic - lower) < FINE_TOLERANCE);
        return septic;
    }
    const real outer = above ? a->f - c->f : b->f - d->f;
    const real slopes = above ? a->df + c->df : b->df + d->df;
    const real turn = 0.046875f * outer + h * (0.015625f * slopes + 0.0625f * (above ? b->df : c->df));
    const real quintic = above ? upper : lower;
    *good = (vabs(quintic - cubic) < COARSE_TOLERANCE) & (vabs(turn) < 0.5f * COARSE_TOLERANCE);
    if (!(above | below))
        *good = !ALL_LANES;
    return quintic;
}

// The displacement half-way between nodes b and c.
static vec between(const rest_t *b, const rest_t *c, float h)
{
    vec r;
    r.x = middle(b->u.x, b->du.x, c->u.x, c->du.x, h);
    r.y = middle(b->u.y, b->du.y, c->u.y, c->du.y, h);
    r.z = middle(b->u.z, b->du.z, c->u.z, c->du.z, h);
    return r;
}

kernel void imaging(SAMPLE_PARAMETERS, global const int *restrict list, global const image_t *restrict images,
                    global const float *restrict weights, local real *restrict history, const int nx, const int ny,
                    const int first, const int row, const int rows, global float *restrict df,
                    global int *restrict quality)
{
    const int image = list[get_global_id(2)];
    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);
    const int line = get_global_id(1), iy = get_global_id(0) * WIDTH;
    const image_t im = images[image];
    const int nz = im.nz;
    const real x = pixel_x(im.step_x, row + line, nx), y = pixel_y(im.step_y, iy, ny);
    local real *force = history + get_local_id(1) * get_local_size(0) + get_local_id(0);
    const int items = get_local_size(0) * get_local_size(1);

    // Every second height is relaxed: a node. The height between two nodes is interpolated if that is accurate enough, else
    // relaxed as well. b and c are the last two nodes, a is the one before, d is the next. Where the extrapolation is not
    // sure, every height is a node.
    rest_t a, b, c, d;
    vec start;
    start.x = start.y = start.z = 0.0f;
    mask unconverged = !ALL_LANES, left = !ALL_LANES, sure = ALL_LANES, good = ALL_LANES;
    int at = 0, last = -1, gap = 0, gap_above = 0, next = 0, between_nodes = 0;
    const float stride = 2.0f * im.step_z;
    while (last < nz) {
        rest_t r = c;
        if (at < nz)
            r = relax(&sample, &im.spring, x, y, im.step_z * (nz - 1 - at), start, any_lane(unconverged) ? FEW_STEPS : MAX_STEPS);
        unconverged = unconverged | r.unconverged;
        if (between_nodes) {
            force[at * items] = r.f;
            at = next;
            between_nodes = 0;
        } else {
            if (at == last + 2 && any_lane(r.unconverged | !(length2(difference(r.u, start)) < TRUST_RADIUS * TRUST_RADIUS))) {
                at = last + 1;
                start = predict(&b, &c, gap * im.step_z, im.step_z, &sure);
                continue;
            }
            d = r;
            if (gap == 2) {
                const real between_force = middle_force(&a, &b, &c, &d, gap_above == 2, at == last + 2, stride, &good);
                if (any_lane(!good)) {
                    next = at;
                    at = last - 1;
                    start = between(&b, &c, stride);
                    between_nodes = 1;
                    continue;
                }
                force[(last - 1) * items] = between_force;
            }
        }
        if (last >= 0)
            force[last * items] = c.f;
        gap_above = gap;
        gap = at - last;
        last = at;
        a = b;
        b = c;
        c = d;
        left = left | (im.spring.d0z + c.u.z > 0.0f) |
               (c.u.x * c.u.x + c.u.y * c.u.y > im.spring.r0 * im.spring.r0);
        at = last < nz - 1 ? min(last + 2, nz - 1) : nz;
        if (last == 0) {
            at = 1;
            b.du = c.du;  // there is no node above the first: extrapolate a straight line
            b.u.x = c.u.x - im.step_z * c.du.x;
            b.u.y = c.u.y - im.step_z * c.du.y;
            b.u.z = c.u.z - im.step_z * c.du.z;
        }
        start = predict(&b, &c, gap * im.step_z, (at - last) * im.step_z, &sure);
        if (at == last + 2 && any_lane(!sure)) {
            at = last + 1;
            start = predict(&b, &c, gap * im.step_z, im.step_z, &sure);
        }
    }
    left = left | sample_passed(&sample, x + c.u.x, y + c.u.y, c.u.z);  // z = 0 is the lowest height
    const int n_out = nz - im.n + 1, lanes = line < rows ? min(ny - iy, WIDTH) : 0;
    global float *out = df + ((size_t)((image - first) * rows + line) * ny + iy) * n_out;
    const mask not_finite = frequency_shift(force, items, nz, im.n, weights + im.weights, im.scale, lanes, out);
    const int flags = (any_lane(unconverged) ? QUALITY_NOT_CONVERGED : 0) | (any_lane(left) ? QUALITY_LEFT : 0) |
                      (any_lane(not_finite) ? QUALITY_NOT_FINITE : 0);
    if (flags)
        atomic_or(quality + image, flags);
}
