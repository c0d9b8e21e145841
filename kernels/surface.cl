// Where a rigid probe, lowered from z1 in steps, first feels more than `iso` (physics.md §7): the depths of depth.cl.
#define LAST_DEPTH 100
#define REACH 2.4f  // Å that a stride covers at most

// The longest stride, in steps, that surely finds no crossing: all that may push the probe up stays below iso.
static real safe_stride(rigid_t f, float iso, float step)
{
    real stride = 1.0f;
    for (int m = 2; m <= 24 && m * step <= REACH; m += 1 + m / 3) {
        const float way = m * step;
        const real left = 1.0f - way * f.closeness;
        const real l2 = left * left, l3 = l2 * left, l7 = l2 * l2 * l3;
        const mask safe = (left > 0.0f) &
                          (f.steep + (f.charges * l7 + way * f.slope) * l7 < 0.9999f * iso * (l7 * l7));
        stride = safe ? (real)(m) : stride;
    }
    return stride;
}

// Depth of the crossing below each pixel; NO_SURFACE where there is none down to `limit`.
static real surface_depth(const sample_t *sample, real x, real y, float top, float step, float iso, float limit)
{
    real k = 0.0f, before = 0.0f, depth = NO_SURFACE;
    mask open = ALL_LANES;
    do {
        const rigid_t f = sample_rigid(sample, x, y, top - step * k, REACH);
        const mask found = open & (f.force > iso);
        const real part = larger((iso - before) / (f.force - before), (real)(0.0f));  // in an atom's centre not a number
        depth = found ? (k > 0.0f ? k - 1.0f + part : (real)(0.0f)) : depth;
        before = f.force;
        k += safe_stride(f, iso, step);
        open = open & !found & (k <= limit);
    } while (any_lane(open));
    return depth;
}

static int least_bits(real depth)
{
#if WIDTH == 8
    const float4 h = depth.lo < depth.hi ? depth.lo : depth.hi;
    const float2 q = h.lo < h.hi ? h.lo : h.hi;
    return as_int(q.x < q.y ? q.x : q.y);
#else
    return as_int(depth);
#endif
}

static int greatest_bits(real depth)
{
#if WIDTH == 8
    const float4 h = depth.lo > depth.hi ? depth.lo : depth.hi;
    const float2 q = h.lo > h.hi ? h.lo : h.hi;
    return as_int(q.x > q.y ? q.x : q.y);
#else
    return as_int(depth);
#endif
}

#define SEARCH_PARAMETERS                                                                                              \
    SAMPLE_PARAMETERS, global const int *restrict which, global const int *restrict molecules,                         \
        global const image_t *restrict images, const float iso, global int *restrict levels

// The pixel over the highest atom first: how high the surface reaches there says how deep the others need to go.
kernel void surface_bound(SEARCH_PARAMETERS, global const float2 *restrict spots)
{
    const int image = which[get_global_id(2)], molecule = molecules[image];
    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);
    const image_t im = images[image];
    const real x = spots[molecule].x, y = spots[molecule].y;
    const real depth = surface_depth(&sample, x, y, im.step_z * (im.nz - 1), im.step_z, iso, LAST_DEPTH);
    if (get_global_id(0) == 0)
        levels[3 * molecule] = least_bits(depth);
}

// All pixels; what lies more than −zmin below the highest crossing will be clipped and is not looked for. A group agrees on
// its extremes before it tells all: thousands of pixels at one address would have to queue.
kernel void surface_search(SEARCH_PARAMETERS, const float zmin, CANVAS_PARAMETERS, local int *restrict extremes)
{
    const int image = which[get_global_id(2)], molecule = molecules[image];
    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);
    const int leads = get_local_id(0) == 0 && get_local_id(1) == 0;
    if (leads) {
        extremes[0] = as_int(NO_SURFACE);
        extremes[1] = 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const int ix = get_global_id(1), iy = get_global_id(0) * WIDTH;
    const image_t im = images[image];
    const float4 place = places[molecule];
    const real x = pixel_x(place.x, ix, nx) + place.z, y = pixel_y(place.y, iy, ny) + place.w;
    // One step more than the clip: a crossing counts from the step above it.
    const float clip = as_float(levels[3 * molecule]) - zmin / im.step_z + 1.0f;
    const float limit = clip < LAST_DEPTH ? clip : LAST_DEPTH;
    const real depth = surface_depth(&sample, x, y, im.step_z * (im.nz - 1), im.step_z, iso, limit);
    if (ix < nx && iy < ny) {
        store_pixels(maps + map_row(molecule - first, channel, channels, ix, nx, ny), iy, ny, depth);
        atomic_min(extremes, least_bits(depth));
        atomic_max(extremes + 1, greatest_bits(depth));
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (leads) {
        atomic_min(levels + 3 * molecule + 1, extremes[0]);
        atomic_max(levels + 3 * molecule + 2, extremes[1]);
    }
}
