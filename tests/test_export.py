"""Generated C and Fortran: they compile without a warning, and are the net they came from."""

import concurrent.futures
import ctypes
import platform
import re
import shutil
import subprocess

import numpy as np
import pytest
from helpers import ACTIVATIONS, error_in_eps, random_net

import fastnet as fn
from fastnet import activations
from fastnet.embed import description
from fastnet.embed.vectors import Vectors

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
DIALECTS = {
    "gcc": ["gcc", "-std=c99"], "gcc c11": ["gcc", "-std=c11"], "clang": ["clang", "-std=c99"],
    "g++": ["g++", "-std=c++17", "-x", "c++"], "clang++": ["clang++", "-std=c++17", "-x", "c++"],
}
SHAPES = [(1, 1), (1, 1, 1), (3, 1, 2), (2, 16, 16, 1), (5, 9, 3, 17), (20, 7, 2)]


def need(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def run(*command, code=0, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def net_of(name, dtype, rng, sizes=(4, 9, 3)):
    """A net with this activation everywhere, or at its end if it is for outputs only."""
    names = ["tanh"] * (len(sizes) - 2) + [name] if name == "softmax" else name
    net = fn.Network(sizes, activation=names, dtype=dtype, init="lecun", seed=rng)
    for b in net.biases:
        b[:] = rng.standard_normal(b.shape) / 2
    return net


class Compiled:
    """A generated C file as a shared library, called with NumPy arrays."""

    def __init__(self, net, folder, command=("gcc", "-std=c99", "-O2"), name="net"):
        need(command[0])
        net.export_c(folder / f"{name}.c")
        run(*command, *STRICT, "-shared", "-fPIC", folder / f"{name}.c", "-o", folder / f"{name}.so", "-lm")
        self.library, self.name, self.net = ctypes.CDLL(str(folder / f"{name}.so")), name, net
        text = (folder / f"{name}.c").read_text()
        work = re.search(r"_WORK = (\d+)", text)
        self.work = [np.full(int(work[1]), np.nan, net.dtype)] if work else []

    def call(self, function, *arguments):
        pointers = [None if a is None else ctypes.c_size_t(a) if isinstance(a, int) else a.ctypes.data_as(ctypes.c_void_p)
                    for a in [*arguments, *self.work]]
        function = getattr(self.library, f"{self.name}_{function}")
        function.restype = None
        function(*pointers)

    def value(self, x):
        y = np.empty(self.net.sizes[-1], self.net.dtype)
        self.call("value", x, y)
        return y

    def value_and_jacobian(self, x):
        y, jacobian = np.empty(self.net.sizes[-1], x.dtype), np.empty((self.net.sizes[-1], len(x)), x.dtype)
        self.call("value_and_jacobian", x, y, jacobian)
        return y, jacobian

    def vjp(self, x, u):
        y, result = np.empty(self.net.sizes[-1], x.dtype), np.empty(len(x), x.dtype)
        self.call("vjp", x, u, y, result)
        return y, result


def exact(net, x):
    """y and ∂y/∂x in float64: the chain rule, a matrix a layer."""
    net = net.copy(dtype="float64")
    jacobian = np.eye(len(x))
    zs, a = net.forward(x.astype(float))
    for name, w, z in zip(net.activations, net.weights, zs):
        slope = activations.derivative(name, z)
        jacobian = (slope if name == "softmax" else np.diag(slope)) @ w @ jacobian
    return a[-1], jacobian


def check(compiled, x, rng, multiple):
    """Value, Jacobian and vjp against float64; they agree with each other to the bit where they should."""
    net = compiled.net
    u = rng.standard_normal(net.sizes[-1]).astype(net.dtype)
    expected, jacobian = exact(net, x)
    y = compiled.value(x)
    y_too, found = compiled.value_and_jacobian(x)
    y_again, product = compiled.vjp(x, u)
    assert (y_too == y_again).all()
    for value in (y, y_too):
        assert error_in_eps(value, expected, net.dtype) <= multiple
    assert error_in_eps(found, jacobian, net.dtype) <= multiple
    assert np.abs(product - u.astype(float) @ jacobian).max() <= multiple * np.finfo(net.dtype).eps * (np.abs(u) @ np.abs(jacobian)).max()


# Sums of up to 20 terms near 1, a few roundings each, through up to three layers; derivatives lose as much again.
EPS = 60


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax"])
def test_value_jacobian_and_vjp_are_the_nets(name, dtype, rng, tmp_path):
    compiled = Compiled(net_of(name, dtype, rng), tmp_path)
    for x in rng.standard_normal((5, 4)).astype(dtype):
        check(compiled, x, rng, EPS)


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_every_shape_is_the_nets(sizes, dtype, rng, tmp_path):
    compiled = Compiled(random_net(rng, sizes, dtype), tmp_path)
    for x in rng.standard_normal((3, sizes[0])).astype(dtype):
        check(compiled, x, rng, EPS)


def test_a_net_for_images_is_the_nets(dtype, rng, tmp_path):
    net = fn.Network([784, 30, 10], dtype=dtype, init="scaled", seed=0)
    check(Compiled(net, tmp_path, ("gcc", "-std=c99", "-O1")), rng.random(784).astype(dtype), rng, 10 * EPS)    # sums of 784 terms


def test_layers_too_wide_for_the_stack_work_in_what_the_caller_passes(rng, tmp_path):
    net = fn.Network([3, 6000, 2], activation="tanh", dtype="float32", init="lecun", seed=0)
    compiled = Compiled(net, tmp_path)
    assert compiled.work
    check(compiled, rng.standard_normal(3).astype("float32"), rng, 10 * EPS)
    fn.Network([3, 500, 2], seed=0).export_c(tmp_path / "small.c")
    assert "_WORK" not in (tmp_path / "small.c").read_text()


@pytest.mark.parametrize("sizes", [(6, 11, 4), (1, 1), (3, 40, 17), (3, 700, 2)], ids=str)      # two cache lines a neuron, one, none
def test_rows_of_a_batch_are_the_nets_and_nothing_else_is_written(sizes, dtype, rng, tmp_path):
    net = random_net(rng, sizes, dtype)
    compiled = Compiled(net, tmp_path, ("gcc", "-O3"))
    lanes = 128 // dtype.itemsize
    for m in (0, 1, 3, lanes // 4, lanes // 4 + 1, lanes // 2, lanes - 1, lanes, lanes + 1, 2 * lanes + 5):
        X, Y = rng.standard_normal((m, sizes[0])).astype(dtype), np.full((m + 1, sizes[-1]), 7, dtype)
        compiled.call("value_batch", m, X, Y)
        assert m == 0 or error_in_eps(Y[:m], net.copy(dtype="float64")(X.astype(float)), dtype) <= EPS * (10 if max(sizes) > 100 else 1)
        assert (Y[m] == 7).all()


def test_a_nan_in_a_batch_stays_in_its_row(dtype, rng, tmp_path):
    net = net_of("softmax", dtype, rng)
    compiled = Compiled(net, tmp_path)
    X, Y = rng.standard_normal((40, 4)).astype(dtype), np.empty((40, 3), dtype)
    X[[3, 20, 39]] = np.nan
    compiled.call("value_batch", 40, X, Y)
    assert (np.isnan(Y).any(axis=1) == np.isin(np.arange(40), [3, 20, 39])).all()


def test_a_large_jacobian_makes_no_large_file_and_still_finds_a_wrong_weight(dtype, rng, tmp_path):
    need("gcc")
    net = fn.Network([300, 4, 300], activation="tanh", dtype=dtype, init="lecun", seed=rng)
    net.export_c(tmp_path / "net.c")
    net.export_fortran(tmp_path / "net.f90", selftest=tmp_path / "net_test.f90")
    text = (tmp_path / "net.c").read_text()
    assert len(text) - text.index("ifdef FASTNET_SELFTEST\n/*") < 400_000
    assert (tmp_path / "net_test.f90").stat().st_size < 500_000
    run("gcc", "-O1", "-DFASTNET_SELFTEST", tmp_path / "net.c", "-o", tmp_path / "right", "-lm")
    assert ": ok" in run(tmp_path / "right")
    for table in ("wt1", "w1"):                                   # a weight of the last layer, one way and the other
        at = text.index("0x1.", text.index(f"net_{table}[") + 2000)
        (tmp_path / "wrong.c").write_text(text[:at] + "0x1.00f" + text[at + 4:])
        run("gcc", "-O1", "-DFASTNET_SELFTEST", tmp_path / "wrong.c", "-o", tmp_path / "wrong", "-lm")
        assert "FAILED" in run(tmp_path / "wrong", code=1)


def test_y_may_be_x_and_a_vjp_needs_no_y(dtype, rng, tmp_path):
    compiled = Compiled(random_net(rng, (3, 8, 3), dtype), tmp_path)
    x, u, result = rng.random(3).astype(dtype), np.ones(3, dtype), np.empty(3, dtype)
    expected, (_, product) = compiled.value(x), compiled.vjp(x, u)
    compiled.call("vjp", x, u, None, result)
    assert (result == product).all()
    compiled.call("value", x, x)
    assert (x == expected).all()


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax"])
def test_nan_infinities_and_huge_inputs_behave_as_in_the_net(name, dtype, rng, tmp_path):
    net = fn.Network([1, 1] if name != "softmax" else [3, 3], activation=name, dtype=dtype, seed=0)
    net.weights[0][:] = np.eye(net.sizes[1])
    net.biases[0][:] = 0
    compiled = Compiled(net, tmp_path)
    values = [0.0, -0.0, 1e-30, -1e-30, 1e4, -1e4, 1e30, -1e30, np.inf, -np.inf, np.nan, 30, -30, 90, -90, 750, -750]
    rows = [[v] for v in values] if name != "softmax" else [
        [v, 0, 1] for v in values] + [[np.inf, np.inf, 0], [-np.inf] * 3, [np.nan, np.inf, 0]]
    for row in np.array(rows, dtype):
        expected, found = net(row), compiled.value(row)
        assert (np.isnan(found) == np.isnan(expected)).all(), row
        with np.errstate(invalid="ignore"):
            close = (found == expected) | (np.abs(found - expected) <= 8 * np.finfo(dtype).eps * np.abs(expected))
        assert (close | np.isnan(expected)).all() or np.abs(expected).max() < np.finfo(dtype).tiny, (row, found, expected)


def test_derivatives_at_nan_and_far_out_are_the_nets(dtype, rng, tmp_path):
    for name in ACTIVATIONS:
        net = fn.Network([1, 1], activation=name, dtype=dtype, init=[1.0, 0.0])
        compiled = Compiled(net, tmp_path, name=f"net_{name}")
        for value in (0.0, 1e3, -1e3, np.inf, -np.inf, np.nan):
            x = np.array([value], dtype)
            expected, found = activations.derivative(name, x)[0], compiled.value_and_jacobian(x)[1][0, 0]
            assert np.isnan(found) == np.isnan(expected) and not abs(found - expected) > 8 * np.finfo(dtype).eps, (name, value)


def test_tails_keep_relative_accuracy(dtype, tmp_path):
    for name in ("sigmoid", "silu", "softplus", "gelu", "gelu_tanh", "gaussian"):
        compiled = Compiled(fn.Network([1, 1], activation=name, dtype=dtype, init=[1.0, 0.0]), tmp_path, name=f"net_{name}")
        for z in np.linspace(-9, -3, 23).astype(dtype):
            expected = activations.value(name, np.array([z], float))[0]
            assert abs(compiled.value(np.array([z], dtype))[0] - expected) <= 8 * np.finfo(dtype).eps * abs(expected), (name, z)


# -- the file ----------------------------------------------------------------

@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_activation_compiles_without_a_warning(dialect, dtype, rng, tmp_path):
    command = DIALECTS[dialect]
    need(command[0])
    for name in [*ACTIVATIONS, "softmax"]:
        net_of(name, dtype, rng).export_c(tmp_path / f"net_{name}.c")
    random_net(rng, (2, 5, 40, 3), dtype).export_c(tmp_path / "mixed.c")
    fn.Network([2, 3000, 2], dtype="float64", seed=0).export_c(tmp_path / "wide.c")
    files = sorted(tmp_path.glob("*.c"))
    run(*command, *STRICT, "-fsyntax-only", *files, cwd=tmp_path)
    run(*command, *STRICT, "-O1", "-DFASTNET_SELFTEST", "-c", *files, cwd=tmp_path)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("flags", ["-O0", "-O3 -march=native"])
def test_the_self_test_passes(dialect, flags, dtype, rng, tmp_path):
    need(DIALECTS[dialect][0])
    net = net_of("silu", dtype, rng, (5, 12, 12, 3))
    net.export_c(tmp_path / "net.c")
    run(*DIALECTS[dialect], *STRICT, *flags.split(), "-DFASTNET_SELFTEST", tmp_path / "net.c", "-o", tmp_path / "net", "-lm")
    assert run(tmp_path / "net").startswith("net: ok")


def test_the_self_test_finds_a_single_wrong_weight(dtype, rng, tmp_path):
    need("gcc")
    net_of("tanh", dtype, rng).export_c(tmp_path / "net.c")
    text = (tmp_path / "net.c").read_text()
    for table in ("wt0", "w1", "b1"):
        start = text.index(f" net_{table}[")
        first = re.compile(r"-?0x1\.[0-9a-f]+p[+-]\d+").search(text, start)
        wrong = text[:first.start()] + first[0].replace("0x1.", "0x1.00f", 1) + text[first.end():]
        (tmp_path / "wrong.c").write_text(wrong)
        run("gcc", "-DFASTNET_SELFTEST", tmp_path / "wrong.c", "-o", tmp_path / "wrong", "-lm")
        assert "FAILED" in run(tmp_path / "wrong", code=1)


def test_the_vectors_jacobian_is_the_slope_of_the_net(rng):
    net = net_of("gelu", "float64", rng, (3, 6, 2))
    found = Vectors(description.Net(net.freeze(), "net"))
    step = 1e-6                                                  # differences of order h^2: 1e-9 is left
    for x, jacobian in zip(found.x, found.jacobian):
        slopes = [(net(x + step * e) - net(x - step * e)) / (2 * step) for e in np.eye(3)]
        np.testing.assert_allclose(jacobian, np.transpose(slopes), atol=1e-8)


def test_sanitizers_find_nothing(dtype, rng, tmp_path):
    need("gcc")
    for name, sizes in (("sin", (7, 5, 3)), ("softmax", (3, 6, 17)), ("gelu", (2, 3000, 1))):
        net_of(name, dtype, rng, sizes).export_c(tmp_path / f"{name}_net.c")
        run("gcc", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DFASTNET_SELFTEST",
            tmp_path / f"{name}_net.c", "-o", tmp_path / name, "-lm")
        assert ": ok" in run(tmp_path / name)


def test_nothing_is_allocated_and_only_the_four_functions_are_visible(dtype, rng, tmp_path):
    need("nm")
    need("gcc")
    net_of("sin", dtype, rng).export_c(tmp_path / "net.c")
    run("gcc", "-O2", "-c", tmp_path / "net.c", "-o", tmp_path / "net.o")
    symbols = [line.split() for line in run("nm", tmp_path / "net.o").splitlines()]
    assert {words[-1] for words in symbols if words[-2] == "T"} == {
        "net_value", "net_value_batch", "net_value_and_jacobian", "net_vjp"}
    assert {words[-1] for words in symbols if words[-2] == "U"} <= {"sin", "cos", "memcpy", "memset", "_GLOBAL_OFFSET_TABLE_"}
    assert not [words for words in symbols if words[-2] in "BbDdC"]          # no state


def test_eight_threads_get_the_same_bits(dtype, rng, tmp_path):
    compiled = Compiled(net_of("tanh", dtype, rng, (8, 64, 64, 3)), tmp_path)
    X = rng.standard_normal((400, 8)).astype(dtype)
    alone = [compiled.value_and_jacobian(x) for x in X]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(4):
            together = list(pool.map(compiled.value_and_jacobian, X))
            assert all((a == b).all() for pair in zip(alone, together) for a, b in zip(*pair))


MAIN = """\
#include <stdio.h>
#include "first.h"
#include "second.h"
int main(void)
{
    const double x[FIRST_N_IN] = {0.25, -0.5};
    double y[FIRST_N_OUT], z[SECOND_N_OUT];
    first_value(x, y);
    second_value(y, z);
    printf("%.17g\\n", z[0]);
    return 0;
}
"""


@pytest.mark.parametrize("compiler", [["gcc", "-std=c99"], ["g++", "-x", "c++", "-std=c++17"]], ids=lambda c: c[0])
def test_two_nets_link_into_one_program(compiler, rng, tmp_path):
    need(compiler[0])
    first, second = net_of("sigmoid", "float64", rng, (2, 3, 3)), net_of("sigmoid", "float64", rng, (3, 4, 1))
    first.export_c(tmp_path / "a.c", name="first", header=tmp_path / "first.h")
    second.freeze().export_c(tmp_path / "b.c", name="second", header=tmp_path / "second.h")
    (tmp_path / "main.c").write_text(MAIN)
    run(*compiler, *STRICT, "a.c", "b.c", "main.c", "-o", "main", "-lm", cwd=tmp_path)
    expected = second(first([0.25, -0.5]))[0]
    assert abs(float(run(tmp_path / "main")) - expected) <= 10 * np.finfo(float).eps


def test_gcc_vectorises_every_activation_without_further_flags(dtype, rng, tmp_path):
    need("gcc")
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("looks for AVX2")
    for name in set(ACTIVATIONS) - {"identity"}:
        net_of(name, dtype, rng, (2, 256, 2)).export_c(tmp_path / "net.c")
        text = (tmp_path / "net.c").read_text().replace("static inline void net_", "void net_")      # each loop by itself
        (tmp_path / "loops.c").write_text(text)
        lines = text.splitlines()
        done = subprocess.run(["gcc", "-O3", "-march=haswell", "-fopt-info-vec-optimized", "-c", "loops.c"],
                              cwd=tmp_path, capture_output=True, text=True, check=True)
        found = {int(line) for line in re.findall(r"loops\.c:(\d+):\d+: optimized: loop vectorized", done.stderr)}
        for function in (f"void net_{name}(size_t", f"void net_{name}_prime(size_t"):
            start = next(i for i, line in enumerate(lines, 1) if line.startswith(function))
            end = lines.index("}", start)
            assert any(start <= line <= end for line in found), function


def test_the_same_net_gives_the_same_file_and_the_head_says_what_it_is(tmp_path):
    net = fn.Network([2, 3, 1], activation=["tanh", "identity"], dtype="float32", seed=0)
    texts = []
    for name in ("one.c", "two.c"):
        net.export_c(tmp_path / name, name="net")
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1] and texts[0].isascii()
    head = texts[0][:texts[0].index("*/")]
    for word in ("2-3-1", "tanh, identity", "float32", f"fastnet {fn.__version__}", "crc32"):
        assert word in head
    net.parameters[0] += 1
    net.export_c(tmp_path / "two.c", name="net")
    assert (tmp_path / "two.c").read_text()[:len(head)] != head


def test_literals_are_exact(dtype, rng):
    bits = rng.integers(0, 2**63, 3000, dtype=np.uint64) if dtype == np.float64 else rng.integers(0, 2**31, 3000, dtype=np.uint32)
    values = [value for value in bits.view(dtype) if np.isfinite(value)] + [dtype.type(v) for v in (0, -0.0, 1, -2, 5e-324, 1e-45)]
    for value in values:
        back = float.fromhex(description.literal(value, ""))
        assert back == value and np.signbit(back) == np.signbit(value)


# -- what is refused ---------------------------------------------------------

@pytest.mark.parametrize("kind", ["export_c", "export_fortran"])
def test_what_cannot_be_exported_is_refused_and_the_old_file_stays(kind, tmp_path):
    path = tmp_path / "net.c"
    path.write_text("old")
    for value in (np.nan, np.inf, -np.inf):
        net = fn.Network([2, 3, 1], seed=0)
        net.weights[0][1, 1] = value
        with pytest.raises(ValueError, match=r"parameters must be finite .* 1 of 13"):
            getattr(net, kind)(path)
    net = fn.Network([2, 3, 1], seed=0)
    for name in ("", "2net", "a-b", "ü", "double", "x" * 41, "_net"):
        with pytest.raises(ValueError, match="name must be an identifier"):
            getattr(net, kind)(path, name)
    with pytest.raises(TypeError, match="name must be a str"):
        getattr(net, kind)(path, 3)
    with pytest.raises(TypeError, match="path must be a str"):
        getattr(net, kind)(None)
    with pytest.raises(FileNotFoundError):
        getattr(net, kind)(tmp_path / "missing" / "net.c")
    with pytest.raises(IsADirectoryError):
        getattr(net, kind)(tmp_path)
    with pytest.raises(ValueError, match="a path of its own"):
        getattr(net, kind)(path, None, path)
    assert path.read_text() == "old"


def test_an_error_in_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.c"
    path.write_text("old")

    def full(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        fn.Network([2, 1], seed=0).export_c(path)
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_the_name_is_taken_from_the_file_where_it_is_one(tmp_path):
    net = fn.Network([1, 1], seed=0)
    for file, name in (("controller.c", "controller"), ("my-net.c", "my_net"), ("3.c", "net"), ("double.c", "net")):
        net.export_c(tmp_path / file)
        assert f"void {name}_value(" in (tmp_path / file).read_text()


# -- Fortran -----------------------------------------------------------------

FORTRAN = ["gfortran", "-std=f2008", "-Wall", "-Wextra", "-Werror"]


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax"])
def test_a_fortran_module_is_the_net(name, dtype, rng, tmp_path):
    need("gfortran")
    net_of(name, dtype, rng).export_fortran(tmp_path / "net.f90", selftest=tmp_path / "net_test.f90")
    run(*FORTRAN, "net.f90", "net_test.f90", "-o", "net", cwd=tmp_path)
    assert "worst error" in run(tmp_path / "net")


@pytest.mark.parametrize("sizes", [*SHAPES, (784, 30, 10), (3, 2100, 1)], ids=str)
def test_a_fortran_module_of_every_shape_is_the_net(sizes, dtype, rng, tmp_path):
    need("gfortran")
    random_net(rng, sizes, dtype).export_fortran(tmp_path / "net.f90", selftest=tmp_path / "net_test.f90")
    run(*FORTRAN, "net.f90", "net_test.f90", "-o", "net", cwd=tmp_path)
    assert "worst error" in run(tmp_path / "net")


def test_the_fortran_self_test_finds_a_single_wrong_weight(dtype, rng, tmp_path):
    need("gfortran")
    net_of("tanh", dtype, rng).export_fortran(tmp_path / "net.f90", selftest=tmp_path / "net_test.f90")
    text = (tmp_path / "net.f90").read_text()
    first = re.compile(r"\d\.\d+e[+-]\d+_wp").search(text, text.index("data (w2"))
    (tmp_path / "net.f90").write_text(text[:first.start()] + f"{1.001 * float(first[0][:-3])!r}_wp" + text[first.end():])
    run("gfortran", "net.f90", "net_test.f90", "-o", "net", cwd=tmp_path)
    done = subprocess.run([tmp_path / "net"], capture_output=True, text=True)
    assert done.returncode != 0 and "FAILED" in done.stderr


def test_fortran_lines_and_decimals_keep_to_the_standard(dtype, rng, tmp_path):
    net = random_net(rng, (2, 3000, 2), dtype)
    net.export_fortran(tmp_path / "net.f90", name="Surrogate_1")
    lines = (tmp_path / "net.f90").read_text().splitlines()
    assert max(map(len, lines)) <= 132 and "module Surrogate_1" in lines
    run_of = longest = 0
    for line in lines:
        run_of = run_of + 1 if line.endswith("&") else 0
        longest = max(longest, run_of)
    assert longest <= 255
    found = [dtype.type(text[:-3]) for line in lines if not line.lstrip().startswith("!") and "data (" not in line
             for text in re.findall(r"-?\d\.\d{8,16}e[+-]\d+_wp", line)]
    expected = np.concatenate([np.concatenate([w.T.ravel(), b]) for w, b in zip(net.weights, net.biases)])
    assert (np.array(found) == expected).all()


@pytest.mark.parametrize("name", ["value", "WP", "w1", "b12", "n_in", "tanh_f", "real64"])
def test_a_fortran_module_cannot_have_one_of_its_own_names(name, tmp_path):
    with pytest.raises(ValueError, match="name must not be one of the module's own names"):
        fn.Network([1, 1], seed=0).export_fortran(tmp_path / "net.f90", name)


@pytest.mark.parametrize("name", ["merge", "exp", "matmul", "dot_product", "Size", "erfc", "sign", "abs", "maxval", "reshape", "y", "z1", "a1",
                                  "jacobian", "limit", "rows", "m"])
def test_a_fortran_module_compiles_under_any_name_that_is_not_refused(name, rng, tmp_path):
    need("gfortran")
    net = fn.Network([2, 3, 3, 3, 3], activation=["gelu", "softsign", "elu"], output="softmax", cost="categorical_cross_entropy", seed=0)
    try:
        net.export_fortran(tmp_path / "net.f90", name, selftest=tmp_path / "net_test.f90")
    except ValueError as error:
        assert len(name) > 2 and str(error) == f"name must not be that of a procedure or module that the module uses; got {name!r}"
        return
    run(*FORTRAN, "net.f90", "net_test.f90", "-o", "net", cwd=tmp_path)
    assert "worst error" in run(tmp_path / "net")


@pytest.mark.parametrize("name", ["iso_fortran_env", "ISO_Fortran_env", "matmul", "size", "Tanh"])
def test_a_fortran_module_cannot_have_the_name_of_what_it_uses(name, tmp_path):
    with pytest.raises(ValueError, match="name must not be that of a procedure or module that the module uses"):
        fn.Network([1, 1], activation="tanh", seed=0).export_fortran(tmp_path / "net.f90", name)
    assert not list(tmp_path.iterdir())
