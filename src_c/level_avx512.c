/* The kernels for x86-64 processors with AVX-512 F, DQ, BW and VL (Skylake-X, Zen 4 and later). */
#include "targets.h"
#if FASTNET_X86_LEVELS
#include <stddef.h>
#include <stdint.h>
#include <string.h>
FASTNET_TARGET_BEGIN_AVX512
#define LEVEL avx512
#define VECTOR_BYTES 64
#include "level.inc"
FASTNET_TARGET_END
#else
typedef int fastnet_no_avx512;
#endif
