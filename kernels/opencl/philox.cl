// Philox4x32-10, a counter-based generator (Salmon et al., SC'11, doi:10.1145/2063384.2063405): four words of 32 bits for
// a counter of four words under a key of two. A work-item computes WIDTH counters side by side.
#include "opencl/vector.cl"

#if WIDTH == 8
typedef uint8 word;
static word upper(uint m, word a)  // two lanes make one number of 64 bits
{
    const ulong4 even = as_ulong4(a) & 0xFFFFFFFFul, odd = as_ulong4(a) >> 32;
    return as_uint8((even * m >> 32) | (odd * m & 0xFFFFFFFF00000000ul));
}
#else
typedef uint word;
static word upper(uint m, word a) { return mul_hi(m, a); }
#endif

typedef struct {
    word w[4];
} words_t;

static words_t philox(uint2 key, words_t counter)
{
    words_t c = counter;
    for (int round = 0; round < 10; ++round) {
        const word odd = c.w[1], even = c.w[2];
        c.w[1] = even * 0xCD9E8D57u;
        c.w[2] = upper(0xD2511F53u, c.w[0]) ^ c.w[3] ^ key.y;
        c.w[3] = c.w[0] * 0xD2511F53u;
        c.w[0] = upper(0xCD9E8D57u, even) ^ odd ^ key.x;
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}
