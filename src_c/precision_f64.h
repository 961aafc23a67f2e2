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
#define RESCALE 128
#define RESCALE_DOWN 0x1p-128
#define RESCALE_UP 0x1p+128
#define TANH_ONE 40.0                  /* 1 - e^-40 == 1: tanh is 1 from |z| = 20 on */
#define COMPENSATED 1                  /* see exp.inc */
#define REAL_MAX 0x1.fffffffffffffp+1023
#define INFINITY_REAL __builtin_inf()
#define UPPER_HALF 0xfffffffff8000000u /* clears the lower half of the digits */
#define EXP_LEAST -765.0               /* exp of it is 0, and so is its product with it: what pairs.inc goes down to */
#define EXP_SMALL -640.0               /* below, pairs.inc keeps 2^k away from where a factor makes it subnormal */
#define GAUSSIAN_END 27.4              /* e^(-z^2) is 0 from here on */
#define NORMAL_END 39.0                /* z Phi(-z) is 0 from here on */
#define NORMAL_CENTRE 5                /* see special.inc */
#define GELU_TANH_END 21.7             /* gelu_tanh(-z) is 0 from here on */
#define INV_SQRT_2PI 0x1.9884533d43651p-2
#define TWO_OVER_PI 0x1.45f306dc9c883p-1
#define HALF_PI_1 0x1.921fb54p+0       /* pi/2 in parts that times a k below 2^26 are exact */
#define HALF_PI_2 0x1.10b461p-30
#define HALF_PI_3 0x1.a62633p-58
#define HALF_PI_4 0x1.45c06e0e68948p-86
#define SINE_END 1e8                   /* k stays below that */
#define GELU_A 0x1.9884533d43651p+0    /* 2 sqrt(2 / pi), in two parts too */
#define GELU_A_HI 0x1.988453p+0
#define GELU_A_LO 0x1.ea1b284687e5ap-27
#define GELU_B 0x1.2444f2a4d8b4bp-4    /* 0.044715 times it */
#define GELU_B_HI 0x1.2444f28p-4
#define GELU_B_LO 0x1.26c5a57a4def1p-31
