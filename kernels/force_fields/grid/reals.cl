// Reads and writes WIDTH neighbouring numbers, a `real` of vector.cl.
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
