"""Frozen nets called from other code: by address, through ctypes, without a copy, an allocation or a lock."""

import ctypes

import numpy as np
import pytest

import fastnet as fn
from fastnet.embed import capi
from helpers import error_in_eps, random_net

SIZES = [(10, 64, 64, 1), (3, 9, 17), (1, 1), (2, 3, 101), (5, 3, 101, 2)]
HUGE = 2**64 - 1


def samples(rng, f, m):
    """X, V, U and room for a, the Jacobian and both products."""
    p, n = f.sizes[0], f.sizes[-1]
    given = [rng.standard_normal((m, k)).astype(f.dtype) for k in (p, p, n)]
    return given, [np.full(shape, np.nan, f.dtype) for shape in ((m, n), (m, n, p), (m, n), (m, p))]


def guarded(n_bytes):
    """A work space at an odd address, NaN everywhere, and the block around it, whose rest must stay as it is."""
    block = np.full(n_bytes + 1 + 64, 0xFF, np.uint8)
    return block, block.ctypes.data + 1, lambda: block[0] == 0xFF and (block[n_bytes + 1:] == 0xFF).all()


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("m", [1, 2, 7, 130])
@pytest.mark.parametrize("checked", [False, True], ids=["plain", "checked"])
def test_functions_give_the_bits_of_the_methods_and_stay_in_their_work_space(sizes, m, checked, dtype, level, rng):
    f = random_net(rng, sizes, dtype).freeze()
    (X, V, U), (a, jacobian, forward, back) = samples(rng, f, m)
    call = f.ctypes
    n_bytes = call.workspace_size(call.owner, m)
    block, work, unharmed = guarded(n_bytes)

    def run(name, *arrays):
        block[1:n_bytes + 1] = 0xFF
        addresses = [number for array in arrays for number in ([array.ctypes.data, array.size] if checked else [array.ctypes.data])]
        function = getattr(call, f"{name}_checked" if checked else name)
        assert function(call.owner, m, *addresses, work, *([n_bytes] if checked else [])) == 0
        assert unharmed()

    run("eval", X, a)
    assert error_in_eps(a, f(X), dtype) <= 30                            # which may take another path
    run("jacobian", X, jacobian)
    np.testing.assert_array_equal(jacobian, f.jacobian(X))
    a[:], jacobian[:] = 0, 0
    run("value_and_jacobian", X, a, jacobian)
    np.testing.assert_array_equal(jacobian, f.jacobian(X))
    np.testing.assert_array_equal(a, f.value_and_jacobian(X)[0])
    run("jvp", X, V, forward)
    np.testing.assert_array_equal(forward, f.jvp(X, V))
    run("vjp", X, U, back)
    np.testing.assert_array_equal(back, f.vjp(X, U))


def test_a_net_says_what_it_is(dtype, rng):
    f = random_net(rng, (5, 3, 7, 2), dtype).freeze()

    def ask(name, *numbers, result=ctypes.c_size_t):
        kinds = [ctypes.c_void_p, ctypes.c_size_t][:1 + len(numbers)]
        function = ctypes.CFUNCTYPE(result, *kinds)(capi.ADDRESSES[f"fastnet_net_{name}"])
        return function(f.address, *numbers), function(None, *numbers)

    assert ask("precision", result=ctypes.c_int) == (dtype.itemsize * 8, 0)
    assert ask("n_layers") == (3, 0)
    assert [ask("size", layer) for layer in (0, 1, 2, 3, 4, HUGE)] == [(5, 0), (3, 0), (7, 0), (2, 0), (0, 0), (0, 0)]
    assert ask("n_inputs") == (5, 0)
    assert ask("n_outputs") == (2, 0)
    assert ask("n_parameters") == (f.parameters.size, 0)
