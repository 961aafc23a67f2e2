/* What an .inc file needs to know to be compiled for double: the type, the names
 * and the constants of exp.  Its twin is precision_f32.h. */
#define REAL double
#define REAL_BYTES 8
#define INT int64_t
#define INT_BITS uint64_t
#define SUFFIX f64
#define C(x) x

#define FABS __builtin_fabs
#define COPYSIGN __builtin_copysign
#define SQRT __builtin_sqrt

#define MANTISSA_BITS 52
#define ONE_BITS 0x3ff0000000000000u
#define ROUND_MAGIC 0x1.8p52           /* adding it rounds to an integer, kept in the low bits */
#define LOG2_E 0x1.71547652b82fep+0
#define LN2_HI 0x1.62e42fee00000p-1    /* 21 trailing zeros: k * LN2_HI is exact */
#define LN2_LO 0x1.a39ef35793c76p-33
#define EXP_ZERO -746.0                /* exp is 0 below, whatever the rounding */
#define EXP_SUBNORMAL -708.0           /* below, 2^k alone is not a normal number */
#define EXP_INF 710.0                  /* exp is inf above */
#define EXP_TOP 709.0                  /* above, 2^k alone overflows */
#define RESCALE 64
#define RESCALE_DOWN 0x1p-64
#define RESCALE_UP 0x1p+64
#define TANH_ONE 40.0                  /* 1 - e^-40 == 1: tanh is 1 from |z| = 20 on */
#define COMPENSATED 1                  /* see exp.inc */
