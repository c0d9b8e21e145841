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
    float unused;
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
// the same two rules; each is a polynomial in w and b.
static field_t sample_field(const sample_t *s, real x, real y, real z)
{
    real gx = 0.0f, gy = 0.0f, gz = 0.0f, xx = 0.0f, xy = 0.0f, yy = 0.0f, xz = 0.0f, yz = 0.0f, trace = 0.0f;
    for (int i = 0; i < s->n; ++i) {
        const float4 at = s->atoms[2 * i], lj = s->atoms[2 * i + 1];
        const real dx = x - at.x, dy = y - at.y, dz = z - at.z;
        const real r2 = dx * dx + dy * dy + dz * dz;
        const real ri = inverse_root(r2), b = ri * ri;
        const real s6 = lj.x * b * b * b, es = lj.y * s6 * b;
        real g = es - es * s6, k = es * b * (14.0f * s6 - 8.0f);
        trace += es * (11.0f * s6 - 5.0f);
        real vz = dz * g, d = dz * k;
        if (s->multipole) {
            const real w = dz * b, w2 = w * w, q = at.w * ri, qb = q * b;
            real pa = s->m0 + b * (1.875f * s->m4 * b - 1.5f * s->m2) +
                      w2 * (39.375f * s->m4 * w2 + (7.5f * s->m2 - 26.25f * s->m4 * b));
            real pz = w * (s->m0 + b * (9.375f * s->m4 * b - 4.5f * s->m2) +
                           w2 * (39.375f * s->m4 * w2 + (7.5f * s->m2 - 43.75f * s->m4 * b)));
            real pd = w * (3.0f * s->m0 + b * (65.625f * s->m4 * b - 22.5f * s->m2) +
                           w2 * (433.125f * s->m4 * w2 + (52.5f * s->m2 - 393.75f * s->m4 * b)));
            real pk = 3.0f * s->m0 + b * (13.125f * s->m4 * b - 7.5f * s->m2) +
                      w2 * (433.125f * s->m4 * w2 + (52.5f * s->m2 - 236.25f * s->m4 * b));
            if (s->odd) {
                pa += w * (3.0f * s->m1 - 7.5f * s->m3 * b + 17.5f * s->m3 * w2);
                pz += w2 * (3.0f * s->m1 - 15.0f * s->m3 * b + 17.5f * s->m3 * w2) + b * (1.5f * s->m3 * b - s->m1);
                pd += w2 * (15.0f * s->m1 - 105.0f * s->m3 * b + 157.5f * s->m3 * w2) +
                      b * (7.5f * s->m3 * b - 3.0f * s->m1);
                pk += w * (15.0f * s->m1 - 52.5f * s->m3 * b + 157.5f * s->m3 * w2);
            }
            g -= qb * pa;
            vz -= q * pz;
            d += qb * pd;
            k += qb * b * pk;
        }
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

// F_z on a rigid probe, with what it takes to say how far down it surely stays below a value: `ceiling`, a bound of
// everything that may push the probe up within `reach` (attraction only where the atom may come to lie above it), and
// `nearest`, the smallest distance. Each part of the ceiling grows at most like r⁻¹³, fastest for the nearest atom.
typedef struct {
    real force, ceiling, nearest;
} rigid_t;

static rigid_t sample_rigid(const sample_t *s, real x, real y, real z, float reach)
{
    real force = 0.0f, ceiling = 0.0f, widest = 0.0f;
    for (int i = 0; i < s->n; ++i) {
        const float4 at = s->atoms[2 * i], lj = s->atoms[2 * i + 1];
        const real dx = x - at.x, dy = y - at.y, dz = z - at.z;
        const real lateral = dx * dx + dy * dy;
        const real ri = inverse_root(lateral + dz * dz), b = ri * ri;
        const real s6 = lj.x * b * b * b, es = lj.y * s6;
        force += dz * b * (es * s6 - es);
        ceiling += ri * (es * s6 + (dz < reach ? es : (real)(0.0f)));
        real closest = ri;
        if (s->multipole) {
            const real w = dz * b, w2 = w * w, q = at.w * ri, size = fabs(q) * ri;
            force += q * w * (s->m0 + b * (9.375f * s->m4 * b - 4.5f * s->m2) +
                              w2 * (39.375f * s->m4 * w2 + (7.5f * s->m2 - 43.75f * s->m4 * b)));
            ceiling += size * (fabs(s->m0) + b * (3.0f * fabs(s->m2) + 5.0f * fabs(s->m4) * b));
            if (s->odd) {
                force += q * (w2 * (3.0f * s->m1 - 15.0f * s->m3 * b + 17.5f * s->m3 * w2) +
                              b * (1.5f * s->m3 * b - s->m1));
                ceiling += size * ri * (2.0f * fabs(s->m1) + 4.0f * fabs(s->m3) * b);
            }
        }
        for (int c = 0; c < s->n_charges; ++c) {
            const float2 charge = s->charges[c];
            const real cz = dz + charge.y;
            const real ci = inverse_root(lateral + cz * cz);
            const real q = charge.x * at.w * ci * ci;
            force += q * ci * cz;
            ceiling += fabs(q);
            closest = larger(closest, ci);
        }
        widest = larger(widest, closest);
    }
    rigid_t f;
    f.force = force, f.ceiling = ceiling, f.nearest = 1.0f / widest;
    return f;
}
