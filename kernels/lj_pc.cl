// Force model: Lennard-Jones atoms and a probe particle with point charges (physics.md §2), evaluated from the atoms.
// A force model is the seam under relax.cl: it gives SAMPLE_PARAMETERS, sample_open, sample_field and sample_rigid.
// Lengths Å, energies eV. Atoms come as pairs (x, y, z, C·q), (R⁶, 12ε, 0, 0), combined with the probe's R and ε.
#if STAGED
#define ATOM_SPACE local
#else
#define ATOM_SPACE global
#endif

// The charge row of an image: axial multipole moments Σ Q (−ζ)^l about the probe's centre, or charges one by one.
typedef struct {
    int atom_begin, atom_end;
    int charge_begin, charge_end;
    int multipole, odd;
    float moment[5];
} tip_t;

typedef struct {
    ATOM_SPACE const float4 *atoms;
    int n;
    global const float2 *charges;
    int n_charges;
    int multipole, odd;
    float m0, m1, m2, m3, m4;
} sample_t;

// Energy gradient and Hessian; zz follows from the trace, which charges do not change.
typedef struct {
    real gx, gy, gz, xx, xy, xz, yy, yz, zz;
} field_t;

#define SAMPLE_PARAMETERS                                                                                              \
    global const float4 *restrict atoms, global const tip_t *restrict tips, global const float2 *restrict charges,     \
        local float4 *restrict stage
#define SAMPLE_ARGUMENTS atoms, tips, charges, stage

// Every work-item of the group must come here: staging has a barrier.
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
    s.multipole = tip->multipole;
    s.odd = tip->odd;
    s.m0 = tip->moment[0];
    s.m1 = tip->moment[1];
    s.m2 = tip->moment[2];
    s.m3 = tip->moment[3];
    s.m4 = tip->moment[4];
    return s;
}

// With s = (R/r)⁶, b = 1/r²: ∇E = 12ε b (s − s²) r and so on. A multipole P_l(cos)/r^(l+1) has, with w = z/r² and its
// derivatives P', lateral gradient −(x, y) P'_{l+1}/r^{l+3}, vertical −(l+1) P_{l+1}/r^{l+2}, and second derivatives by
// the same two rules; each is a polynomial in w and b. The Hessian only steers: its hexadecapole is left out. What a tip
// does not need is left out by constants: `even` and `odd` moments, charges `one_by_one`.
static field_t sum_field(const sample_t *s, real x, real y, real z, const int even, const int odd, const int one_by_one)
{
    real gx = 0.0f, gy = 0.0f, gz = 0.0f, xx = 0.0f, xy = 0.0f, yy = 0.0f, xz = 0.0f, yz = 0.0f, trace = 0.0f;
    const float m0 = s->m0, m1 = s->m1, m2 = s->m2, m3 = s->m3, m4 = s->m4;
    for (int i = 0; i < s->n; ++i) {
        const float4 at = s->atoms[2 * i], lj = s->atoms[2 * i + 1];
        const real dx = x - at.x, dy = y - at.y, dz = z - at.z;
        const real r2 = dx * dx + dy * dy + dz * dz;
        const real ri = inverse_root(r2), b = ri * ri;
        const real s6 = lj.x * b * b * b, es = lj.y * s6 * b;
        real g = es - es * s6, k = es * b * (14.0f * s6 - 8.0f);
        trace += es * (11.0f * s6 - 5.0f);
        real vz = dz * g, d = dz * k;
        if (even) {
            const real w = dz * b, w2 = w * w, q = at.w * ri, qb = q * b;
            real pa = m0 + b * (1.875f * m4 * b - 1.5f * m2) + w2 * (39.375f * m4 * w2 + (7.5f * m2 - 26.25f * m4 * b));
            real pz = w * (m0 + b * (9.375f * m4 * b - 4.5f * m2) +
                           w2 * (39.375f * m4 * w2 + (7.5f * m2 - 43.75f * m4 * b)));
            real pd = w * (3.0f * m0 - 22.5f * m2 * b + 52.5f * m2 * w2);
            real pk = 3.0f * m0 - 7.5f * m2 * b + 52.5f * m2 * w2;
            if (odd) {
                pa += w * (3.0f * m1 - 7.5f * m3 * b + 17.5f * m3 * w2);
                pz += w2 * (3.0f * m1 - 15.0f * m3 * b + 17.5f * m3 * w2) + b * (1.5f * m3 * b - m1);
                pd += w2 * (15.0f * m1 - 105.0f * m3 * b + 157.5f * m3 * w2) + b * (7.5f * m3 * b - 3.0f * m1);
                pk += w * (15.0f * m1 - 52.5f * m3 * b + 157.5f * m3 * w2);
            }
            g -= qb * pa;
            vz -= q * pz;
            d += qb * pd;
            k += qb * b * pk;
        }
        if (one_by_one)
            for (int c = 0; c < s->n_charges; ++c) {
                const float2 charge = s->charges[c];
                const real cz = dz + charge.y;
                const real ci = inverse_root(dx * dx + dy * dy + cz * cz), cb = ci * ci;
                const real q = charge.x * at.w * ci * cb;
                g -= q;
                vz -= q * cz;
                d += 3.0f * q * cb * cz;
                k += 3.0f * q * cb;
            }
        gx += dx * g;
        gy += dy * g;
        gz += vz;
        const real kx = dx * k;
        xx += dx * kx + g;
        xy += dy * kx;
        yy += dy * dy * k + g;
        xz += dx * d;
        yz += dy * d;
    }
    field_t f;
    f.gx = gx, f.gy = gy, f.gz = gz;
    f.xx = xx, f.xy = xy, f.xz = xz, f.yy = yy, f.yz = yz, f.zz = trace - xx - yy;
    return f;
}

static field_t sample_field(const sample_t *s, real x, real y, real z)
{
    if (s->n_charges)
        return sum_field(s, x, y, z, 0, 0, 1);
    if (!s->multipole)
        return sum_field(s, x, y, z, 0, 0, 0);
    if (s->odd)
        return sum_field(s, x, y, z, 1, 1, 0);
    return sum_field(s, x, y, z, 1, 0, 0);
}

// F_z on a rigid probe, and how far down it surely stays low: `ceiling` bounds what can push the probe up within `reach`
// below, once it is multiplied by (r / (r − way))¹⁴ for the nearest distance r, the steepest growth of all: repulsion by
// atoms below (its vertical share falls on the way), attraction by atoms that may come to lie above, any charge.
typedef struct {
    real force, ceiling, nearest;
} rigid_t;

static rigid_t sum_rigid(const sample_t *s, real x, real y, real z, float reach, const int even, const int odd,
                         const int one_by_one)
{
    real force = 0.0f, ceiling = 0.0f, widest = 0.0f;
    const float m0 = s->m0, m1 = s->m1, m2 = s->m2, m3 = s->m3, m4 = s->m4;
    const float a0 = s->m0 < 0.0f ? -m0 : m0, a1 = 2.0f * (m1 < 0.0f ? -m1 : m1), a2 = 3.0f * (m2 < 0.0f ? -m2 : m2);
    const float a3 = 4.0f * (m3 < 0.0f ? -m3 : m3), a4 = 5.0f * (m4 < 0.0f ? -m4 : m4);
    for (int i = 0; i < s->n; ++i) {
        const float4 at = s->atoms[2 * i], lj = s->atoms[2 * i + 1];
        const real dx = x - at.x, dy = y - at.y, dz = z - at.z;
        const real lateral = dx * dx + dy * dy;
        const real ri = inverse_root(lateral + dz * dz), b = ri * ri;
        const real s6 = lj.x * b * b * b, es = lj.y * s6 * b;
        force += dz * (es * s6 - es);
        ceiling += es * (s6 * larger(dz, (real)(0.0f)) + larger(reach - dz, (real)(0.0f)));
        real closest = ri;
        if (even) {
            const real w = dz * b, w2 = w * w, q = at.w * ri, strength = size(q) * ri;
            force += q * w * (m0 + b * (9.375f * m4 * b - 4.5f * m2) +
                              w2 * (39.375f * m4 * w2 + (7.5f * m2 - 43.75f * m4 * b)));
            ceiling += strength * (a0 + b * (a2 + a4 * b));
            if (odd) {
                force += q * (w2 * (3.0f * m1 - 15.0f * m3 * b + 17.5f * m3 * w2) + b * (1.5f * m3 * b - m1));
                ceiling += strength * ri * (a1 + a3 * b);
            }
        }
        if (one_by_one)
            for (int c = 0; c < s->n_charges; ++c) {
                const float2 charge = s->charges[c];
                const real cz = dz + charge.y;
                const real ci = inverse_root(lateral + cz * cz);
                const real q = charge.x * at.w * ci * ci;
                force += q * ci * cz;
                ceiling += size(q);
                closest = larger(closest, ci);
            }
        widest = larger(widest, closest);
    }
    rigid_t f;
    f.force = force, f.ceiling = ceiling, f.nearest = 1.0f / widest;
    return f;
}

static rigid_t sample_rigid(const sample_t *s, real x, real y, real z, float reach)
{
    if (s->n_charges)
        return sum_rigid(s, x, y, z, reach, 0, 0, 1);
    if (!s->multipole)
        return sum_rigid(s, x, y, z, reach, 0, 0, 0);
    if (s->odd)
        return sum_rigid(s, x, y, z, reach, 1, 1, 0);
    return sum_rigid(s, x, y, z, reach, 1, 0, 0);
}
