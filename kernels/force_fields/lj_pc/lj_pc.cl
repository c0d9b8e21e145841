// The force field of Lennard-Jones atoms and a probe particle with point charges (physics.md §2), evaluated from the atoms.
// It implements force_field.cl. An atom is a pair (x, y, z, C·q), (R⁶, 12ε, 0, 0), already combined with the R and ε of the
// probe; lengths are in Å, energies in eV.
#include "force_fields/force_field.cl"
#include <lj_pc_constants>
#include <tip_t>

#if STAGED
#define ATOM_SPACE local
#else
#define ATOM_SPACE global
#endif

// Bit l of MOMENTS is set if the tips of this program have the axial multipole moment Σ Q (−ζ)^l about the probe's centre.
// The charges of the atoms are multiplied by the lowest moment, and by QUADRUPOLE_UNIT if that is the quadrupole
// (multipoles.py). CHARGES is set if the tips' charges are summed one by one instead.
#define HAS(l) (MOMENTS >> (l) & 1)
#define MOMENT(l) (!HAS(l) ? 0.0f : MOMENTS & ((1 << (l)) - 1) ? tip->moment[l] : (l) == 2 ? 1.0f / QUADRUPOLE_UNIT : 1.0f)

typedef struct {
    ATOM_SPACE const float4 *atoms;
    int n;
    global const float2 *charges;
    int n_charges;
    global const tip_t *tip;
    float m0, m1, m2, m3, m4;
} sample_t;

#define STEP_TOLERANCE 5.0e-4f
#define FORCE_TOLERANCE 2.0e-7f
#define SAMPLE_PARAMETERS                                                                                              \
    global const float4 *restrict atoms, global const tip_t *restrict tips, global const float2 *restrict charges,     \
        local float4 *restrict stage
#define SAMPLE_ARGUMENTS atoms, tips, charges, stage

static sample_t sample_open(global const float4 *atoms, global const tip_t *tips, global const float2 *charges,
                            local float4 *stage, int image)
{
    global const tip_t *tip = tips + image;
    sample_t s;
    s.n = tip->atom_end - tip->atom_begin;
#if STAGED
    const int members = get_local_size(0) * get_local_size(1);
    for (int i = get_local_id(1) * get_local_size(0) + get_local_id(0); i < 2 * s.n; i += members)
        stage[i] = atoms[2 * tip->atom_begin + i];
    barrier(CLK_LOCAL_MEM_FENCE);
    s.atoms = stage;
#else
    s.atoms = atoms + 2 * tip->atom_begin;
#endif
    s.charges = charges + tip->charge_begin;
    s.n_charges = tip->charge_end - tip->charge_begin;
    s.tip = tip;
    s.m0 = MOMENT(0);
    s.m1 = MOMENT(1);
    s.m2 = MOMENT(2);
    s.m3 = MOMENT(3);
    s.m4 = MOMENT(4);
    return s;
}

// The reciprocal of the distance to an atom.
static real inv_r(float4 at, real x, real y, real z)
{
    const real dx = x - at.x, dy = y - at.y, dz = z - at.z;
    return vrsqrt(dx * dx + dy * dy + dz * dz);
}

// The contribution of one atom: gradient (dx g, dy g, dz g + e), second derivatives dx² k + g, dx dy k, dx (dz k − f).
typedef struct {
    real g, e, k, f;
} pair_t;

// The Hessian of the charges has no trace; that of Lennard-Jones has the trace 11 repulsion − 5 attraction. Hence zz follows
// from these sums, which cost CPUs nothing: they add while they multiply.
typedef struct {
    real attraction, repulsion;
} lj_sums_t;

// With s = (R/r)⁶ and b = 1/r², Lennard-Jones has g = 12ε b (s − s²) and so on. A multipole's potential is m P_l(c)/r^(l+1)
// with c = z/r. Its lateral derivatives bring P'_{l+1}/r^(l+3) and P''_{l+2}/r^(l+5); its vertical ones follow by
// n P_n = c P'_n − P'_{n−1} from these and from the terms one order lower, e and f. All are polynomials in w = z/r² and b.
// The hexadecapole is left out of the Hessian, which only steers the relaxation.
static pair_t pair_field(const sample_t *s, float charge, float r6, float depth, real dz, real ri, lj_sums_t *sums)
{
    const float m0 = s->m0, m1 = s->m1, m2 = s->m2, m3 = s->m3, m4 = s->m4;
    const real b = ri * ri;
    const real s6 = r6 * b * (b * b), es = depth * b * s6;
    const real repulsion = es * s6;
    pair_t p;
    p.g = es - repulsion;
    p.k = es * b * (14.0f * s6 - 8.0f);
    p.e = p.f = 0.0f;
    sums->attraction += es;
    sums->repulsion += repulsion;
#if MOMENTS
    const real w = dz * b, w2 = w * w, qb = charge * (ri * b), qbb = qb * b;
#if WIDTH == 1
    // Each product of a number and a moment would take a register: multiply moment and variable first.
    const real b3 = m3 * b, w3 = m3 * w2, b4 = m4 * b, w4 = m4 * w2;
#define M3B(number) (number) * b3
#define M3W(number) (number) * w3
#define M4B(number) (number) * b4
#define M4W(number) (number) * w4
#else
#define M3B(number) (number) * m3 * b
#define M3W(number) (number) * m3 * w2
#define M4B(number) (number) * m4 * b
#define M4W(number) (number) * m4 * w2
#endif
    real pa = m0, pk = 3.0f * m0, pe = 0.0f, pf = 0.0f;
    if (HAS(2) | HAS(4)) {
        pa += b * (M4B(1.875f) - 1.5f * m2) + w2 * (M4W(39.375f) + (7.5f * m2 - M4B(26.25f)));
        pk += 52.5f * m2 * w2 - 7.5f * m2 * b;
        pe += w * (M4W(17.5f) + (3.0f * m2 - M4B(7.5f)));
        pf += 15.0f * m2 * w;
    }
    if (HAS(1) | HAS(3)) {
        pa += w * (M3W(17.5f) + (3.0f * m1 - M3B(7.5f)));
        pk += w * (M3W(157.5f) + (15.0f * m1 - M3B(52.5f)));
        pe += M3W(7.5f) + (m1 - M3B(1.5f));
        pf += M3W(52.5f) + (3.0f * m1 - M3B(7.5f));
    }
    p.g -= qb * pa;
    p.k += qbb * pk;
    p.e = qb * pe;
    p.f = qbb * pf;
#endif
    return p;
}

#if CHARGES
static void add_charges(const sample_t *s, float charge, real lateral2, real dz, pair_t *p)
{
    for (int c = 0; c < s->n_charges; ++c) {
        const float2 at = s->charges[c];
        const real cz = dz + at.y;
        const real ci = vrsqrt(lateral2 + cz * cz), cb = ci * ci;
        const real q = at.x * charge * ci * cb;
        p->g -= q;
        p->e -= q * at.y;
        p->k += 3.0f * q * cb;
        p->f -= 3.0f * q * cb * at.y;
    }
}
#endif

#ifdef __NV_CL_C_VERSION
#define UNROLL __attribute__((opencl_unroll_hint(4)))
#else
#define UNROLL
#endif

// CPUs process a few atoms at a time, in three short loops: each loop fits in the registers, and a processor that looks a
// few hundred instructions ahead finds enough independent ones. A GPU has enough registers, and other threads to run.
static field_t sample_field(const sample_t *s, real x, real y, real z)
{
    real gx = 0.0f, gy = 0.0f, gz = 0.0f, xx = 0.0f, xy = 0.0f, yy = 0.0f, xz = 0.0f, yz = 0.0f, sum = 0.0f;
    lj_sums_t sums;
    sums.attraction = sums.repulsion = 0.0f;
    UNROLL for (int begin = 0; begin < s->n; begin += CHUNK) {
        const int m = CHUNK == 1 ? 1 : min(CHUNK, s->n - begin);
        ATOM_SPACE const float4 *atoms = s->atoms + 2 * begin;
        real ri[CHUNK];
        for (int i = 0; i < m; ++i) {
            ri[i] = inv_r(atoms[2 * i], x, y, z);
        }
        pair_t pairs[CHUNK];
        for (int i = 0; i < m; ++i) {
            const float4 at = atoms[2 * i], lj = atoms[2 * i + 1];
            pairs[i] = pair_field(s, at.w, lj.x, lj.y, z - at.z, ri[i], &sums);
#if CHARGES
            const real dx = x - at.x, dy = y - at.y;
            add_charges(s, at.w, dx * dx + dy * dy, z - at.z, pairs + i);
#endif
        }
        for (int i = 0; i < m; ++i) {
            const float4 at = atoms[2 * i];
            const pair_t p = pairs[i];
            const real dx = x - at.x, dy = y - at.y, dz = z - at.z;
            const real kx = dx * p.k, ky = dy * p.k, kz = dz * p.k - p.f;
            sum += p.g;
            gx += dx * p.g;
            gy += dy * p.g;
            gz += dz * p.g;
            gz += p.e;
            xx += dx * kx;
            xy += dy * kx;
            yy += dy * ky;
            xz += dx * kz;
            yz += dy * kz;
        }
    }
    field_t f;
    f.gx = gx, f.gy = gy, f.gz = gz;
    f.xx = xx + sum, f.xy = xy, f.xz = xz, f.yy = yy + sum, f.yz = yz;
    f.zz = 11.0f * sums.repulsion - 5.0f * sums.attraction - f.xx - f.yy;
    return f;
}

// Bounds of F_z on a rigid probe that descends. With closeness = 1/r of the nearest atom and g = 1 / (1 − way·closeness),
// the upward force at `way` further down, within `reach`, is at most steep·g¹⁴ + charges + way·slope·g⁷. steep bounds the
// repulsion by atoms below (its vertical share falls on the way) and the attraction by atoms that the probe may pass;
// charges is the force of all charges, and slope bounds its change per Å, which is a multipole's of the next order.
typedef struct {
    real force, steep, charges, slope, closeness;
} bounds_t;

static float scalar_abs(float a) { return a < 0.0f ? -a : a; }

static void add_bounds(const sample_t *s, float charge, float r6, float depth, real dz, real ri, float reach, bounds_t *bounds)
{
    const float m0 = s->m0, m1 = s->m1, m2 = s->m2, m3 = s->m3, m4 = s->m4;
    const real b = ri * ri;
    const real s6 = r6 * b * b * b, es = depth * s6 * b;
    bounds->force += dz * (es * s6 - es);
    bounds->steep += es * (s6 * vmax(dz, (real)(0.0f)) + vmax(reach - dz, (real)(0.0f)));
#if MOMENTS
    const real w = dz * b, w2 = w * w, q = charge * ri, strength = vabs(q) * b;
    real pz = w * m0;
    bounds->slope += strength * (2.0f * scalar_abs(m0));
    if (HAS(2) | HAS(4)) {
        pz += w * (b * (9.375f * m4 * b - 4.5f * m2) + w2 * (39.375f * m4 * w2 + (7.5f * m2 - 43.75f * m4 * b)));
        bounds->slope += strength * b * (12.0f * scalar_abs(m2) + 30.0f * scalar_abs(m4) * b);
    }
    if (HAS(1) | HAS(3)) {
        pz += w2 * (3.0f * m1 - 15.0f * m3 * b + 17.5f * m3 * w2) + b * (1.5f * m3 * b - m1);
        bounds->slope += strength * ri * (6.0f * scalar_abs(m1) + 20.0f * scalar_abs(m3) * b);
    }
    bounds->charges += q * pz;
#endif
}

#if CHARGES
static void add_charge_bounds(const sample_t *s, float charge, real lateral2, real dz, bounds_t *bounds)
{
    for (int c = 0; c < s->n_charges; ++c) {
        const float2 at = s->charges[c];
        const real cz = dz + at.y;
        const real ci = vrsqrt(lateral2 + cz * cz);
        const real q = at.x * charge * ci * ci;
        bounds->charges += q * ci * cz;
        bounds->slope += 2.0f * vabs(q) * ci;
        bounds->closeness = vmax(bounds->closeness, ci);
    }
}
#endif

static bounds_t rigid_bounds(const sample_t *s, real x, real y, real z, float reach)
{
    bounds_t bounds;
    bounds.force = bounds.steep = bounds.charges = bounds.slope = bounds.closeness = 0.0f;
    for (int begin = 0; begin < s->n; begin += CHUNK) {
        const int m = CHUNK == 1 ? 1 : min(CHUNK, s->n - begin);
        ATOM_SPACE const float4 *atoms = s->atoms + 2 * begin;
        real ri[CHUNK];
        for (int i = 0; i < m; ++i) {
            ri[i] = inv_r(atoms[2 * i], x, y, z);
            bounds.closeness = vmax(bounds.closeness, ri[i]);
        }
        for (int i = 0; i < m; ++i) {
            const float4 at = atoms[2 * i], lj = atoms[2 * i + 1];
            add_bounds(s, at.w, lj.x, lj.y, z - at.z, ri[i], reach, &bounds);
#if CHARGES
            const real dx = x - at.x, dy = y - at.y;
            add_charge_bounds(s, at.w, dx * dx + dy * dy, z - at.z, &bounds);
#endif
        }
    }
    bounds.force += bounds.charges;
    return bounds;
}

#define REACH 2.4f  // Å: the largest descent of the probe between two evaluations

// The largest number of steps within which the upward force surely stays below iso.
static real safe_steps(bounds_t bounds, float iso, float step)
{
    real steps = 1.0f;
    for (int m = 2; m <= 24 && m * step <= REACH; m += 1 + m / 3) {
        const float way = m * step;
        const real left = 1.0f - way * bounds.closeness;
        const real l2 = left * left, l3 = l2 * left, l7 = l2 * l2 * l3;
        const mask safe = (left > 0.0f) &
                          (bounds.steep + (bounds.charges * l7 + way * bounds.slope) * l7 < 0.9999f * iso * (l7 * l7));
        steps = safe ? (real)(m) : steps;
    }
    return steps;
}

typedef struct {
    int unused;
} column_t;

static column_t sample_column(const sample_t *s, real x, real y)
{
    column_t column;
    column.unused = 0;
    return column;
}

static rigid_t sample_rigid(const sample_t *s, const column_t *column, real x, real y, real z, float iso, float step)
{
    const bounds_t bounds = rigid_bounds(s, x, y, z, REACH);
    rigid_t rigid;
    rigid.force = bounds.force;
    rigid.safe_steps = safe_steps(bounds, iso, step);
    return rigid;
}

#if WIDTH == 1
#define NOT_INLINED
#else  // inlined, it would take registers from the relaxation, which costs 1 %
#define NOT_INLINED __attribute__((noinline))
#endif

// R is the distance at which the energy of probe and atom is lowest; (2d)⁶ is compared with R⁶.
NOT_INLINED static mask sample_passed(const sample_t *s, real x, real y, real z)
{
    mask passed = !ALL_LANES;
    if (!any_lane(z < s->tip->top))
        return passed;
    for (int i = 0; i < s->n; ++i) {
        const float4 at = s->atoms[2 * i];
        const real dx = x - at.x, dy = y - at.y, d2 = dx * dx + dy * dy;
        passed = passed | ((z < at.z) & (64.0f * d2 * d2 * d2 < s->atoms[2 * i + 1].x));
    }
    return passed;
}
