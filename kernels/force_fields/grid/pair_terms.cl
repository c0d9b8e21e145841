// Terms between the probe and single atoms, functions φ of u = r² (physics.md §8): dispersion by DFT-D3(BJ), Lennard-Jones,
// and Lennard-Jones attraction with the ways of damping that the field uses. An atom is (x, y, z, ·) and four parameters.
// PAIR_TERM says which. φ' and φ'' are what a gradient 2φ' d and a Hessian 2φ' 1 + 4φ'' d dᵀ need.
#define NO_PAIR_TERM 0
#define D3_BJ 1              // (C6, R0⁶, C8, R0⁸): −C6/(r⁶ + R0⁶) − C8/(r⁸ + R0⁸)
#define LENNARD_JONES 2      // (ε, 1/R², ·, ·): ε ((R/r)¹² − 2 (R/r)⁶)
#define ATTRACTION 3         // the same: −2ε (R/r)⁶
#define DAMPED_BY_FORCE 4    // a force −6 C6 r/(r⁸ + 180 C6) with C6 = 2ε R⁶
#define DAMPED_LINEAR 5      // −2ε/(s³ + (1 − s)₊/2), s = r²/R²
#define DAMPED_QUADRATIC 6   // −2ε/(s³ + (1 − s)₊²/2)
#define DAMPED_INVERSE_4 7   // −2ε/(s³ + 0.03 s⁻²)
#define DAMPED_INVERSE_8 8   // −2ε/(s³ + 0.01 s⁻⁴)

typedef struct {
    real first, second;
} slopes_t;

static slopes_t pair_slopes(float4 p, real u)
{
    slopes_t f;
#if PAIR_TERM == D3_BJ
    const real u2 = u * u, u3 = u2 * u, i6 = vrecip(u3 + p.y), i8 = vrecip(u2 * u2 + p.w);
    const real f6 = p.x * i6 * i6, f8 = p.z * i8 * i8;
    f.first = 3.0f * u2 * f6 + 4.0f * u3 * f8;
    f.second = f6 * u * (6.0f - 18.0f * u3 * i6) + f8 * u2 * (12.0f - 32.0f * u2 * u2 * i8);
#elif PAIR_TERM == LENNARD_JONES || PAIR_TERM == ATTRACTION
    const real i = vrecip(u), s = i * vrecip((real)(p.y)), s3 = s * s * s;
    const real repulsion = PAIR_TERM == LENNARD_JONES ? p.x * s3 * s3 : (real)(0.0f), attraction = p.x * s3;
    f.first = 6.0f * i * (attraction - repulsion);
    f.second = 6.0f * i * i * (7.0f * repulsion - 4.0f * attraction);
#elif PAIR_TERM == DAMPED_BY_FORCE
    const float r2 = 1.0f / p.y, c6 = 2.0f * p.x * r2 * r2 * r2;
    const real u3 = u * u * u, i = vrecip(u3 * u + 180.0f * c6);
    f.first = 3.0f * c6 * i;
    f.second = -12.0f * c6 * u3 * i * i;
#else
    // −2ε/N(s): first 2ε N'/N², second 2ε (N''/N² − 2N'²/N³), and a factor 1/R² for each derivative by s.
    const real s = u * p.y, near = vmax(1.0f - s, (real)(0.0f));
    real n = s * s * s, n1 = 3.0f * s * s, n2 = 6.0f * s;
#if PAIR_TERM == DAMPED_LINEAR
    n += 0.5f * near, n1 -= s < 1.0f ? (real)(0.5f) : (real)(0.0f);
#elif PAIR_TERM == DAMPED_QUADRATIC
    n += 0.5f * near * near, n1 -= near, n2 += s < 1.0f ? (real)(1.0f) : (real)(0.0f);
#else
    const real j = vrecip(s), j2 = j * j, j4 = j2 * j2;
#if PAIR_TERM == DAMPED_INVERSE_4
    n += 0.03f * j2, n1 -= 0.06f * j2 * j, n2 += 0.18f * j4;
#else
    n += 0.01f * j4, n1 -= 0.04f * j4 * j, n2 += 0.2f * j4 * j2;
#endif
#endif
    const real i = vrecip(n), g = 2.0f * p.x * p.y * i * i;
    f.first = g * n1;
    f.second = g * p.y * (n2 - 2.0f * n1 * n1 * i);
#endif
    return f;
}

static void add_pair_terms(global const float4 *atoms, int n, real x, real y, real z, field_t *f)
{
#if PAIR_TERM != NO_PAIR_TERM
    for (int a = 0; a < n; ++a) {
        const float4 at = atoms[2 * a];
        const real dx = x - at.x, dy = y - at.y, dz = z - at.z;
        const slopes_t s = pair_slopes(atoms[2 * a + 1], dx * dx + dy * dy + dz * dz);
        const real g = 2.0f * s.first, k = 4.0f * s.second;
        f->gx += g * dx;
        f->gy += g * dy;
        f->gz += g * dz;
        f->xx += g + k * dx * dx;
        f->xy += k * dx * dy;
        f->xz += k * dx * dz;
        f->yy += g + k * dy * dy;
        f->yz += k * dy * dz;
        f->zz += g + k * dz * dz;
    }
#endif
}
