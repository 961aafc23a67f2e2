/* What an .inc file needs to know to be compiled for float: the type, the names
 * and the constants of exp.  Its twin is precision_f64.h. */
#define REAL float
#define REAL_BYTES 4
#define INT int32_t
#define INT_BITS uint32_t
#define SUFFIX f32
#define C(x) x##f

#define FABS __builtin_fabsf
#define COPYSIGN __builtin_copysignf
#define SQRT __builtin_sqrtf

#define MANTISSA_BITS 23
#define ONE_BITS 0x3f800000u
#define ROUND_MAGIC 0x1.8p23f          /* adding it rounds to an integer, kept in the low bits */
#define LOG2_E 0x1.715476p+0f
#define LN2_HI 0x1.62e4p-1f            /* 8 trailing zeros: k * LN2_HI is exact */
#define LN2_LO 0x1.7f7d1cp-20f
#define EXP_ZERO -104.0f               /* exp is 0 below, whatever the rounding */
#define EXP_SUBNORMAL -87.0f           /* below, 2^k alone is not a normal number */
#define EXP_INF 89.0f                  /* exp is inf above */
#define EXP_TOP 88.0f                  /* above, 2^k alone overflows */
#define RESCALE 64
#define RESCALE_DOWN 0x1p-64f
#define RESCALE_UP 0x1p+64f
#define TANH_ONE 20.0f                 /* 1 - e^-20 == 1: tanh is 1 from |z| = 10 on */
#define COMPENSATED 0                  /* see exp.inc */
