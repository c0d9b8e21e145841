// Point steps, one after the other, on each value. The generated text STEPS includes the files of the steps and defines
//   STEP_PARAMETERS  their kernel parameters,
//   OPEN_STEPS       statements that make a variable for each step from `pixel`,
//   APPLY_STEPS      statements that apply each step to `value`, in slice k with the statistics `slice`.
#include "noise/pixels.cl"
#include STEPS

// Changes the values in place.
kernel void change_points(global float *values, global const slice_t *restrict slices, const int nx, const int ny,
                          const int n_out, const int first STEP_PARAMETERS)
{
    IMAGE_PIXEL
    global float *row = values + begin + (size_t)ix * row_length;
    const pixel_t pixel = {image, ix, iy, nx, ny, n_out};
    OPEN_STEPS
    for (int block = 0; block < n_out; block += 4)
        for (int i = 0; i < 4 && block + i < n_out; ++i) {
            const int k = block + i;
            slice_t slice = slices[slices_before + k];
            real value = neighbours(row + k, iy, ny, n_out);
            APPLY_STEPS
            store_neighbours(row + k, iy, ny, n_out, value);
        }
}
