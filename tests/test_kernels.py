"""The C kernels by themselves: accuracy, limits, every length, every instruction level."""

import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest

import fastnet as fn
from fastnet import reference
from fastnet._core import kernels
from helpers import ACTIVATIONS

BOUNDS = {("sigmoid", "float32"): 2.5, ("sigmoid", "float64"): 2.0, ("tanh", "float32"): 2.5,
          ("tanh", "float64"): 2.0, ("exp", "float32"): 1.5, ("exp", "float64"): 1.5}

# Where a run over all 2^32 floats found the largest errors: 2.41, 2.50 and 1.09 ulp.
WORST = {"sigmoid": np.float32([-4.1572938]), "tanh": np.float32([4.50509071, -4.50509071]), "exp": np.float32([70.3545609])}


def ulps(found, exact, dtype):
    """|found - exact| in units in the last place of exact, the smallest subnormal at least."""
    info = np.finfo(dtype)
    exact = np.asarray(exact, np.longdouble)
    unit = np.ldexp(np.longdouble(1), np.frexp(exact)[1] - info.nmant - 1)
    return np.abs(found.astype(np.longdouble) - exact) / np.maximum(unit, np.longdouble(info.smallest_subnormal))


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "exp"])
def test_float32_keeps_its_bound_over_all_magnitudes(name, level):
    bits = np.arange(0, 2**32, 1009, dtype=np.uint64).astype(np.uint32)
    z = bits.view(np.float32)
    z = np.concatenate([z[np.isfinite(z)], np.linspace(-20, 20, 400_001, dtype=np.float32), WORST[name]])
    if name == "exp":
        z = z[z < 88.7]
    wide = z.astype(np.float64)
    with np.errstate(over="ignore"):
        exact = {"sigmoid": lambda: 1 / (1 + np.exp(-wide)), "tanh": lambda: np.tanh(wide),
                 "exp": lambda: np.exp(wide)}[name]()
    assert ulps(kernels.elementwise(name, z), exact, np.float32).max() <= BOUNDS[name, "float32"]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "exp"])
def test_float64_keeps_its_bound(name, level, rng):
    z = np.concatenate([rng.uniform(-r, r, 600) for r in (1e-9, 0.1, 0.4, 1, 5, 40, 700)]
                       + [rng.uniform(-745, -700, 100), [709.78, -709.78, -744.44]])
    mpmath.mp.prec = 120
    exact_of = {"sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "tanh": mpmath.tanh, "exp": mpmath.exp}[name]
    found = kernels.elementwise(name, z)
    worst = 0
    for x, y in zip(z.tolist(), found.tolist()):
        exact = exact_of(mpmath.mpf(x))
        unit = max(mpmath.ldexp(1, int(mpmath.floor(mpmath.log(abs(exact), 2))) - 52), mpmath.mpf(5e-324))
        worst = max(worst, abs(mpmath.mpf(y) - exact) / unit)
    assert worst <= BOUNDS[name, "float64"]


def test_limits_are_exact_and_nan_stays(level, dtype):
    z = np.array([np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0], dtype)
    np.testing.assert_array_equal(kernels.elementwise("sigmoid", z), [1, 0, np.nan, np.nan, 0.5, 0.5])
    np.testing.assert_array_equal(kernels.elementwise("exp", z), [np.inf, 0, np.nan, np.nan, 1, 1])
    tanh = kernels.elementwise("tanh", z)
    np.testing.assert_array_equal(tanh, [1, -1, np.nan, np.nan, 0, 0])
    assert np.signbit(tanh[5]) and not np.signbit(tanh[4])
    np.testing.assert_array_equal(kernels.elementwise("relu", z), [np.inf, 0, np.nan, np.nan, 0, 0])
    np.testing.assert_array_equal(kernels.elementwise("identity", z), z)


def test_subnormal_tails_are_right(level):
    z = np.array([-740.0, -720.5, -709.0, -708.0])
    exact = [float(mpmath.exp(x)) for x in z]          # e^z / (1 + e^z) = e^z here
    np.testing.assert_allclose(kernels.elementwise("sigmoid", z), exact, rtol=0, atol=2 * 5e-324 + 2e-16 * max(exact))
    single = np.array([-103.0, -100.0, -95.0, -87.5], np.float32)
    found = kernels.elementwise("sigmoid", single).astype(float)
    np.testing.assert_allclose(found, np.exp(single.astype(float)), rtol=3e-7, atol=1.5e-45)
    tiny = np.array([5e-324, -5e-324])
    np.testing.assert_array_equal(kernels.elementwise("tanh", tiny), tiny)


@pytest.mark.parametrize("name", ["exp", *ACTIVATIONS])
def test_a_kernel_may_write_over_its_argument(name, level, dtype, rng):
    for n in (1, 7, 67):
        z = (4 * rng.standard_normal(n)).astype(dtype)
        apart = kernels.elementwise(name, z)
        over = z.copy()
        assert kernels.elementwise(name, over, over) is over
        np.testing.assert_array_equal(over, apart)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_length_gives_the_primes_of_single_elements(name, level, dtype, rng):
    z, delta = (2 * rng.standard_normal((2, 67))).astype(dtype)
    a = kernels.elementwise(name, z)
    single = np.concatenate([kernels.elementwise(name + "_prime", *(x[i:i + 1] for x in (z, a, delta))) for i in range(67)])
    for n in range(68):
        np.testing.assert_array_equal(kernels.elementwise(name + "_prime", *(x[:n].copy() for x in (z, a, delta))), single[:n])


def test_nan_stays_through_every_prime(level, dtype):
    z = np.full(5, np.nan, dtype)
    for name in ACTIVATIONS:
        if name != "identity":                         # its derivative is 1 whatever z is
            found = kernels.elementwise(name + "_prime", z, kernels.elementwise(name, z), np.ones(5, dtype))
            assert np.isnan(found).all(), name


@pytest.mark.parametrize("name", ["exp", *ACTIVATIONS])
def test_every_length_gives_the_bits_of_single_elements(name, level, dtype, rng):
    z = (4 * rng.standard_normal(67)).astype(dtype)
    single = np.concatenate([kernels.elementwise(name, z[i:i + 1]) for i in range(len(z))])
    for n in range(len(z) + 1):
        np.testing.assert_array_equal(kernels.elementwise(name, z[:n].copy()), single[:n])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_primes_are_the_references(name, level, dtype, rng):
    z = (3 * rng.standard_normal(100)).astype(dtype)
    delta = rng.standard_normal(100).astype(dtype)
    found = kernels.elementwise(name + "_prime", z, kernels.elementwise(name, z), delta)
    expected = [d * reference.ACTIVATIONS[name][1](x) for d, x in zip(delta.tolist(), z.tolist())]
    # from a, sigma' = a (1 - a) loses eps absolutely in the saturated tail
    np.testing.assert_allclose(found, expected, rtol=20 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


def test_relu_prime_is_0_at_0(level, dtype):
    z = np.array([0.0, -1.0, 2.0], dtype)
    ones = np.ones(3, dtype)
    np.testing.assert_array_equal(kernels.elementwise("relu_prime", z, kernels.elementwise("relu", z), ones), [0, 0, 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_is_finite_finds_one_bad_value_anywhere(bad, level, dtype):
    for n in (1, 7, 1024, 1025, 3000):
        for at in {0, n // 2, n - 1}:
            x = np.zeros(n, dtype)
            assert kernels.is_finite(x)
            x[at] = bad
            assert not kernels.is_finite(x)


def run(code, **environment):
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True)


def test_fastnet_cpu_selects_the_level_and_show_config_reports_it():
    for name in kernels.LEVELS:
        result = run("import fastnet; fastnet.show_config()", FASTNET_CPU=name)
        assert f"cpu level      {name}\n" in result.stdout


def test_an_unknown_level_or_path_is_a_clear_error():
    result = run("import fastnet", FASTNET_CPU="pentium")
    assert result.returncode and "FASTNET_CPU must be one of baseline" in result.stderr and "'pentium'" in result.stderr
    result = run("import fastnet as fn; fn.Network([1, 1])([[1.0]])", FASTNET_PATH="slow")
    assert result.returncode and "FASTNET_PATH must be fast or plain; got 'slow'" in result.stderr


def test_level_names_are_those_of_show_config(capsys):
    fn.show_config()
    assert " ".join(kernels.LEVELS) in capsys.readouterr().out


LOG_BOUNDS = {"log": 1.0, "log1p": 2.0}


@pytest.mark.parametrize("name", LOG_BOUNDS)
def test_logarithms_keep_their_bounds_in_float32(name, level):
    x = np.arange(1, 0x7f800000, 1009, dtype=np.uint32).view(np.float32)       # all that is positive and finite
    near = np.linspace(0.5, 2, 300_001, dtype=np.float32)
    x = np.concatenate([x, near]) if name == "log" else np.concatenate([x, near - 1, -x[x < 1], [np.float32(1e-8)]])
    exact = getattr(np, name)(x.astype(np.longdouble))
    assert ulps(kernels.elementwise(name, x), exact, np.float32).max() <= LOG_BOUNDS[name]


@pytest.mark.parametrize("name", LOG_BOUNDS)
def test_logarithms_keep_their_bounds_in_float64(name, level, rng):
    x = np.concatenate([2.0 ** rng.uniform(-1074, 1023.9, 2000), rng.uniform(0.5, 2, 3000), 1 + rng.uniform(-1, 1, 500) * 2.0**-20,
                        2.0 ** rng.uniform(-60, 0, 1000)])
    if name == "log1p":
        x = np.concatenate([x, -x[x < 1], x[(x > 0.5) & (x < 2)] - 1])
    mpmath.mp.prec = 200
    exact = [getattr(mpmath, name)(mpmath.mpf(value)) for value in x.tolist()]
    found = kernels.elementwise(name, x).tolist()
    errors = [abs(f - e) / max(mpmath.ldexp(1, int(mpmath.floor(mpmath.log(abs(e), 2))) - 52), mpmath.mpf(5e-324))
              for f, e in zip(found, exact) if e]
    assert len(errors) > 6000 and max(errors) <= LOG_BOUNDS[name]


def test_logarithms_have_their_limits(level, dtype):
    x = np.array([0, -0.0, np.inf, np.nan, -1, -np.inf, 1], dtype)
    np.testing.assert_array_equal(kernels.elementwise("log", x), [-np.inf, -np.inf, np.inf, np.nan, np.nan, np.nan, 0])
    x = np.array([0, -1, -2, np.nan, np.finfo(dtype).smallest_subnormal], dtype)
    np.testing.assert_array_equal(kernels.elementwise("log1p", x), [0, -np.inf, np.nan, np.nan, x[-1]])
