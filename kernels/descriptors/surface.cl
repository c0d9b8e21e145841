// Finds the surface on which a rigid probe, lowered from z1 in steps, first feels a vertical force above `iso` (physics.md
// §7). Depths are those of depth.cl.
#include "opencl/depth.cl"
#include "opencl/pixels.cl"
#include <image_t>
#include FORCE_FIELD

#define MAX_DEPTH 100  // steps of the search

#ifdef __NV_CL_C_VERSION
#define NOT_INLINED_SEARCH
#else  // PoCL mixes up the arrays of a group's work-items where a kernel has barriers
#define NOT_INLINED_SEARCH __attribute__((noinline))
#endif

// Returns the depth of the surface below each pixel; NO_SURFACE if it is not met down to `limit`.
NOT_INLINED_SEARCH static real surface_depth(const sample_t *sample, real x, real y, float top, float step, float iso, float limit)
{
    real k = 0.0f, before = 0.0f, depth = NO_SURFACE;
    mask searching = ALL_LANES;
    const column_t column = sample_column(sample, x, y);
    do {
        const rigid_t rigid = sample_rigid(sample, &column, x, y, top - step * k, iso, step);
        const mask found = searching & (rigid.force > iso);
        const real fraction = vmax((iso - before) / (rigid.force - before), (real)(0.0f));  // NaN at an atom's centre gives 0
        depth = found ? (k > 0.0f ? k - 1.0f + fraction : (real)(0.0f)) : depth;
        before = rigid.force;
        k += rigid.safe_steps;
        searching = searching & !found & (k <= limit);
    } while (any_lane(searching));
    return depth;
}

static int lowest_bits(real depth)
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
    SAMPLE_PARAMETERS, global const int *restrict list, global const int *restrict molecules,                          \
        global const image_t *restrict images, const float iso, global levels_t *restrict levels

// Searches one pixel, where the surface is expected to be highest: its depth limits the search in all other pixels.
kernel void surface_bound(SEARCH_PARAMETERS, global const float2 *restrict first_pixels)
{
    const int image = list[get_global_id(2)], molecule = molecules[image];
    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);
    const image_t im = images[image];
    const real x = first_pixels[molecule].x, y = first_pixels[molecule].y;
    const real depth = surface_depth(&sample, x, y, im.step_z * (im.nz - 1), im.step_z, iso, MAX_DEPTH);
    if (get_global_id(0) == 0)
        levels[molecule].first = lowest_bits(depth);
}

// Searches all pixels, but not deeper than −zmin below the surface at the first pixel, because the map is clipped no lower
// than that. A group finds its extremes in local memory first: thousands of atomic operations at one address would wait for
// each other.
kernel void surface_search(SEARCH_PARAMETERS, const float zmin, CANVAS_PARAMETERS, local int *restrict extremes)
{
    const int image = list[get_global_id(2)], molecule = molecules[image];
    const sample_t sample = sample_open(SAMPLE_ARGUMENTS, image);
    const int leads = get_local_id(0) == 0 && get_local_id(1) == 0;
    if (leads) {
        extremes[0] = as_int(NO_SURFACE);
        extremes[1] = 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const int ix = get_global_id(1), iy = get_global_id(0) * WIDTH;
    const image_t im = images[image];
    const float4 grid = pixel_grids[molecule];
    const real x = pixel_x(grid.x, ix, nx) + grid.z, y = pixel_y(grid.y, iy, ny) + grid.w;
    // One step more than the clip, because a surface between two steps is found at the lower one.
    const float clip = as_float(levels[molecule].first) - zmin / im.step_z + 1.0f;
    const float limit = clip < MAX_DEPTH ? clip : MAX_DEPTH;
    const real depth = surface_depth(&sample, x, y, im.step_z * (im.nz - 1), im.step_z, iso, limit);
    if (ix < nx && iy < ny) {
        store_pixels(maps + map_row(molecule - first, channel, channels, ix, nx, ny), iy, ny, depth);
        atomic_min(extremes, lowest_bits(depth));
        atomic_max(extremes + 1, greatest_bits(depth));
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (leads) {
        atomic_min(&levels[molecule].highest, extremes[0]);
        atomic_max(&levels[molecule].deepest, extremes[1]);
    }
}
