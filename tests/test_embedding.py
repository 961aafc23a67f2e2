"""Frozen nets called from other code: by address, through ctypes, without a copy, an allocation or a lock."""

import ctypes
import gc
import mmap
import sys
import threading

import numpy as np
import pytest

import fastnet as fn
from fastnet.embed import capi
from helpers import error_in_eps, random_net

SIZES = [(10, 64, 64, 1), (3, 9, 17), (1, 1), (2, 3, 101), (5, 3, 101, 2)]
OK, NULL, PRECISION, SIZE, WORKSPACE, ALIGNMENT, OVERLAP, LAYERS, ACTIVATION, COST, RATE = range(11)
HUGE = 2**64 - 1
PAGE = mmap.PAGESIZE


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


# -- what checked functions refuse -----------------------------------------------------

CALLS = {    # the arrays of each, and those that are written
    "eval": ("Xa", "a"), "jacobian": ("Xj", "j"), "value_and_jacobian": ("Xaj", "aj"), "jvp": ("XVf", "f"), "vjp": ("XUb", "b")}
MODEL_CALLS = {
    "eval": ("pXa", "a"), "value_and_gradient": ("pXYcg", "gc"), "vjp": ("pXUg", "g"), "sgd_step": ("pXYrc", "pc")}


class Attempt:
    """One call of a checked function, right as it stands: spoil an argument, see what it returns."""

    def __init__(self, name, of_model, dtype, rng, m=4):
        net = fn.Network([5, 7, 3], activation="tanh", dtype=dtype, seed=rng)
        holder = fn.TrainingModel(net) if of_model else net.freeze()
        self.keys, self.written = (MODEL_CALLS if of_model else CALLS)[name]
        self.name, self.m, self.holder, self.dtype = name, m, holder, dtype
        self.function, self.owner = getattr(holder.ctypes, f"{name}_checked"), holder.address
        self.n_bytes = holder.ctypes.workspace_size(holder.address, m)
        X, V, U, Y = (rng.random((m, k)).astype(dtype) for k in (5, 5, 3, 3))
        self.arrays = {"p": net.parameters.copy(), "X": X, "V": V, "U": U, "Y": Y, "a": np.zeros((m, 3), dtype),
                       "j": np.zeros((m, 3, 5), dtype), "f": np.zeros((m, 3), dtype), "b": np.zeros((m, 5), dtype),
                       "g": np.zeros(net.n_parameters, dtype), "c": np.zeros(1)}
        self.room = np.zeros(self.n_bytes + 8, np.uint8)
        self.at = {key: self.arrays[key].ctypes.data for key in self.keys if key != "r"}
        self.length = {key: self.arrays[key].size for key in self.at}
        self.work, self.rate = self.room.ctypes.data, 0.1

    def code(self):
        """The code; where it is an error nothing may have been written."""
        arguments = []
        for key in self.keys:
            arguments += [self.rate] if key == "r" else [self.at[key]] if key == "c" else [self.at[key], self.length[key]]
        before = {key: self.arrays[key].copy() for key in self.at}, self.room.copy()
        code = self.function(self.owner, self.m, *arguments, self.work, self.n_bytes)
        if code:
            assert all((self.arrays[key] == before[0][key]).all() for key in self.at) and (self.room == before[1]).all()
            assert self.holder.ctypes.error_text(code) not in ("no error", "unknown error code")
        return code

    def optional(self, key):
        return key == "c" or (self.name == "value_and_jacobian" and key == "a")


@pytest.fixture(params=[(name, False) for name in CALLS] + [(name, True) for name in MODEL_CALLS],
                ids=lambda param: f"{'model_' * param[1]}{param[0]}")
def attempt(request, dtype, rng):
    return Attempt(*request.param, dtype, rng)


def test_what_is_right_is_accepted_and_writes(attempt):
    before = {key: attempt.arrays[key].copy() for key in attempt.written}
    assert attempt.code() == OK
    assert all((attempt.arrays[key] != before[key]).any() for key in attempt.written)


def test_null_is_refused(attempt):
    for key in list(attempt.at):
        if not attempt.optional(key):
            address, attempt.at[key] = attempt.at[key], None
            assert attempt.code() == NULL, key
            attempt.at[key] = address
    address, attempt.work = attempt.work, None
    assert attempt.code() == NULL
    attempt.work, attempt.owner = address, None
    assert attempt.code() == NULL


def test_what_may_be_null_may(attempt):
    for key in attempt.at:
        if attempt.optional(key):
            attempt.at[key] = None
    assert attempt.code() == OK


def test_a_wrong_length_is_refused(attempt):
    for key in attempt.length:
        for wrong in (0, attempt.length[key] - 1, attempt.length[key] + 1, HUGE):
            if key != "c":
                right, attempt.length[key] = attempt.length[key], wrong
                assert attempt.code() == SIZE, (key, wrong)
                attempt.length[key] = right
    for m in (1, 5, 2**61, 2**63, HUGE):
        attempt.m = m
        assert attempt.code() == SIZE, m


def test_a_length_that_overflows_to_the_right_one_is_refused(attempt):
    """Of so many samples the bytes are what few samples have, modulo 2^64."""
    attempt.m = 2**62 + 4
    assert attempt.code() == SIZE
    attempt.length = {key: length + 2**62 * length // 4 & HUGE for key, length in attempt.length.items()}
    assert attempt.code() == SIZE


def test_no_samples_are_nothing_to_do_for_a_net_and_an_error_in_training(attempt):
    attempt.m, attempt.work, attempt.n_bytes = 0, None, 0
    for key in attempt.at:
        if key not in "pgc":
            attempt.at[key], attempt.length[key] = None, 0
    assert attempt.code() == (SIZE if "p" in attempt.keys else OK)


def test_a_small_work_space_is_refused(attempt):
    attempt.n_bytes -= 1
    assert attempt.code() == WORKSPACE
    attempt.n_bytes = 0
    assert attempt.code() == WORKSPACE


def test_a_misaligned_array_is_refused(attempt):
    for key in attempt.at:
        attempt.at[key] += attempt.dtype.itemsize // 2
        assert attempt.code() == ALIGNMENT, key
        attempt.at[key] -= attempt.dtype.itemsize // 2
    attempt.work += 1                                         # a work space may start anywhere
    assert attempt.code() == OK


def test_what_is_written_overlaps_nothing(attempt):
    for key in attempt.written:
        for other in attempt.at:
            if other != key:
                address, attempt.at[key] = attempt.at[key], attempt.at[other]
                assert attempt.code() == OVERLAP, (key, other)
                if key != "c":                                # the last value of one is the first of the other
                    attempt.at[key] = attempt.at[other] - (attempt.length[key] - 1) * attempt.dtype.itemsize
                    assert attempt.code() == OVERLAP, (key, other)
                attempt.at[key] = address
    for key in attempt.at:
        address, attempt.work = attempt.work, attempt.at[key]
        assert attempt.code() == OVERLAP, key
        attempt.work = attempt.at[key] - attempt.n_bytes + 1
        assert attempt.code() == OVERLAP, key
        attempt.work = address


def test_what_is_only_read_may_be_one_array(rng):
    attempt = Attempt("jvp", False, np.dtype("float64"), rng)
    attempt.at["V"] = attempt.at["X"]
    assert attempt.code() == OK


def test_the_other_precision_is_refused(attempt, rng):
    other = np.dtype("float32" if attempt.dtype == np.float64 else "float64")
    attempt.owner = (stranger := Attempt(attempt.name, "p" in attempt.keys, other, rng)).owner
    assert attempt.code() == PRECISION
    assert stranger.code() == OK


@pytest.mark.parametrize("rate", [np.nan, np.inf, -np.inf])
def test_a_learning_rate_that_is_not_finite_is_refused(rate, dtype, rng):
    attempt = Attempt("sgd_step", True, dtype, rng)
    attempt.rate = rate
    assert attempt.code() == RATE


def test_every_code_has_a_sentence(rng):
    text = fn.Network([1, 1]).freeze().ctypes.error_text
    assert len({text(code) for code in range(17)}) == 17
    assert text(-1) == text(17) == text(2**31 - 1) == "unknown error code"


# -- memory ------------------------------------------------------------------------------

libc = ctypes.CDLL(None) if sys.platform == "linux" else None
linux = pytest.mark.skipif(sys.platform != "linux", reason="protects pages with mprotect")


class Fenced:
    """A copy of an array between pages that may not be touched: flush with the one before or after it."""

    def __init__(self, array, after):
        n_pages = -(-array.nbytes // PAGE)
        self.block = mmap.mmap(-1, (n_pages + 2) * PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.block))
        offset = PAGE + (n_pages * PAGE - array.nbytes if after else 0)
        self.array = np.frombuffer(self.block, array.dtype, array.size, offset)
        self.array[:] = array.ravel()
        self.fences = [start, start + (n_pages + 1) * PAGE]
        for fence in self.fences:
            assert libc.mprotect(ctypes.c_void_p(fence), PAGE, 0) == 0

    def open(self):
        for fence in self.fences:
            libc.mprotect(ctypes.c_void_p(fence), PAGE, 3)


@linux
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("sizes", [(5, 7, 3), (1, 1), (17, 33, 2), (3, 9, 17), (2, 101, 1)], ids=str)
@pytest.mark.parametrize("m", [1, 7])
def test_nothing_beside_an_array_is_touched(sizes, m, after, dtype, level, rng):
    net = random_net(rng, sizes, dtype)
    f, model = net.freeze(), fn.TrainingModel(net)
    (X, V, U), (a, jacobian, forward, back) = samples(rng, f, m)
    fenced = [Fenced(array, after) for array in (X, V, U, a, jacobian, forward, back, net.parameters, net.parameters)]
    x, v, u, a, jacobian, forward, back, parameters, gradient = (item.array.ctypes.data for item in fenced)
    work = [Fenced(np.zeros(holder.ctypes.workspace_size(holder.address, m), np.uint8), after) for holder in (f, model)]
    space, call, owner = work[0].array.ctypes.data, f.ctypes, f.address
    assert call.eval(owner, m, x, a, space) == call.jacobian(owner, m, x, jacobian, space) == 0
    assert call.jvp(owner, m, x, v, forward, space) == call.vjp(owner, m, x, u, back, space) == 0
    space, call, owner = work[1].array.ctypes.data, model.ctypes, model.address
    assert call.eval(owner, m, parameters, x, a, space) == 0
    assert call.value_and_gradient(owner, m, parameters, x, u, None, gradient, space) == 0
    assert call.vjp(owner, m, parameters, x, u, gradient, space) == 0
    assert call.sgd_step(owner, m, parameters, x, u, 0.1, None, space) == 0
    for item in fenced + work:
        item.open()


def test_a_frozen_net_outlives_its_network_and_a_capsule_the_frozen_net(rng):
    net = fn.Network([3, 8, 2], seed=0)
    f, X, a = net.freeze(), rng.random((4, 3)), np.empty((4, 2))
    expected, call = f(X), f.ctypes
    work = np.empty(call.workspace_size(f.address, 4), np.uint8)
    net.parameters[:] = np.nan
    del net
    capsule, before = f.capsule, sys.getrefcount(f)
    another = f.capsule
    assert sys.getrefcount(f) == before + 1
    del another
    assert sys.getrefcount(f) == before
    pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    assert pointer_of(capsule, b"fastnet_net") == f.address
    del f
    gc.collect()
    filler = [fn.Network([3, 8, 2], seed=1).freeze() for _ in range(50)]       # which would take freed memory
    assert call.eval(pointer_of(capsule, b"fastnet_net"), 4, X.ctypes.data, a.ctypes.data, work.ctypes.data) == 0
    assert error_in_eps(a, expected, np.dtype(float)) <= 30 and filler


def test_eight_threads_get_the_bits_of_one(dtype, rng):
    f = fn.Network([10, 64, 64, 3], activation="gelu", dtype=dtype, seed=rng).freeze()
    X, call, m = rng.standard_normal((30, 10)).astype(dtype), f.ctypes, 30
    n_bytes, wrong = call.workspace_size(f.address, m), []

    def found(times):
        a, jacobian, work = np.empty((m, 3), dtype), np.empty((m, 3, 10), dtype), np.empty(n_bytes, np.uint8)
        for _ in range(times):
            call.value_and_jacobian(f.address, m, X.ctypes.data, a.ctypes.data, jacobian.ctypes.data, work.ctypes.data)
            yield a.tobytes() + jacobian.tobytes()

    (expected,) = found(1)

    def work():
        wrong.extend(1 for bits in found(100) if bits != expected)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
