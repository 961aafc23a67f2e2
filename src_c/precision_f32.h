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
#define REAL_MAX 0x1.fffffep+127f
#define INFINITY_REAL __builtin_inff()
#define UPPER_HALF 0xfffff000u         /* clears the lower half of the digits */
#define EXP_LEAST -115.0f              /* exp of it is 0, and so is its product with it: what pairs.inc goes down to */
#define EXP_SMALL -64.0f               /* below, pairs.inc keeps 2^k away from where a factor makes it subnormal */
#define GAUSSIAN_END 10.4f             /* e^(-z^2) is 0 from here on */
#define NORMAL_END 15.0f               /* z Phi(-z) is 0 from here on */
#define NORMAL_CENTRE 4                /* see special.inc */
#define GELU_TANH_END 11.1f            /* gelu_tanh(-z) is 0 from here on */
#define INV_SQRT_2PI 0x1.988454p-2f
#define TWO_OVER_PI 0x1.45f306p-1f
#define HALF_PI_1 0x1.92p+0f           /* pi/2 in parts that times a k below 2^12 are exact */
#define HALF_PI_2 0x1.fb4p-12f
#define HALF_PI_3 0x1.444p-24f
#define HALF_PI_4 0x1.68c234p-39f
#define SINE_END 6400.0f               /* k stays below that */
#define GELU_A 0x1.988454p+0f          /* 2 sqrt(2 / pi), in two parts too */
#define GELU_A_HI 0x1.988p+0f
#define GELU_A_LO 0x1.14cf5p-14f
#define GELU_B 0x1.2444f2p-4f          /* 0.044715 times it */
#define GELU_B_HI 0x1.244p-4f
#define GELU_B_LO 0x1.3ca936p-18f
