// A work-item carries WIDTH pixels: 1 on GPUs, 8 (a vector register) on CPUs. The physics is written once, in terms of
// `real`. It uses plain operators: PoCL does not inline its fma, select, fmax and any.
//
// Lanes are pixels that take the same branch: those of a work-item or, on NVIDIA's GPUs, those of a warp, whose threads
// wait for each other in any case but would not run together again after a branch. Hence every work-item of a group must
// call any_lane.
#if WIDTH == 8
typedef float8 real;
typedef int8 mask;
#define ALL_LANES ((mask)(-1))
#define LANE_INDEX ((float8)(0, 1, 2, 3, 4, 5, 6, 7))
static int any_lane(mask m)
{
    const long4 q = as_long4(m);
    const long2 h = q.lo | q.hi;
    return (h.x | h.y) != 0;
}
#else
typedef float real;
typedef int mask;
#define ALL_LANES 1
#define LANE_INDEX 0.0f
#ifdef __NV_CL_C_VERSION
static int any_lane(mask m)
{
    int any;
    asm volatile("{ .reg .pred p, q; setp.ne.s32 p, %1, 0; vote.sync.any.pred q, p, 0xffffffff; selp.s32 %0, 1, 0, q; }"
                 : "=r"(any) : "r"(m));
    return any;
}
#else
static int any_lane(mask m) { return m; }
#endif
#endif

#if WIDTH == 8 && defined(__clang__) && defined(__AVX__)
static real vsqrt(real x) { return __builtin_ia32_sqrtps256(x); }
#elif WIDTH == 8
static real vsqrt(real x) { return sqrt(x); }
#else
static real vsqrt(real x) { return native_sqrt(x); }
#endif

#if WIDTH == 8
// The halved exponent gives an estimate that is right to 3.5 %; the polynomial that fits 1/√(1 − e) best in that range
// corrects it up to rounding. Square root and division cost more, and the processors' own estimates differ between makers.
static real vrsqrt(real x)
{
    const real y = as_float8(0x5f375a86 - (as_int8(x) >> 1));
    const real e = 1.0f - x * y * y;
    return y + y * e * (0.5f + e * (0.37499788f + e * (0.31250107f + e * (0.27490848f + e * 0.24668483f))));
}

static real vrecip(real x) { return 1.0f / x; }
#else
#ifdef __NV_CL_C_VERSION
static real vrsqrt(real x)  // native_rsqrt takes three more instructions, for numbers below 10⁻³⁸
{
    real y;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
#else
static real vrsqrt(real x) { return native_rsqrt(x); }
#endif
static real vrecip(real x) { return native_recip(x); }
#endif

static real vmax(real a, real b) { return a > b ? a : b; }
static real vmin(real a, real b) { return a < b ? a : b; }
static real vabs(real a) { return vmax(a, -a); }

// The largest integer not above x, for |x| < 2²²; if x is an integer, the result may be x − 1.
static real vfloor(real x) { return (x - 0.5f + 12582912.0f) - 12582912.0f; }

// 2ᵗ to a unit in the last place, for −126 ≤ t < 127: a power of 2 by exponent bits, the rest by a polynomial.
static real vexp2(real t)
{
    const real shifted = t + 12582912.0f;  // 1.5·2²³: rounds to an integer, left in the low bits
    const real f = (t - (shifted - 12582912.0f)) * 0.69314718f;
    const real p = 1.0f + f * (1.0f + f * (0.5f + f * (1.6666667e-1f + f * (4.1666667e-2f + f * (8.3333333e-3f +
                   f * 1.3888889e-3f)))));
#if WIDTH == 8
    return as_float8(as_int8(p) + (as_int8(shifted) << 23));
#else
    return as_float(as_int(p) + (as_int(shifted) << 23));
#endif
}

// eˣ of x ≤ 0, to two units in the last place. −∞ gives 0.
static real vexp(real x)
{
    const real t = vmax(x * 1.44269504f, (real)(-126.0f));
    return t > -126.0f ? vexp2(t) : (real)(0.0f);
}
