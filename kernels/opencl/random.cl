// Random numbers from the words of a generator. Of each word the upper 24 bits are used, which float32 holds exactly.
#include "opencl/philox.cl"
#include "opencl/vector.cl"

#define UNIT 5.9604645e-8f  // 2⁻²⁴

#if WIDTH == 8
#define AS_MASK as_int8
#define AS_REAL as_float8
static real to_real(mask n) { return convert_float8(n); }
#else
#define AS_MASK as_int
#define AS_REAL as_float
static real to_real(mask n) { return (float)n; }
#endif

// Uniform on [−1/2, 1/2).
static real uniform(word w) { return to_real(AS_MASK(w >> 8)) * UNIT - 0.5f; }

// ln x of a normal number x > 0, to two units in the last place: x = 2^e m with m about 1 (polynomial: Cephes' logf).
static real vlog(real x)
{
    const mask e = (AS_MASK(x) - 0x3f3504f3) >> 23;
    const real f = AS_REAL(AS_MASK(x) - (e << 23)) - 1.0f, f2 = f * f, n = to_real(e);
    const real p = f * f2 * (3.3333331e-1f + f * (-2.4999994e-1f + f * (2.0000715e-1f + f * (-1.6668058e-1f +
                   f * (1.4249323e-1f + f * (-1.2420141e-1f + f * (1.1676999e-1f + f * (-1.1514610e-1f +
                   f * 7.0376836e-2f))))))));
    return f + (p - 2.1219444e-4f * n - 0.5f * f2) + 0.693359375f * n;
}

// Two standard normal numbers from two words (Box–Muller): √(−2 ln u)·(cos 2πt, sin 2πt) with u = (a + 1)/2²⁴ and
// t = b/2²⁴, where a and b are the upper 24 bits of the words. The largest possible number is 5.77.
static void normal(word a, word b, real *first, real *second)
{
    const real radius = vsqrt(-2.0f * vlog((to_real(AS_MASK(a >> 8)) + 1.0f) * UNIT));
    const word turn = b >> 8, quarter = (turn + (1u << 21)) >> 22;
    const real angle = 6.2831853f * UNIT * to_real(AS_MASK(turn - (quarter << 22))), z = angle * angle;  // −π/4 … π/4
    const real sine = angle + angle * z * (-1.6666655e-1f + z * (8.3321609e-3f - z * 1.9515296e-4f));
    const real cosine = 1.0f - 0.5f * z + z * z * (4.1666646e-2f + z * (-1.3887316e-3f + z * 2.4433157e-5f));
    const mask across = (quarter & 1u) != 0u, left = ((quarter + 1u) & 2u) != 0u, low = (quarter & 2u) != 0u;
    const real x = across ? sine : cosine, y = across ? cosine : sine;
    *first = radius * (left ? -x : x);
    *second = radius * (low ? -y : y);
}
