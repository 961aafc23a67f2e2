"""The activations as Fortran 2008: bodies of elemental functions, a = f(z) and s = f'(z) from z, a or both.

Over Fortran's own exp, tanh, sin, erfc.  Like the compiled kernels: no overflow for any z, NaN stays NaN,
infinities give the limits.  In the far tails of gelu and gaussian, where values are below 1e-16 or so, relative
accuracy is that of z^2 rounded to `wp`.
"""

VALUES = {
    "sigmoid": """
real(wp) :: e
e = exp(-abs(z))
a = merge(1.0_wp, e, z >= 0) / (1 + e)
""",
    "tanh": "a = tanh(z)",
    "relu": "a = merge(0.0_wp, z, z < 0)",
    "leaky_relu": "a = merge(z, 0.01_wp * z, z > 0)",
    "elu": "a = merge(z, exp_minus_1(-abs(z)), z >= 0)",
    "selu": """
a = merge(1.0507009873554804934193349852946_wp * z, &
          1.75809934084737685994021752081_wp * exp_minus_1(-abs(z)), z >= 0)
""",
    "gelu": """
a = 0.5_wp * max_keeping_nan(z, -40.0_wp) * erfc(-0.70710678118654752440084436210485_wp * z)
""",
    "gelu_tanh": """
real(wp) :: x
x = min_keeping_nan(max_keeping_nan(z, -30.0_wp), 30.0_wp)
a = merge(z, x, z > 0) * sigmoid_of(1.5957691216057307117597842397375_wp * (x + 0.044715_wp * x**3))
""",
    "silu": "a = max_keeping_nan(z, -800.0_wp) * sigmoid_of(z)",
    "softplus": "a = max_keeping_nan(z, 0.0_wp) + log_1_plus(exp(-abs(z)))",
    "softsign": """
real(wp) :: x
x = min_keeping_nan(abs(z), huge(z))
a = sign(x / (1 + x), z)
""",
    "hard_sigmoid": "a = min_keeping_nan(max_keeping_nan(z + 3, 0.0_wp), 6.0_wp) / 6",
    "hard_tanh": "a = min_keeping_nan(max_keeping_nan(z, -1.0_wp), 1.0_wp)",
    "sin": "a = sin(z)",
    "gaussian": """
real(wp) :: x
x = min_keeping_nan(abs(z), 100.0_wp)
a = exp(-x * x)
""",
}

DERIVATIVES = {
    "sigmoid": "s = a * (1 - a)",
    "tanh": "s = (1 - a) * (1 + a)",
    "relu": "s = merge(1.0_wp, merge(0.0_wp, a, a <= 0), a > 0)",
    "leaky_relu": "s = merge(1.0_wp, merge(0.01_wp, a, a <= 0), a > 0)",
    "elu": "s = merge(1.0_wp, a + 1, a > 0)",
    "selu": """
s = merge(1.0507009873554804934193349852946_wp, a + 1.75809934084737685994021752081_wp, a > 0)
""",
    "gelu": """
real(wp) :: x
x = min_keeping_nan(max_keeping_nan(z, -40.0_wp), 40.0_wp)
s = 0.5_wp * erfc(-0.70710678118654752440084436210485_wp * x) &
    + 0.39894228040143267793994605993438_wp * x * exp(-0.5_wp * x * x)
""",
    "gelu_tanh": """
real(wp) :: x, p
x = min_keeping_nan(max_keeping_nan(z, -30.0_wp), 30.0_wp)
p = sigmoid_of(1.5957691216057307117597842397375_wp * (x + 0.044715_wp * x**3))
s = p * (1 + x * sigmoid_of(-1.5957691216057307117597842397375_wp * (x + 0.044715_wp * x**3)) &
    * 1.5957691216057307117597842397375_wp * (1 + 0.134145_wp * x**2))
""",
    "silu": """
real(wp) :: x
x = min_keeping_nan(max_keeping_nan(z, -800.0_wp), 800.0_wp)
s = sigmoid_of(z) * (1 + x * sigmoid_of(-z))
""",
    "softplus": "s = -exp_minus_1(-a)",
    "softsign": "s = (1 - abs(a))**2",
    "hard_sigmoid": "s = merge(1.0_wp / 6, merge(0.0_wp, a, a >= 0), a > 0 .and. a < 1)",
    "hard_tanh": "s = merge(1.0_wp, merge(0.0_wp, a, abs(a) >= 1), abs(a) < 1)",
    "sin": "s = cos(z)",
    "gaussian": "s = -2 * min_keeping_nan(max_keeping_nan(z, -100.0_wp), 100.0_wp) * a",
}

HELPERS = {
    "sigmoid_of": """
    ! 1 / (1 + e^-z); exp only sees arguments <= 0.
    elemental real(wp) function sigmoid_of(z) result(a)
        real(wp), intent(in) :: z
        real(wp) :: e
        e = exp(-abs(z))
        a = merge(1.0_wp, e, z >= 0) / (1 + e)
    end function sigmoid_of
""",
    "exp_minus_1": """
    ! e^x - 1 for x <= 0, without cancellation near 0: 2 t / (1 - t), t = tanh(x / 2).
    elemental real(wp) function exp_minus_1(x) result(y)
        real(wp), intent(in) :: x
        real(wp) :: t
        t = tanh(0.5_wp * x)
        y = 2 * t / (1 - t)
    end function exp_minus_1
""",
    "log_1_plus": """
    ! log(1 + e) for 0 <= e <= 1, with relative accuracy where e is small.
    elemental real(wp) function log_1_plus(e) result(y)
        real(wp), intent(in) :: e
        y = 2 * atanh(e / (2 + e))
    end function log_1_plus
""",
    "max_keeping_nan": """
    ! The larger of two; NaN if x is.
    elemental real(wp) function max_keeping_nan(x, limit) result(y)
        real(wp), intent(in) :: x, limit
        y = merge(limit, x, x < limit)
    end function max_keeping_nan
""",
    "min_keeping_nan": """
    ! The smaller of two; NaN if x is.
    elemental real(wp) function min_keeping_nan(x, limit) result(y)
        real(wp), intent(in) :: x, limit
        y = merge(limit, x, x > limit)
    end function min_keeping_nan
""",
}

SOFTMAX = """\
    ! e^z(j) / sum e^z, the maximum taken off first; entries of +inf share 1, NaN spreads.
    pure function softmax_f(z) result(a)
        real(wp), intent(in) :: z(:)
        real(wp) :: a(size(z)), most
        most = maxval(z)
        a = merge(1.0_wp, exp(z - most), .not. (z < most) .and. z >= most)
        a = a / sum(a)
    end function softmax_f"""
