// The types that every force field's .cl file uses, and the functions that it defines. Programs include the file by
// `#include FORCE_FIELD`. Lengths are in Å, energies in eV; positions are those of the probe particle, relative to the
// origin that the host class was given for the image. `real` has WIDTH pixels (vector.cl).
//
//   SAMPLE_PARAMETERS, SAMPLE_ARGUMENTS
//     Macros: the kernel parameters of the force field, and their names as arguments of sample_open.
//   STEP_TOLERANCE, FORCE_TOLERANCE
//     Macros: the length in Å of a Newton step after which what remains is below the rounding of the force; and how far F_z
//     between two relaxed heights may be off where it is interpolated, eV/Å.
//   sample_t sample_open(SAMPLE_PARAMETERS, int image)
//     Prepares the sample under the tip of an image. Every work-item of a group calls it: it may have a barrier.
//   field_t sample_field(const sample_t *, real x, real y, real z)
//     The gradient and the Hessian of the energy of a probe at (x, y, z).
//   column_t sample_column(const sample_t *, real x, real y)
//     What the vertical forces on rigid probes above and below each other have in common.
//   rigid_t sample_rigid(const sample_t *, const column_t *, real x, real y, real z, float iso, float step)
//     F_z on a rigid probe at (x, y, z), and the number of whole steps that it may descend without a check.
//   mask sample_passed(const sample_t *, real x, real y, real z)
//     The lanes where the probe has passed an atom: it is below the atom's centre, and its lateral distance is less than
//     half of the distance at which the energy of the two is lowest.
//
// sample_field and sample_rigid are called in loops that groups leave at different times: they must not have a barrier.
#include "opencl/vector.cl"

// The gradient of the energy, eV/Å, and its Hessian, eV/Å².
typedef struct {
    real gx, gy, gz, xx, xy, xz, yy, yz, zz;
} field_t;

// The vertical force F_z, eV/Å, and a number of steps: if above 1, F_z surely stays below iso down to that many steps; else
// it is 1.
typedef struct {
    real force, safe_steps;
} rigid_t;
