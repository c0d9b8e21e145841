// What the kernels know of an image (scan.py writes it).
typedef struct {
    float d0x, d0y, d0z, r0;  // equilibrium offset from the tip and bond length, Å
    float kx, ky, kz, kr;     // eV/Å²
} spring_t;

typedef struct {
    float step_x, step_y, step_z;  // Å between pixels and heights
    float scale;                   // 1 / step_z
    spring_t spring;
    int nz, n;    // heights, and how many of them a slice is made of
    int weights;  // where the weights of these n forces begin
} image_t;
