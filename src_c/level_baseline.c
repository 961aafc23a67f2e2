/* The kernels for any processor of the architecture: SSE2 on x86-64, NEON on aarch64. */
#define LEVEL baseline
#define VECTOR_BYTES 16
#include "level.inc"
