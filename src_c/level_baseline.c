/* The kernels for any processor of the architecture: SSE2 on x86-64, NEON on aarch64. */
#define LEVEL baseline
#include "level.inc"
