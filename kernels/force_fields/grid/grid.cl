// The force field of a grid (physics.md §8): the energy as a spline (energy_spline.cl), which EnergyGrids has made for each
// image, and a term for each atom (pair_terms.cl). It implements force_field.cl.
#include "force_fields/force_field.cl"
#include <grid_image_t>
#include "force_fields/grid/energy_spline.cl"
#include "force_fields/grid/pair_terms.cl"

typedef struct {
    global const float *coefficients;
    global const float4 *atoms;
    int n;
    float inverse_step, bottom, top;
} sample_t;

#define SAMPLE_PARAMETERS                                                                                              \
    global const float *restrict coefficients, global const grid_image_t *restrict grids,                              \
        global const float4 *restrict atoms
#define SAMPLE_ARGUMENTS coefficients, grids, atoms

static sample_t sample_open(global const float *coefficients, global const grid_image_t *grids, global const float4 *atoms,
                            int image)
{
    global const grid_image_t *grid = grids + image;
    sample_t s;
    s.coefficients = coefficients + (size_t)grid->slot * (4 * H_X * H_Y * HEIGHTS);
    s.atoms = atoms + 2 * grid->atom_begin;
    s.n = grid->atom_end - grid->atom_begin;
    s.inverse_step = grid->inverse_step;
    s.bottom = grid->bottom;
    s.top = grid->top;
    return s;
}

static field_t sample_field(const sample_t *s, real x, real y, real z)
{
    mask outside = !ALL_LANES;
    field_t f = spline_field(s->coefficients, s->inverse_step, x, y, z - s->bottom, &outside);
    add_pair_terms(s->atoms, s->n, x, y, z, &f);
    return f;
}

#if WIDTH == 1
#define NOT_INLINED
#else  // PoCL mixes up the arrays of a group's work-items where a kernel has barriers, as the surface search has
#define NOT_INLINED __attribute__((noinline))
#endif

// No bound is known of how fast a grid's force may grow: every step is checked.
NOT_INLINED static rigid_t sample_rigid(const sample_t *s, real x, real y, real z, float iso, float step)
{
    rigid_t rigid;
    rigid.force = -sample_field(s, x, y, z).gz;
    rigid.safe_steps = 1.0f;
    return rigid;
}

// Beyond the grid the energy is unknown: a probe there counts as lost, as one that is below the highest atom.
static mask sample_passed(const sample_t *s, real x, real y, real z)
{
    const real u = vabs(x) * s->inverse_step, v = vabs(y) * s->inverse_step, w = (z - s->bottom) * s->inverse_step;
    return (u > H_X - 4.0f) | (v > H_Y - 4.0f) | (w < 2.0f) | (w > HEIGHTS - 3.0f) | (z < s->top);
}
