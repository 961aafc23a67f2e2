"""The activations as C99 text, piece by piece: what `c_export` puts into a file, and no more than the net needs.

Written so that gcc and clang vectorise every loop that inlines them at -O3, with no further flag: no branch,
no library call, and choices by sign bit made on integers.  The methods are those of the compiled kernels:
exp by Cody and Waite's reduction and a Chebyshev polynomial, e^-x^2 and its like with the argument as an
unevaluated sum hi + lo, so that tails keep relative accuracy; NaN stays NaN, infinities give the limits.

In the text REAL, BITS, FABS, ... are words that `words(dtype)` replaces; NET_ is the prefix of the net.
"""

# Constants of one precision.  Polynomials: highest power first.
F64 = {
    "REAL": "double", "BITS": "uint64_t", "FABS": "fabs", "SUFFIX": "",
    "MANTISSA_BITS": "52", "SIGN_SHIFT": "63", "HALF_EXPONENTS": "1024", "ONE_BITS": "UINT64_C(0x3ff0000000000000)",
    "UPPER_HALF": "UINT64_C(0xfffffffff8000000)", "ROUND_MAGIC": "0x1.8p+52", "LOG2_E": "0x1.71547652b82fep+0",
    "LN2_HI": "0x1.62e42feep-1", "LN2_LO": "0x1.a39ef35793c76p-33",
    "EXP_LEAST": "-765.0", "TANH_ONE": "40.0", "REAL_MAX": "0x1.fffffffffffffp+1023",
    "GAUSSIAN_END": "27.4", "NORMAL_END": "39.0", "NORMAL_CENTRE": "5.0", "GELU_TANH_END": "21.7",
    "INV_SQRT_2PI": "0x1.9884533d43651p-2", "TWO_OVER_PI": "0x1.45f306dc9c883p-1",
    "HALF_PI_1": "0x1.921fb54p+0", "HALF_PI_2": "0x1.10b461p-30", "HALF_PI_3": "0x1.a62633p-58",
    "HALF_PI_4": "0x1.45c06e0e68948p-86", "SINE_END": "1e8",
    "GELU_A_HI": "0x1.988453p+0", "GELU_A_LO": "0x1.ea1b284687e5ap-27", "GELU_A": "0x1.9884533d43651p+0",
    "GELU_B_HI": "0x1.2444f28p-4", "GELU_B_LO": "0x1.26c5a57a4def1p-31", "GELU_B": "0x1.2444f2a4d8b4bp-4",
}
F32 = {
    "REAL": "float", "BITS": "uint32_t", "FABS": "fabsf", "SUFFIX": "f",
    "MANTISSA_BITS": "23", "SIGN_SHIFT": "31", "HALF_EXPONENTS": "128", "ONE_BITS": "UINT32_C(0x3f800000)",
    "UPPER_HALF": "UINT32_C(0xfffff000)", "ROUND_MAGIC": "0x1.8p+23f", "LOG2_E": "0x1.715476p+0f",
    "LN2_HI": "0x1.62e4p-1f", "LN2_LO": "0x1.7f7d1cp-20f",
    "EXP_LEAST": "-115.0f", "TANH_ONE": "20.0f", "REAL_MAX": "0x1.fffffep+127f",
    "GAUSSIAN_END": "10.4f", "NORMAL_END": "15.0f", "NORMAL_CENTRE": "4.0f", "GELU_TANH_END": "11.1f",
    "INV_SQRT_2PI": "0x1.988454p-2f", "TWO_OVER_PI": "0x1.45f306p-1f",
    "HALF_PI_1": "0x1.92p+0f", "HALF_PI_2": "0x1.fb4p-12f", "HALF_PI_3": "0x1.444p-24f",
    "HALF_PI_4": "0x1.68c234p-39f", "SINE_END": "6400.0f",
    "GELU_A_HI": "0x1.988p+0f", "GELU_A_LO": "0x1.14cf5p-14f", "GELU_A": "0x1.988454p+0f",
    "GELU_B_HI": "0x1.244p-4f", "GELU_B_LO": "0x1.3ca936p-18f", "GELU_B": "0x1.2444f2p-4f",
}
POLYNOMIALS = {
    "EXPM1": (("0x1.6d117cp-10", "0x1.120be2p-7", "0x1.555518p-5", "0x1.5554dcp-3", "0x1p-1"),
              ("0x1.af390ba7e6f47p-26", "0x1.2891d4ffbb0f9p-22", "0x1.71de0d85293b8p-19", "0x1.a019b8ca26fcfp-16",
               "0x1.a01a01a7cebcdp-13", "0x1.6c16c1789d1d7p-10", "0x1.11111111109a6p-7", "0x1.5555555553d37p-5",
               "0x1.5555555555556p-3", "0x1p-1")),
    "LOG1P": (("0x1.12f598p-11", "0x1.21249ap-9", "0x1.99ad6cp-7", "0x1.55554cp-4"),
              ("0x1.4b0a26c5f2aefp-24", "0x1.687a6e7c95176p-23", "0x1.eb905e8575054p-21", "0x1.10ac75dc602b1p-18",
               "0x1.3b18b294bebf9p-16", "0x1.745cf0b0e03bdp-14", "0x1.c71c727143318p-12", "0x1.24924923d44c6p-9",
               "0x1.999999999a3ddp-7", "0x1.5555555555555p-4")),
    "NORMAL": (("-0x1.37f31p-14", "-0x1.17ea82p-14", "0x1.6a33ap-11", "-0x1.3a7cd4p-12", "-0x1.47d2p-8", "0x1.25eb82p-6",
                "-0x1.07c3b6p-5", "0x1.d4953cp-6", "0x1.cabd76p-7", "-0x1.8c18fp-4", "0x1.e361eap-2"),
               ("0x1.a861c75e7695fp-31", "0x1.1577042e5d7b7p-28", "0x1.83eccc918fd7ap-32", "-0x1.139d524431f51p-25",
                "-0x1.793cd01221cbfp-26", "0x1.ab44b280bef68p-23", "0x1.0bd25b68f0d02p-23", "-0x1.5fa721853f404p-20",
                "-0x1.282ad7636928cp-24", "0x1.300b2a4475b1p-17", "-0x1.4c12054032717p-17", "-0x1.c1b262a42fa71p-15",
                "0x1.7e61edf9d1baap-13", "0x1.05721e2631b57p-17", "-0x1.b75f4fb23871ap-10", "0x1.ab6d0385e766bp-8",
                "-0x1.f11aab029cdcap-7", "0x1.92037bab66223p-6", "-0x1.b08e0007b6b9bp-6", "0x1.47c1d03052affp-7",
                "0x1.fc66cc64a144dp-6", "-0x1.76ff86859eb0bp-4", "0x1.d8979b0f2b39dp-2")),
    "SINE": (("-0x1.9ac98ep-13", "0x1.110c28p-7", "-0x1.555552p-3"),
             ("0x1.5e0b05bff20f2p-33", "-0x1.ae600aca92c64p-26", "0x1.71de379654304p-19", "-0x1.a01a019e83816p-13",
              "0x1.1111111110bb2p-7", "-0x1.5555555555555p-3")),
    "COSINE": (("0x1.9bd88p-16", "-0x1.6c12d2p-10", "0x1.555554p-5"),
               ("-0x1.907d8f29fe831p-37", "0x1.1eeb68cd22f56p-29", "-0x1.27e4fa17bf139p-22", "0x1.a01a019f4e9b4p-16",
                "-0x1.6c16c16c16967p-10", "0x1.5555555555555p-5")),
}

# Helper functions: name -> (other pieces that it needs, text), in the order in which they are written.
HELPERS = {
    "bits": ((), """\
static inline BITS NET_bits(REAL x)
{
    BITS bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline REAL NET_from_bits(BITS bits)
{
    REAL x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
"""),
    "by_sign": (("bits",), """\
/* plus where the sign bit of z is clear, minus where it is set; on integers, for speed. */
static inline REAL NET_by_sign(REAL z, REAL plus, REAL minus)
{
    const BITS mask = (BITS)0 - (NET_bits(z) >> SIGN_SHIFT);
    return NET_from_bits((NET_bits(plus) & ~mask) | (NET_bits(minus) & mask));
}
"""),
    "with_sign": (("bits",), """\
/* |x| with the sign of z. */
static inline REAL NET_with_sign(REAL x, REAL z)
{
    const BITS sign = (BITS)1 << SIGN_SHIFT;
    return NET_from_bits((NET_bits(x) & ~sign) | (NET_bits(z) & sign));
}
"""),
    "where": (("bits",), """\
/* x where the condition holds, else y; on integers too: with no branch that would stop a loop from being vectorised. */
static inline REAL NET_where(int condition, REAL x, REAL y)
{
    const BITS mask = (BITS)0 - (BITS)condition;
    return NET_from_bits((NET_bits(x) & mask) | (NET_bits(y) & ~mask));
}
"""),
    "at_most": (("where",), """\
/* limit for x beyond it, x otherwise: NaN fails the comparison and stays. */
static inline REAL NET_at_most(REAL x, REAL limit)
{
    return NET_where(x > limit, limit, x);
}
"""),
    "at_least": (("where",), """\
/* limit for x below it, x otherwise, NaN too. */
static inline REAL NET_at_least(REAL x, REAL limit)
{
    return NET_where(x < limit, limit, x);
}
"""),
    "pairs": ((), """\
/* An unevaluated sum hi + lo. */
typedef struct { REAL hi, lo; } NET_pair;

static inline NET_pair NET_make_pair(REAL hi, REAL lo)
{
    NET_pair out;
    out.hi = hi;
    out.lo = lo;
    return out;
}
"""),
    "sum": (("pairs",), """\
/* x + y with its rounding error (D. Knuth). */
static inline NET_pair NET_sum(REAL x, REAL y)
{
    const REAL hi = x + y, y_in = hi - x;
    return NET_make_pair(hi, (x - (hi - y_in)) + (y - y_in));
}
"""),
    "products": (("bits", "pairs"), """\
/* x without the lower half of its digits: a product of two such values is exact. */
static inline REAL NET_upper_half(REAL x)
{
    return NET_from_bits(NET_bits(x) & UPPER_HALF);
}

/* x y; hi is exact (T. Dekker). */
static inline NET_pair NET_product(REAL x, REAL y)
{
    const REAL x_hi = NET_upper_half(x), y_hi = NET_upper_half(y);
    return NET_make_pair(x_hi * y_hi, x_hi * (y - y_hi) + (x - x_hi) * y);
}
"""),
    "exp": (("bits",), """\
/* e^x = (1 + p) power scale, the last two powers of two: x = k ln 2 + r, |r| <= ln 2 / 2 (Cody and
 * Waite), p = e^r - 1 by a polynomial, and 2^k in two halves, so that neither overflows and a
 * subnormal result is rounded once. */
typedef struct { REAL p, power, scale; } NET_scaled;

/* e^(hi + lo) for EXP_LEAST <= hi <= 0, lo small beside hi. */
static inline NET_scaled NET_exp_of(REAL hi, REAL lo)
{
    NET_scaled out;
    const REAL k_magic = hi * LOG2_E + ROUND_MAGIC;
    const REAL k = k_magic - ROUND_MAGIC;
    const REAL r = ((hi - k * LN2_HI) - k * LN2_LO) + lo;
    const BITS all = NET_bits(k_magic);
    const BITS half = ((all + 2 * HALF_EXPONENTS) >> 1) - HALF_EXPONENTS;
    REAL q = POLYNOMIAL(EXPM1, r);
    out.p = r + r * (r * q);
    out.power = NET_from_bits((half << MANTISSA_BITS) + ONE_BITS);
    out.scale = NET_from_bits(((all - half) << MANTISSA_BITS) + ONE_BITS);
    return out;
}
"""),
    "times_exp": (("exp",), """\
/* factor e^x, rounded as late as can be. */
static inline REAL NET_times_exp(REAL factor, NET_scaled e)
{
    return (factor + factor * e.p) * e.power * e.scale;
}
"""),
    "exp_of_nonpositive": (("times_exp", "at_least"), """\
/* e^x for x <= 0. */
static inline REAL NET_exp_of_nonpositive(REAL x)
{
    return NET_times_exp(1, NET_exp_of(NET_at_least(x, EXP_LEAST), 0));
}
"""),
    "expm1": (("exp", "at_least"), """\
/* e^x - 1 for x <= 0, -1 exactly once e^x is lost beside 1; times_exp would cancel near 0. */
static inline REAL NET_expm1_of_nonpositive(REAL x)
{
    const NET_scaled e = NET_exp_of(NET_at_least(x, -TANH_ONE), 0);
    const REAL power = e.power * e.scale;
    return (power - 1) + power * e.p;
}
"""),
    "exp_of_square": (("exp", "times_exp", "products"), """\
/* e^(-c x^2), x^2 as a pair: the rounding of x^2 would be the tail's relative error. */
static inline NET_scaled NET_exp_of_square(REAL c, REAL x)
{
    const NET_pair square = NET_product(-c * x, x);
    return NET_exp_of(square.hi, square.lo);
}
"""),
    "log1p": (("sum",), """\
/* log(1 + e) for 0 <= e <= 1: 2 artanh(w / 2), w = 2 e / (2 + e). */
static inline REAL NET_log1p(REAL e)
{
    const NET_pair d = NET_sum(2, e);
    const REAL quotient = 2 * e / d.hi;
    const REAL w = quotient - quotient * d.lo / 2;
    const REAL s = w * w;
    REAL q = POLYNOMIAL(LOG1P, s);
    return w + w * (s * q);
}
"""),
    "normal_tail": ((), """\
/* P(N(0, 1) < -x) e^(x^2 / 2) for x >= 0; (x + 1) times it is a polynomial in (x - c) / (x + c)
 * (after M. Shepherd and J. Laframboise, 1981). */
static inline REAL NET_normal_tail(REAL x)
{
    const REAL t = (x - NORMAL_CENTRE) / (x + NORMAL_CENTRE);
    REAL q = POLYNOMIAL(NORMAL, t);
    return q / (x + 1);
}
"""),
    "gelu_exp": (("exp", "times_exp", "products", "sum"), """\
/* e^-2u, 2u = x (GELU_A + GELU_B x^2) = sqrt(8 / pi) (x + 0.044715 x^3) as a pair, x >= 0. */
static inline NET_scaled NET_gelu_exp(REAL x)
{
    const NET_pair square = NET_product(x, x);
    const REAL s = square.hi + square.lo, s_hi = NET_upper_half(s), s_lo = (square.hi - s_hi) + square.lo;
    const NET_pair sum = NET_sum(GELU_A_HI, GELU_B_HI * s_hi);
    const REAL hi = NET_upper_half(sum.hi);
    const REAL lo = (sum.hi - hi) + (sum.lo + (GELU_A_LO + (GELU_B_HI * s_lo + GELU_B_LO * s)));
    const REAL x_hi = NET_upper_half(x);
    return NET_exp_of(-(x_hi * hi), -(x_hi * lo + (x - x_hi) * (hi + lo)));
}
"""),
    "sine": (("bits", "sum"), """\
/* sin z, or cos z with quarter = 1, |z| <= SINE_END: |z| = k pi/2 + r, pi/2 in four parts. */
static inline REAL NET_sine(REAL z, BITS quarter)
{
    const REAL x = FABS(z);
    const REAL k_magic = x * TWO_OVER_PI + ROUND_MAGIC;
    const REAL k = k_magic - ROUND_MAGIC;
    const NET_pair r1 = NET_sum(x - k * HALF_PI_1, -(k * HALF_PI_2));
    const NET_pair r2 = NET_sum(r1.hi, -(k * HALF_PI_3));
    const NET_pair r = NET_sum(r2.hi, (r1.lo + r2.lo) - k * HALF_PI_4);
    const REAL s = r.hi * r.hi, half = s / 2, top = 1 - half;
    REAL p = POLYNOMIAL(SINE, s);
    REAL q = POLYNOMIAL(COSINE, s);
    const REAL sine = r.hi + (r.hi * (s * p) + r.lo);
    const REAL cosine = top + (((1 - top) - half) + (s * (s * q) - r.hi * r.lo));
    const BITS turns = NET_bits(k_magic) + quarter;
    const BITS odd = (BITS)0 - (turns & 1);
    const BITS value = (NET_bits(cosine) & odd) | (NET_bits(sine) & ~odd);
    const BITS sign = quarter ? 0 : NET_bits(z) >> SIGN_SHIFT;
    return NET_from_bits(value ^ ((((turns >> 1) ^ sign) & 1) << SIGN_SHIFT));
}

/* Whether an argument is too large for NET_sine: then the whole layer goes to the C library. */
static inline int NET_beyond_sine(size_t n, const REAL *z)
{
    int beyond = 0;
    for (size_t i = 0; i < n; i++)
        beyond |= !(FABS(z[i]) <= SINE_END);
    return beyond;
}
"""),
}

# name -> (helpers, a comment, the value: an expression in z, and f'(z): an expression in z and a).
ELEMENTWISE = {
    "sigmoid": (("exp_of_nonpositive", "by_sign"), "1 / (1 + e^-z)", "NET_sigmoid1(z)", "a * (1 - a)"),
    "tanh": (("expm1", "with_sign"), "tanh z", "NET_tanh1(z)", "(1 - a) * (1 + a)"),
    "relu": ((), "max(z, 0); slope 0 at 0", "z < 0 ? 0 : z", "a > 0 ? 1 : (a <= 0 ? 0 : a)"),
    "identity": ((), "z", None, None),
    "leaky_relu": (("by_sign",), "z, or z / 100 below 0", "NET_by_sign(z, z, CONST(0.01) * z)",
                   "a > 0 ? 1 : (a <= 0 ? CONST(0.01) : a)"),
    "elu": (("expm1", "by_sign", "where"), "z, or e^z - 1 below 0", "NET_by_sign(z, z, NET_expm1_of_nonpositive(-FABS(z)))",
            "NET_where(a > 0, 1, a + 1)"),
    "selu": (("expm1", "by_sign", "where"), "s z, or s t (e^z - 1) below 0 (G. Klambauer et al., 2017)",
             "NET_by_sign(z, CONST(1.0507009873554804934193349852946) * z,\n"
             "                             CONST(1.75809934084737685994021752081) * NET_expm1_of_nonpositive(-FABS(z)))",
             "NET_where(a > 0, CONST(1.0507009873554804934193349852946), a + CONST(1.75809934084737685994021752081))"),
    "gelu": (("exp_of_square", "normal_tail", "by_sign", "at_most", "at_least"), "z P(N(0, 1) < z)", "NET_gelu1(z)", "NET_gelu_prime1(z)"),
    "gelu_tanh": (("gelu_exp", "by_sign", "at_most", "at_least"), "z (1 + tanh u) / 2, u = sqrt(2 / pi) (z + 0.044715 z^3)",
                  "NET_gelu_tanh1(z)", "NET_gelu_tanh_prime1(z)"),
    "silu": (("exp_of_nonpositive", "by_sign", "at_most"), "z / (1 + e^-z)", "NET_silu1(z)", "NET_silu_prime1(z)"),
    "softplus": (("expm1", "exp_of_nonpositive", "log1p"), "log(1 + e^z)",
                 "NET_at_least(z, 0) + NET_log1p(NET_exp_of_nonpositive(-FABS(z)))", "-NET_expm1_of_nonpositive(-a)"),
    "softsign": (("with_sign", "at_most"), "z / (1 + |z|)", "NET_softsign1(z)", "(1 - FABS(a)) * (1 - FABS(a))"),
    "hard_sigmoid": (("at_most", "at_least"), "min(max(z + 3, 0), 6) / 6", "NET_at_most(NET_at_least(z + 3, 0), 6) / 6",
                     "a > 0 && a < 1 ? CONST(1.0) / 6 : (a == a ? 0 : a)"),
    "hard_tanh": (("at_most", "at_least"), "min(max(z, -1), 1)", "NET_at_most(NET_at_least(z, -1), 1)",
                  "FABS(a) < 1 ? 1 : (a == a ? 0 : a)"),
    "sin": (("sine",), "sin z", "NET_sine(z, 0)", "NET_sine(z, 1)"),
    "gaussian": (("exp_of_square", "at_most", "at_least"), "e^-(z^2)",
                 "NET_times_exp(1, NET_exp_of_square(1, NET_at_most(FABS(z), GAUSSIAN_END)))",
                 "-2 * NET_at_most(NET_at_least(z, -GAUSSIAN_END), GAUSSIAN_END) * a"),
}

# The scalar functions that some of the expressions above call.
SCALARS = {
    "sigmoid": """\
/* exp only sees arguments <= 0: no overflow, and relative accuracy in both tails. */
static inline REAL NET_sigmoid1(REAL z)
{
    const REAL e = NET_exp_of_nonpositive(-FABS(z));
    return NET_by_sign(z, 1, e) / (1 + e);
}
""",
    "tanh": """\
/* m / (2 - m), m = 1 - e^-2|z|: no cancellation at 0. */
static inline REAL NET_tanh1(REAL z)
{
    const REAL m = -NET_expm1_of_nonpositive(-2 * FABS(z));
    return NET_with_sign(m / (2 - m), z);
}
""",
    "silu": """\
static inline REAL NET_silu1(REAL z)
{
    const REAL x = NET_at_least(z, EXP_LEAST);
    const NET_scaled e = NET_exp_of(NET_at_least(-FABS(z), EXP_LEAST), 0);
    return NET_by_sign(z, z, NET_times_exp(x, e)) / (1 + NET_times_exp(1, e));
}

/* s (1 + z (1 - s)), s = sigma(z); z past the ends, where s (1 - s) is 0, counts as the end. */
static inline REAL NET_silu_prime1(REAL z)
{
    const REAL e = NET_exp_of_nonpositive(-FABS(z));
    const REAL large = 1 / (1 + e), small = e / (1 + e);
    const REAL x = NET_at_most(NET_at_least(z, EXP_LEAST), -(EXP_LEAST));
    return NET_by_sign(z, large * (1 + x * small), small * (1 + x * large));
}
""",
    "gelu": """\
static inline REAL NET_gelu1(REAL z)
{
    const REAL end = NET_at_least(z, -NORMAL_END);
    const REAL x = NET_at_most(FABS(z), NORMAL_END);
    const NET_scaled e = NET_exp_of_square(CONST(0.5), x);
    const REAL tail = NET_normal_tail(x);
    return NET_by_sign(z, z * (1 - NET_times_exp(tail, e)), NET_times_exp(end * tail, e));
}

/* Phi + z phi. */
static inline REAL NET_gelu_prime1(REAL z)
{
    const REAL x = NET_at_most(FABS(z), NORMAL_END);
    const NET_scaled e = NET_exp_of_square(CONST(0.5), x);
    const REAL p = NET_times_exp(NET_normal_tail(x) - x * INV_SQRT_2PI, e);
    return NET_by_sign(z, 1 - p, p);
}
""",
    "gelu_tanh": """\
static inline REAL NET_gelu_tanh1(REAL z)
{
    const REAL end = NET_at_least(z, -GELU_TANH_END);
    const NET_scaled e = NET_gelu_exp(NET_at_most(FABS(z), GELU_TANH_END));
    return NET_by_sign(z, z, NET_times_exp(end, e)) / (1 + NET_times_exp(1, e));
}

/* s (1 + z (1 - s) v), s = sigma(2u), v = (2u)'. */
static inline REAL NET_gelu_tanh_prime1(REAL z)
{
    const REAL x = NET_at_most(FABS(z), GELU_TANH_END);
    const NET_scaled e = NET_gelu_exp(x);
    const REAL small = NET_times_exp(1, e), d = 1 + small, v = GELU_A + 3 * GELU_B * x * x;
    return NET_by_sign(z, (1 + x * (small / d) * v) / d, NET_times_exp((1 - x / d * v) / d, e));
}
""",
    "softsign": """\
static inline REAL NET_softsign1(REAL z)
{
    const REAL x = NET_at_most(FABS(z), REAL_MAX);
    return NET_with_sign(x / (1 + x), z);
}
""",
}

VALUE = """\
/* a = f(z) = {comment}, in place. */
static inline void NET_{name}(size_t n, REAL *a)
{{
    for (size_t i = 0; i < n; i++) {{
        const REAL z = a[i];
        a[i] = {value};
    }}
}}
"""
PRIME = """\
/* s = f'(z), where s comes as z and a is f(z). */
static inline void NET_{name}_prime(size_t n, const REAL *RESTRICT a_in, REAL *RESTRICT s)
{{
    for (size_t i = 0; i < n; i++) {{
        const REAL z = s[i], a = a_in[i];
        (void)z, (void)a;
        s[i] = {prime};
    }}
}}
"""
SINE_LIBRARY = """\
    if (NET_beyond_sine(n, {array})) {{
        for (size_t i = 0; i < n; i++)
            {array}[i] = (REAL){function}((double){array}[i]);
        return;
    }}
"""
SOFTMAX = """\
/* a_j = e^z_j / sum_k e^z_k, in place; the maximum is taken off first.  Entries of +inf share 1. */
static inline void NET_softmax(size_t n, REAL *a)
{
    REAL most = a[0], total = 0;
    for (size_t i = 1; i < n; i++)
        most = a[i] > most || most != most ? a[i] : most;
    for (size_t i = 0; i < n; i++) {
        const NET_pair x = NET_sum(a[i], -most);
        const REAL hi = NET_at_least(x.hi, EXP_LEAST);
        a[i] = a[i] == most ? 1 : NET_times_exp(1, NET_exp_of(hi, hi == x.hi ? x.lo : 0));
        total += a[i];
    }
    for (size_t i = 0; i < n; i++)
        a[i] /= total;
}
"""
SOFTMAX_PRODUCT = """\
/* delta_j = a_j (delta_j - sum_k delta_k a_k): softmax's Jacobian, which is symmetric, times delta. */
static inline void NET_softmax_product(size_t n, const REAL *RESTRICT a, REAL *RESTRICT delta)
{
    REAL mean = 0;
    for (size_t i = 0; i < n; i++)
        mean += delta[i] * a[i];
    for (size_t i = 0; i < n; i++)
        delta[i] = a[i] * (delta[i] - mean);
}
"""


def functions(names):
    """The text of all that these activations need, each piece once, with the words still in it."""
    wanted = set()

    def want(piece):
        for needed in HELPERS[piece][0]:
            want(needed)
        wanted.add(piece)

    for name in names:
        for piece in ELEMENTWISE[name][0] if name != "softmax" else ("times_exp", "sum", "at_least"):
            want(piece)
    pieces = [text for piece, (_, text) in HELPERS.items() if piece in wanted]
    for name in dict.fromkeys(names):
        pieces += [SOFTMAX, SOFTMAX_PRODUCT] if name == "softmax" else elementwise(name)
    return pieces


def elementwise(name):
    """A scalar function if there is one, the loop of values and the loop of derivatives."""
    _, comment, value, prime = ELEMENTWISE[name]
    if name in SCALARS:
        yield SCALARS[name]
    loops = [VALUE.format(name=name, comment=comment, value=value)] if value else []
    if prime:
        loops.append(PRIME.format(name=name, prime=prime))
    if name == "sin":
        loops = [loop.replace("{\n", "{\n" + SINE_LIBRARY.format(array=array, function=function), 1)
                 for loop, array, function in zip(loops, ("a", "s"), ("sin", "cos"))]
    yield from loops
