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

#define STEP_TOLERANCE 5.0e-3f
#define FORCE_TOLERANCE 2.0e-6f
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

typedef spline_column_t column_t;

static column_t sample_column(const sample_t *s, real x, real y)
{
    return spline_column(s->coefficients, s->inverse_step, x, y);
}

// No bound is known of how fast a grid's force may grow: every step is checked. Hence all lanes are at one height.
static rigid_t sample_rigid(const sample_t *s, const column_t *column, real x, real y, real z, float iso, float step)
{
    field_t f;
    f.gx = f.gy = f.xx = f.xy = f.xz = f.yy = f.yz = f.zz = 0.0f;
    f.gz = column_slope(column, s->inverse_step, z - s->bottom);
    add_pair_terms(s->atoms, s->n, x, y, z, &f);
    rigid_t rigid;
    rigid.force = -f.gz;
    rigid.safe_steps = 1.0f;
    return rigid;
}

// Beyond the grid the energy is unknown: a probe there counts as lost, as one that is below the highest atom.
static mask sample_passed(const sample_t *s, real x, real y, real z)
{
    const real u = vabs(x) * s->inverse_step, v = vabs(y) * s->inverse_step, w = (z - s->bottom) * s->inverse_step;
    return (u > H_X - 4.0f) | (v > H_Y - 4.0f) | (w < 2.0f) | (w > HEIGHTS - 3.0f) | (z < s->top);
}
