"""A frozen net as one C99 file: `FrozenNetwork.export_c`.

The file holds one table of weights per layer and direction, and loops over them.  Both directions are the same
loop: z += sum_k x[k] t[k][:], four k at a time, which compilers vectorise along the table's rows with no flag
that would change a result.  So forward tables hold w transposed, (p, n), and backward tables w itself, (n, p);
rows are padded with zeros to whole vectors.  Sums never run along a vector: what lies in padding is not read.

A batch takes LANES samples at a time, [neuron][LANES]: the same loop again, with the activations as its table and
a row of w as its x.  Layers too wide for that on the stack keep vectors full by themselves, sample by sample.
"""

import re

from fastnet._files import check_path
from fastnet.embed import c_activations, vectors
from fastnet.embed.description import Net, check_name, constants, name_from, wrap, write_text

STACK_BYTES = 65536          # of local arrays in a call; a net that needs more takes its work space from the caller
VECTOR_BYTES = 32
NARROW = 32                  # neurons up to which two cache lines a neuron, not one, stay in the first-level cache


def padded(n, dtype):
    """Values a row of n takes in a table: whole vectors, or a power of two below one."""
    lanes = VECTOR_BYTES // dtype.itemsize
    return 1 << (n - 1).bit_length() if n < lanes else -(-n // lanes) * lanes


class Writer:
    """What the text needs to know of one net."""

    def __init__(self, net):
        self.net = net
        self.pads = [padded(n, net.dtype) for n in net.sizes]
        self.width = max(self.pads)
        self.forward = 2 * self.width
        self.derivatives = 2 * self.width + sum(self.pads[1:])      # two layers, and f' of all of them
        self.by_caller = self.derivatives * net.dtype.itemsize > STACK_BYTES
        self.tangents = tangents_are_cheaper(net.sizes)
        widest = max(net.sizes)
        self.lanes = (128 if widest <= NARROW else 64) // net.dtype.itemsize        # samples side by side in a batch
        self.batch = 2 * widest * self.lanes
        self.in_lanes = not self.by_caller and self.batch * net.dtype.itemsize <= STACK_BYTES

    def words(self, text):
        """The text with the net's prefix and precision in place of the words that stand for them."""
        single = self.net.dtype.itemsize == 4
        table = dict(c_activations.F32 if single else c_activations.F64)
        suffix = table.pop("SUFFIX")

        def polynomial(match):
            name, series, variable = match.groups()
            first, *rest = (value + suffix for value in c_activations.POLYNOMIALS[series][0 if single else 1])
            return "".join([f"REAL {name} = {first};"] + [f"\n    {name} = {name} * {variable} + {value};" for value in rest])

        text = re.sub(r"REAL (\w+) = POLYNOMIAL\((\w+), (\w+)\);", polynomial, text)
        text = re.sub(r"CONST\(([\d.]+)\)", rf"\g<1>{suffix}", text)
        table |= {"RESTRICT": f"{self.net.name.upper()}_RESTRICT"}
        text = re.sub(rf"\b({'|'.join(table)})\b", lambda match: table[match[1]], text)
        return re.sub(r"\bNET_(?=[A-Z])", self.net.name.upper() + "_", re.sub(r"\bNET_(?=[a-z])", self.net.name + "_", text))


def tangents_are_cheaper(sizes):
    """Whether the Jacobian takes fewer products input by input than output by output."""
    pairs = list(zip(sizes, sizes[1:]))
    return sizes[0] * sum(p * n for p, n in pairs[1:]) <= sizes[-1] * sum(p * n for p, n in pairs)


def export_c(frozen, path, name, header):
    """FrozenNetwork.export_c, whose docstring says what is written."""
    name = name_from(check_path(path)) if name is None else check_name(name)
    text, declared = write_c(frozen, name)
    write_text([(path, text)] if header is None else [(path, text), (header, declared)])


def write_c(frozen, name):
    """The text of the C file and of its header."""
    net = Net(frozen, name)
    writer = Writer(net)
    parts = [about(writer), PREAMBLE, declarations(writer), *tables(writer), DENSE,
             *c_activations.functions(net.activations), outputs(writer), layers(writer), cotangent(writer)]
    if writer.in_lanes:
        parts.append(block(writer))
    if writer.tangents:
        parts.append(tangent(writer))
    parts += [*functions(writer), END, *vectors.c_selftest(writer)]
    header = [about(writer), HEADER_BEGIN, declarations(writer), HEADER_END]
    return tuple(writer.words("\n".join(text)) for text in (parts, header))


# -- the text ----------------------------------------------------------------

def about(writer):
    net = writer.net
    return "/* " + "\n * ".join([
        *net.about(), "",
        *wrap("C99, or C++17 (hexadecimal floating-point literals); needs libm and nothing else.  Every function is "
              "re-entrant: it reads constant tables and writes its outputs and its own work space, so any number of "
              "threads may call it at once.  Nothing is allocated."),
        *(wrap(f"A call works in {writer.derivatives} values ({writer.derivatives * net.dtype.itemsize} bytes) that the caller "
               f"passes as `work`, NET_WORK values; they may hold anything, and no two calls at a time may share them.")
          if writer.by_caller else
          wrap(f"A call takes at most {max(writer.derivatives, writer.batch if writer.in_lanes else 0) * net.dtype.itemsize} "
               "bytes of the stack for local arrays.")),
        *wrap("NaN and infinities pass through as in IEEE 754.  Arrays are contiguous, matrices row by row; an output may "
              "not overlap another argument, but y may be x in NET_value."),
        "",
        f"cc -O3 -march=native -c {net.name}.c",
        f"cc -O3 -DFASTNET_SELFTEST {net.name}.c -lm && ./a.out      (compares with vectors in this file)",
    ]).replace(" * \n", " *\n") + " */"


PREAMBLE = """\
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef FASTNET_SELFTEST
#include <stdio.h>
#endif

#if defined(__cplusplus)
#define RESTRICT
#define NET_ALIGNED alignas(64)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define RESTRICT restrict
#define NET_ALIGNED _Alignas(64)
#else
#define RESTRICT restrict
#define NET_ALIGNED
#endif

#ifdef __cplusplus
extern "C" {
#endif
"""
END = """\
#ifdef __cplusplus
}
#endif
"""
HEADER_BEGIN = """\
#ifndef NET_HEADER
#define NET_HEADER

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
"""
HEADER_END = END + """
#endif
"""


BY_ROUNDING = """, many at a time: sums run in another
 * order, so that y may differ from NET_value's by rounding."""


def declarations(writer):
    net, work = writer.net, ", REAL *work" if writer.by_caller else ""
    n_in, n_out = net.sizes[0], net.sizes[-1]
    return f"""\
enum {{ NET_N_IN = {n_in}, NET_N_OUT = {n_out}{f", NET_WORK = {writer.derivatives}" if writer.by_caller else ""} }};

/* y = a^L(x), x ({n_in},), y ({n_out},). */
void NET_value(const REAL *x, REAL *y{work});

/* The same for m samples, x (m, {n_in}), y (m, {n_out}){BY_ROUNDING if writer.in_lanes else "."} */
void NET_value_batch(size_t m, const REAL *x, REAL *y{work});

/* y, and jacobian[i][j] = dy_i / dx_j, jacobian ({n_out}, {n_in}). */
void NET_value_and_jacobian(const REAL *x, REAL *y, REAL *jacobian{work});

/* result_j = sum_i u_i dy_i / dx_j, u ({n_out},), result ({n_in},); y ({n_out},), or NULL if it is not wanted. */
void NET_vjp(const REAL *x, const REAL *u, REAL *y, REAL *result{work});
"""


def tables(writer):
    """Constant arrays: per layer w transposed, w, and b."""
    net = writer.net
    for l, (w, b) in enumerate(zip(net.weights, net.biases)):
        (n, p), n_pad, p_pad = w.shape, writer.pads[l + 1], writer.pads[l]
        yield f"/* Layer {l}: w transposed ({p}, {n}), w ({n}, {p}), b ({n},); {net.activations[l]}. */"
        for kind, rows, columns in (("wt", w.T, n_pad), ("w", w, p_pad), ("b", b[None], n_pad)):
            yield f"NET_ALIGNED static const REAL NET_{kind}{l}[{len(rows) * columns}] = {{"
            yield from constants(rows, columns)
            yield "};\n"


DENSE = """\
/* z[j] += sum_k x[k] t[k][j], t (p, n). */
static inline void NET_dense(size_t p, size_t n, const REAL *RESTRICT t, const REAL *RESTRICT x, REAL *RESTRICT z)
{
    const size_t whole = p / 4 * 4;
    for (size_t k = 0; k < whole; k += 4) {
        const REAL x0 = x[k], x1 = x[k + 1], x2 = x[k + 2], x3 = x[k + 3];
        const REAL *RESTRICT t0 = t + k * n, *RESTRICT t1 = t0 + n, *RESTRICT t2 = t1 + n, *RESTRICT t3 = t2 + n;
        for (size_t j = 0; j < n; j++)
            z[j] += t0[j] * x0 + t1[j] * x1 + t2[j] * x2 + t3[j] * x3;
    }
    for (size_t k = whole; k < p; k++)
        for (size_t j = 0; j < n; j++)
            z[j] += t[k * n + j] * x[k];
}
"""


def outputs(writer):
    """y for one sample, layer by layer through two buffers."""
    net = writer.net
    lines = [f"/* y = a^L of one sample; work holds {writer.forward} values. */",
             "static inline void NET_outputs(const REAL *x, REAL *y, REAL *work)", "{"]
    below = "x"
    for l, name in enumerate(net.activations):
        a, n = buffer(writer, l), writer.pads[l + 1]
        lines += [f"    memcpy({a}, NET_b{l}, {n} * sizeof(REAL));",
                  f"    NET_dense({net.sizes[l]}, {n}, NET_wt{l}, {below}, {a});"]
        lines += value_call(writer, l, a)
        below = a
    return "\n".join([*lines, f"    memcpy(y, {below}, {net.sizes[-1]} * sizeof(REAL));", "}\n"])


def buffer(writer, l):
    return f"work + {writer.width}" if l % 2 else "work"


def value_call(writer, l, a):
    name = writer.net.activations[l]
    if name == "identity":
        return []
    return [f"    NET_{name}({writer.net.sizes[l + 1] if name == 'softmax' else writer.pads[l + 1]}, {a});"]


def block(writer):
    """y for a batch, samples side by side through two buffers."""
    net, lanes, n_in, n_out = writer.net, writer.lanes, writer.net.sizes[0], writer.net.sizes[-1]
    half = writer.batch // 2
    lines = []
    below = "work"
    for l, name in enumerate(net.activations):
        a, n = f"work + {half}" if l % 2 == 0 else "work", net.sizes[l + 1]
        lines.append(f"    NET_dense_lanes({net.sizes[l]}, {writer.pads[l]}, {n}, NET_w{l}, NET_b{l}, {below}, {a});")
        if name not in ("identity", "softmax"):
            lines.append(f"    NET_{name}({n * lanes}, {a});")
        below = a
    lines += ["    for (size_t i = 0; i < m; i++)", f"        for (size_t j = 0; j < {n_out}; j++)",
              f"            y[i * {n_out} + j] = ({below})[j * NET_LANES + i];"]
    if net.activations[-1] == "softmax":
        lines += ["    for (size_t i = 0; i < m; i++)", f"        NET_softmax({n_out}, y + i * {n_out});"]
    return BLOCK.format(lanes=lanes, size=writer.batch, n_in=n_in, layers="\n".join(lines))


BLOCK = """\
enum {{ NET_LANES = {lanes} }};       /* samples side by side */

/* z[j][:] = b[j] + sum_k w[j][k] a[k][:], w (n, p) in rows of p_padded, a (p, NET_LANES), z (n, NET_LANES). */
static inline void NET_dense_lanes(size_t p, size_t p_padded, size_t n, const REAL *RESTRICT w, const REAL *RESTRICT b,
                                   const REAL *RESTRICT a, REAL *RESTRICT z)
{{
    for (size_t j = 0; j < n; j++) {{
        for (size_t i = 0; i < NET_LANES; i++)
            z[j * NET_LANES + i] = b[j];
        NET_dense(p, NET_LANES, a, w + j * p_padded, z + j * NET_LANES);
    }}
}}

/* y of m <= NET_LANES samples; work holds {size} values.  Lanes without a sample are 0. */
static void NET_block(size_t m, const REAL *x, REAL *y, REAL *work)
{{
    if (m < NET_LANES)
        memset(work, 0, {n_in} * NET_LANES * sizeof(REAL));
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < {n_in}; k++)
            work[k * NET_LANES + i] = x[i * {n_in} + k];
{layers}
}}
"""


def layers(writer):
    """The same with f' of every layer kept; softmax has its a there instead."""
    net = writer.net
    lines = ["/* a^L of one sample into `a`, and f'(z) of every layer into s, one after the other (of softmax a).",
             f" * work holds {writer.forward} values, s {sum(writer.pads[1:])}. */",
             "static inline const REAL *NET_layers(const REAL *x, REAL *work, REAL *s)", "{"]
    below, start = "x", 0
    for l, name in enumerate(net.activations):
        a, n, s = buffer(writer, l), writer.pads[l + 1], f"s + {start}"
        lines += [f"    memcpy({s}, NET_b{l}, {n} * sizeof(REAL));",
                  f"    NET_dense({net.sizes[l]}, {n}, NET_wt{l}, {below}, {s});",
                  f"    memcpy({a}, {s}, {n} * sizeof(REAL));"]
        lines += value_call(writer, l, a)
        if name == "softmax":
            lines.append(f"    memcpy({s}, {a}, {n} * sizeof(REAL));")
        elif name != "identity":
            lines.append(f"    NET_{name}_prime({n}, {a}, {s});")
        below, start = a, start + n
    return "\n".join([*lines, f"    return {below};", "}\n"])


def cotangent(writer):
    """delta = dy/dz pulled back to the inputs: BP2 without a cost."""
    net = writer.net
    starts = [sum(writer.pads[1:l + 1]) for l in range(len(net.weights))]
    lines = ["/* d(u y)/dx from u, which is in `work`: delta^l = (w^T delta^(l+1)) f'(z^l).  Returns where it is. */",
             "static inline const REAL *NET_cotangent(const REAL *s, REAL *work)", "{"]
    if not times(net) and "softmax" not in net.activations:
        lines.append("    (void)s;")
    here, there = "work", f"work + {writer.width}"
    for l in reversed(range(len(net.weights))):
        n, p_pad = net.sizes[l + 1], writer.pads[l]
        if net.activations[l] == "softmax":
            lines.append(f"    NET_softmax_product({n}, s + {starts[l]}, {here});")
        elif net.activations[l] != "identity":
            lines.append(f"    NET_times({n}, s + {starts[l]}, {here});")
        lines += [f"    memset({there}, 0, {p_pad} * sizeof(REAL));", f"    NET_dense({n}, {p_pad}, NET_w{l}, {here}, {there});"]
        here, there = there, here
    return times(net) + "\n".join([*lines, f"    return {here};", "}\n"])


TIMES = """\
/* delta *= s. */
static inline void NET_times(size_t n, const REAL *RESTRICT s, REAL *RESTRICT delta)
{
    for (size_t j = 0; j < n; j++)
        delta[j] *= s[j];
}

"""


def times(net):
    return TIMES if set(net.activations) - {"identity", "softmax"} else ""


def tangent(writer):
    """One column of the Jacobian: dy/dx_k, pushed through the layers."""
    net = writer.net
    lines = ["/* dy/dx_k: t^l = f'(z^l) (w t^(l-1)), t^1 a column of w.  Returns where it is. */",
             "static inline const REAL *NET_tangent(size_t k, const REAL *s, REAL *work)", "{"]
    if not times(net) and "softmax" not in net.activations:
        lines.append("    (void)s;")
    start = 0
    for l, name in enumerate(net.activations):
        t, n = buffer(writer, l), writer.pads[l + 1]
        lines += ([f"    memcpy({t}, NET_wt0 + k * {n}, {n} * sizeof(REAL));"] if l == 0 else
                  [f"    memset({t}, 0, {n} * sizeof(REAL));", f"    NET_dense({net.sizes[l]}, {n}, NET_wt{l}, {below}, {t});"])
        if name == "softmax":
            lines.append(f"    NET_softmax_product({net.sizes[l + 1]}, s + {start}, {t});")
        elif name != "identity":
            lines.append(f"    NET_times({n}, s + {start}, {t});")
        below, start = t, start + n
    return "\n".join([*lines, f"    return {below};", "}\n"])


def functions(writer):
    """The public functions: work space, then what the static ones do."""
    n_in, n_out = writer.net.sizes[0], writer.net.sizes[-1]
    argument = ", REAL *work" if writer.by_caller else ""
    sizes = {"values": writer.forward, "all": writer.derivatives}
    work = {key: "" if writer.by_caller else f"    NET_ALIGNED REAL work[{size}];\n" for key, size in sizes.items()}
    s = f"work + {writer.forward}"
    batch = f"""\
{work["values"]}    for (size_t i = 0; i < m; i++)
        NET_outputs(x + i * {n_in}, y + i * {n_out}, work);"""
    if writer.in_lanes:
        batch = f"""\
    NET_ALIGNED REAL work[{max(writer.batch, writer.forward)}];
    size_t i = 0;
    for (; i + NET_LANES <= m; i += NET_LANES)
        NET_block(NET_LANES, x + i * {n_in}, y + i * {n_out}, work);
    if (m - i > NET_LANES / 4)
        NET_block(m - i, x + i * {n_in}, y + i * {n_out}, work);
    else
        for (; i < m; i++)
            NET_outputs(x + i * {n_in}, y + i * {n_out}, work);"""
    yield f"""\
void NET_value(const REAL *x, REAL *y{argument})
{{
{work["values"]}    NET_outputs(x, y, work);
}}

void NET_value_batch(size_t m, const REAL *x, REAL *y{argument})
{{
{batch}
}}

void NET_vjp(const REAL *x, const REAL *u, REAL *y, REAL *result{argument})
{{
{work["all"]}    const REAL *const a = NET_layers(x, work, {s});
    if (y != NULL)
        memcpy(y, a, {n_out} * sizeof(REAL));
    memcpy(work, u, {n_out} * sizeof(REAL));
    memcpy(result, NET_cotangent({s}, work), {n_in} * sizeof(REAL));
}}
"""
    if writer.tangents:
        loop = f"""\
    for (size_t k = 0; k < {n_in}; k++) {{
        const REAL *const column = NET_tangent(k, {s}, work);
        for (size_t i = 0; i < {n_out}; i++)
            jacobian[i * {n_in} + k] = column[i];
    }}"""
    else:
        loop = f"""\
    for (size_t i = 0; i < {n_out}; i++) {{
        memset(work, 0, {n_out} * sizeof(REAL));
        work[i] = 1;
        memcpy(jacobian + i * {n_in}, NET_cotangent({s}, work), {n_in} * sizeof(REAL));
    }}"""
    yield f"""\
void NET_value_and_jacobian(const REAL *x, REAL *y, REAL *jacobian{argument})
{{
{work["all"]}    memcpy(y, NET_layers(x, work, {s}), {n_out} * sizeof(REAL));
{loop}
}}
"""
