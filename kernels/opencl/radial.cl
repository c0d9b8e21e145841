// A radial function given by at least two samples, at r = 0, 1/per_step, 2/per_step …: linear between the samples and 0
// beyond the last.
#include "opencl/vector.cl"

#define RADIAL_PARAMETERS global const float *restrict samples, const int count, const float per_step

// The lanes where r is not beyond the last sample.
static mask within_samples(int count, float per_step, real r) { return r * per_step <= (real)(count - 1); }

static real radial(global const float *samples, int count, float per_step, real r)
{
    const real t = r * per_step, last = count - 1;
    const real at = vmax(vfloor(vmin(t, last - 0.5f)), (real)(0.0f)), fraction = vmin(t, last) - at;
#if WIDTH == 1
    const real value = samples[(int)at] + fraction * (samples[(int)at + 1] - samples[(int)at]);
#else
    real value = 0.0f;
    for (int lane = 0; lane < WIDTH; ++lane) {
        const int i = ((const float *)&at)[lane];
        ((float *)&value)[lane] = samples[i] + ((const float *)&fraction)[lane] * (samples[i + 1] - samples[i]);
    }
#endif
    return within_samples(count, per_step, r) ? value : (real)(0.0f);
}
