// Depths at which a rigid probe meets the surface, in steps below the highest probe position. Depths are compared as their
// bits: non-negative floats have the order of the integers that their bits are.
#include <levels_t>
#include <surface_constants>

// The depth of a map's lowest value: at most −zmin Å below the highest crossing. clip is −zmin in steps.
static float lowest_depth(global const levels_t *restrict levels, int molecule, float clip)
{
    const float limit = as_float(levels[molecule].highest) + clip, deepest = as_float(levels[molecule].deepest);
    return limit < deepest ? limit : deepest;
}

static int meets_surface(global const levels_t *restrict levels, int molecule)
{
    return as_float(levels[molecule].highest) < NO_SURFACE;
}
