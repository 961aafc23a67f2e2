/* The kernels for x86-64 processors with AVX2 and FMA (Haswell, Zen and later).
 * The pragma gives the functions of this file, and no other, the instruction set:
 * one object file in one library, safe on processors without it. */
#include "targets.h"
#if FASTNET_X86_LEVELS
#include <stddef.h>
#include <stdint.h>
#include <string.h>
FASTNET_TARGET_BEGIN_AVX2
#define LEVEL avx2
#define VECTOR_BYTES 32
#include "level.inc"
FASTNET_TARGET_END
#else
typedef int fastnet_no_avx2;
#endif
