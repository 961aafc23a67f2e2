"""Test vectors inside generated files: inputs, outputs and Jacobians from float64, and how far off they may be.

Expected values come from the parameters of the file in float64, by the plain engine.  The tolerance of each
number is a bound of first order on what rounding may do to it in the file's precision, carried along layer by
layer: a product of p terms loses at most (p + 2) eps of the sum of their sizes, an activation a few eps of its
value, and what is off in z is passed on by |f'| and, into derivatives, by |f''| <= 2 or the jump of a kink.
"""

import numpy as np

from fastnet.embed.description import constants, wrap

MOST_NUMBERS = 4000          # in the Jacobians of one file: of larger ones some rows are compared, and u^T times all of them
ACTIVATION_ULPS = 6          # of values and derivatives, relative to their largest size near 1
KINKS = {"relu": (0,), "leaky_relu": (0,), "selu": (0,), "hard_sigmoid": (-3, 3), "hard_tanh": (-1, 1)}


class Vectors:
    """x (m, n_in), y (m, n_out), the given `rows` of the Jacobian (m, rows, n_in) and u^T Jacobian (m, n_in) in float64,
    each with tolerances like it."""

    def __init__(self, net):
        n_in, n_out = net.sizes[0], net.sizes[-1]
        self.rows = np.unique(np.linspace(0, n_out - 1, max(1, min(n_out, MOST_NUMBERS // (2 * n_in)))).astype(int))
        m = max(1, min(4, MOST_NUMBERS // (n_in * len(self.rows))))
        rng = np.random.default_rng(1)
        self.x = rng.uniform(-1, 1, (m, n_in)).astype(net.dtype)
        self.u = rng.uniform(-1, 1, n_out).astype(net.dtype)
        found = [sample(net, x) for x in self.x.astype(float)]
        self.y, self.y_tolerance, jacobian, tolerance = (np.array(part) for part in zip(*found))
        self.product, self.product_tolerance = self.u.astype(float) @ jacobian, np.abs(self.u.astype(float)) @ tolerance
        self.jacobian, self.jacobian_tolerance = jacobian[:, self.rows], tolerance[:, self.rows]


def sample(net, x):
    """y and ∂y/∂x with their tolerances, for one x in float64."""
    from fastnet import activations
    from fastnet.network import Network

    exact = Network(net.sizes, activation=net.activations, init=net.parameters.astype(float))
    zs, outputs = exact.forward(x)
    eps = np.finfo(net.dtype).eps
    below, error = x, np.zeros(len(x))
    jacobian, off = np.eye(len(x)), np.zeros((len(x), len(x)))
    for name, w, b, z, a in zip(net.activations, exact.weights, exact.biases, zs, outputs):
        gamma, size = (w.shape[1] + 2) * eps, np.abs(w)
        z_error = size @ error + gamma * (size @ np.abs(below) + np.abs(b))
        slope = activations.derivative(name, z)
        through = np.abs(slope)
        bend = 2 * z_error + (near_a_kink(name, z, z_error) if name in KINKS else 0) + ACTIVATION_ULPS * eps
        if name == "softmax":
            bend = np.outer(a, np.ones(len(a))) * (4 * z_error.max()) + ACTIVATION_ULPS * eps
        w_jacobian, w_off = w @ jacobian, size @ off + gamma * (size @ np.abs(jacobian))
        jacobian = apply(slope, w_jacobian)
        off = apply(through, w_off) + apply(bend, np.abs(w_jacobian) + w_off)
        error = apply(through, z_error) + z_error**2 + ACTIVATION_ULPS * eps * np.maximum(np.abs(a), np.abs(a).max() * eps)
        below = a
    return below, error, jacobian, off


def apply(slope, x):
    """f' times x, for a diagonal or a full matrix f'."""
    if slope.ndim == 2:
        return slope @ x
    return slope * x if x.ndim == 1 else slope[:, None] * x


def near_a_kink(name, z, z_error):
    return sum((np.abs(z - kink) <= z_error).astype(float) for kink in KINKS[name])


# -- C -----------------------------------------------------------------------

SELFTEST = """\
#ifdef FASTNET_SELFTEST
/* Inputs, then what float64 makes of them, and how far rounding may take this file from it: a bound
 * of first order, layer by layer, in multiples of eps. */
enum {{ NET_VECTORS = {m}, NET_JACOBIAN_ROWS = {n_rows}, NET_BATCH = {batch} }};
static const size_t NET_test_rows[NET_JACOBIAN_ROWS] = {{     /* of the Jacobians */
    {rows}}};
{tables}
/* The largest |found - expected| / tolerance; NaN counts as infinite. */
static double NET_worst(size_t n, const REAL *found, const double *expected, const double *tolerance, double worst)
{{
    for (size_t i = 0; i < n; i++) {{
        const double off = fabs((double)found[i] - expected[i]) / tolerance[i];
        if (!(off <= worst))
            worst = off == off ? off : HUGE_VAL;
    }}
    return worst;
}}

static REAL NET_test_y[{n_out}], NET_test_jacobian[{size}], NET_test_result[{n_in}];
static REAL NET_test_batch_x[NET_BATCH * {n_in}], NET_test_batch_y[NET_BATCH * {n_out}];{static_work}

int main(void)
{{
    double worst[4] = {{0, 0, 0, 0}};
    for (size_t v = 0; v < NET_VECTORS; v++) {{
        const REAL *x = NET_test_x + v * {n_in};
        const double *y = NET_test_values + v * {n_out}, *y_off = NET_test_values_off + v * {n_out};
        NET_value(x, NET_test_y{work});
        worst[0] = NET_worst({n_out}, NET_test_y, y, y_off, worst[0]);
        NET_value_and_jacobian(x, NET_test_y, NET_test_jacobian{work});
        worst[1] = NET_worst({n_out}, NET_test_y, y, y_off, worst[1]);
        for (size_t r = 0; r < NET_JACOBIAN_ROWS; r++) {{
            const size_t at = (v * NET_JACOBIAN_ROWS + r) * {n_in};
            worst[2] = NET_worst({n_in}, NET_test_jacobian + NET_test_rows[r] * {n_in}, NET_test_jacobians + at,
                                 NET_test_jacobians_off + at, worst[2]);
        }}
        NET_vjp(x, NET_test_u, NET_test_y, NET_test_result{work});
        worst[1] = NET_worst({n_out}, NET_test_y, y, y_off, worst[1]);
        worst[3] = NET_worst({n_in}, NET_test_result, NET_test_products + v * {n_in}, NET_test_products_off + v * {n_in}, worst[3]);
    }}
    for (size_t i = 0; i < NET_BATCH; i++)
        memcpy(NET_test_batch_x + i * {n_in}, NET_test_x + i % NET_VECTORS * {n_in}, {n_in} * sizeof(REAL));
    NET_value_batch(NET_BATCH, NET_test_batch_x, NET_test_batch_y{work});
    for (size_t i = 0; i < NET_BATCH; i++) {{
        const size_t at = i % NET_VECTORS * {n_out};
        worst[0] = NET_worst({n_out}, NET_test_batch_y + i * {n_out}, NET_test_values + at, NET_test_values_off + at, worst[0]);
    }}
    const int failed = !(worst[0] <= 1 && worst[1] <= 1 && worst[2] <= 1 && worst[3] <= 1);
    printf("NET_: %s; worst error over tolerance: value %.3g, value with derivatives %.3g, Jacobian %.3g, vjp %.3g\\n",
           failed ? "FAILED" : "ok", worst[0], worst[1], worst[2], worst[3]);
    return failed;
}}
#endif
"""


def c_selftest(writer):
    net = writer.net
    found = Vectors(net)
    tables = "".join(table(kind, name, array) for kind, name, array in (
        ("REAL", "x", found.x), ("REAL", "u", found.u), ("double", "values", found.y), ("double", "jacobians", found.jacobian),
        ("double", "products", found.product), ("double", "values_off", found.y_tolerance),
        ("double", "jacobians_off", found.jacobian_tolerance), ("double", "products_off", found.product_tolerance)))
    n_in, n_out = net.sizes[0], net.sizes[-1]
    text = SELFTEST.format(m=len(found.x), tables=tables, n_in=n_in, n_out=n_out, size=n_in * n_out, n_rows=len(found.rows),
                           rows="\n    ".join(wrap(", ".join(map(str, found.rows)))),
                           batch=2 * writer.lanes - 1 if writer.in_lanes else len(found.x),
                           work=", NET_test_work" if writer.by_caller else "",
                           static_work=f"\nstatic REAL NET_test_work[{writer.derivatives}];" if writer.by_caller else "")
    return [text.replace('"NET_: ', f'"{net.name}: ')]


def table(kind, name, array):
    rows = array.reshape(1, -1)
    if name.endswith("_off"):
        rows = np.maximum(rows, np.finfo(float).tiny)            # 0 / 0 would be no number
    return f"static const {kind} NET_test_{name}[{rows.size}] = {{\n" + "\n".join(constants(rows, rows.size)) + "\n};\n"
