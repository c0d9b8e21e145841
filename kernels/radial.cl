// A radial function given by its values at 0, 1/per_step, 2/per_step …, two at least: linear between them, 0 beyond the
// last.
#define RADIAL_PARAMETERS global const float *restrict samples, const int count, const float per_step

static mask ends_beyond(int count, float per_step, real r) { return r * per_step <= (real)(count - 1); }

static real radial(global const float *samples, int count, float per_step, real r)
{
    const real t = r * per_step, last = count - 1;
    const real at = larger(whole_part(smaller(t, last - 0.5f)), (real)(0.0f)), part = smaller(t, last) - at;
#if WIDTH == 1
    const real value = samples[(int)at] + part * (samples[(int)at + 1] - samples[(int)at]);
#else
    real value = 0.0f;
    for (int lane = 0; lane < WIDTH; ++lane) {
        const int i = ((const float *)&at)[lane];
        ((float *)&value)[lane] = samples[i] + ((const float *)&part)[lane] * (samples[i + 1] - samples[i]);
    }
#endif
    return ends_beyond(count, per_step, r) ? value : (real)(0.0f);
}
