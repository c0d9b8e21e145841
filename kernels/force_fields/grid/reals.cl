// Reads and writes WIDTH neighbouring numbers, a `real` of vector.cl, and makes indices of them.
#include "opencl/vector.cl"

// PoCL's compiler unrolls no loop unasked; then arrays that a loop works on are in memory.
#define UNROLL __attribute__((opencl_unroll_hint))

static real load_real(global const float *at)
{
#if WIDTH == 8
    return vload8(0, at);
#else
    return at[0];
#endif
}

static void store_real(real value, global float *at)
{
#if WIDTH == 8
    vstore8(value, 0, at);
#else
    at[0] = value;
#endif
}

#if WIDTH == 8
typedef int8 integers;
#define AS_INTEGERS as_int8
#else
typedef int integers;
#define AS_INTEGERS as_int
#endif

// x as an integer, if it is one and |x| < 2²²: the low bits of 1.5·2²³ + x.
static integers whole_number(real x) { return AS_INTEGERS(x + 12582912.0f) - 0x4b400000; }
