// Where a rigid probe meets its surface, told in steps below z1: as bits depths order like the non-negative floats they
// are. levels holds three a molecule: a first bound of the highest crossing, the highest, the deepest.
#define NO_SURFACE 1.0e9f

// The depth of a map's lowest value: −zmin Å below the highest crossing at most. clip = −zmin in steps.
static float lowest_depth(global const int *restrict levels, int molecule, float clip)
{
    const float limit = as_float(levels[3 * molecule + 1]) + clip, deepest = as_float(levels[3 * molecule + 2]);
    return limit < deepest ? limit : deepest;
}

static int meets_surface(global const int *restrict levels, int molecule)
{
    return as_float(levels[3 * molecule + 1]) < NO_SURFACE;
}
