"""Sets of any kind of number, order, stride and byte order: converted a batch at a time, to the bits of a set that
was converted before."""

import tracemalloc

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks_data, _options
from fastnet._core import plan, rows, window
from fastnet._core.rows import Rows
from fastnet._core.samples import compressed, nonzeros

sparse = pytest.importorskip("scipy.sparse")

KINDS = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64",
         ">i2", ">u4", ">i8", ">f2", ">f4", ">f8"]
LIE = {"row after row": lambda X: X, "column after column": np.asfortranarray, "backwards": lambda X: X[::-1],
       "with gaps": lambda X: np.repeat(X, 2, axis=1)[:, ::2], "part of wider rows": lambda X: np.hstack([X, X])[:, :X.shape[1]],
       "unaligned": lambda X: np.frombuffer(b"x" + X.tobytes(), X.dtype, offset=1).reshape(X.shape)}


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch):
    """Everything is converted a batch at a time, some rows to a window or a block."""
    monkeypatch.setattr(_checks_data, "AT_ONCE", 0)
    monkeypatch.setattr(window, "WINDOW_BYTES", 3000)
    monkeypatch.setattr(window, "SHARED_BYTES", 5000)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 3000)


def numbers(rng, kind, shape, density=1.0):
    X = rng.integers(0, 2 if kind == "bool" else 100, shape) * (rng.random(shape) < density)
    return X.astype(kind)


def converted(monkeypatch, work):
    """What `work` gives where everything is converted at once."""
    with monkeypatch.context() as patch:
        patch.setattr(_checks_data, "AT_ONCE", 1 << 60)
        return work()


def everything(X, Y, dtype, batch_size, **options):
    """What a net makes of a set: all of it as bytes and numbers."""
    net = fn.Network([X.shape[1], 12, 5], dtype=dtype, seed=1)
    history = net.fit(X, Y, epochs=2, batch_size=batch_size, learning_rate=0.001, seed=3, validation=0.2, **options)
    cost, gradient = net.value_and_gradient(X, Y)
    return (net.parameters.tobytes(), history.cost, history.validation_cost, history.accuracy, net.cost(X, Y), cost,
            gradient.tobytes(), net.predict(X).tobytes(), net.freeze()(X).tobytes(), net.backprop(X, Y).delta[0].tobytes())


@pytest.mark.parametrize("density", [1.0, 0.2])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 203])
@pytest.mark.parametrize("kind", KINDS)
def test_a_set_of_any_kind_gives_the_bits_of_a_converted_one(kind, batch_size, density, dtype, path, monkeypatch, rng):
    X, Y = numbers(rng, kind, (203, 37), density), rng.integers(0, 5, 203)
    weight = rng.random(203)
    found = everything(X, Y, dtype, batch_size, sample_weight=weight)
    assert found == converted(monkeypatch, lambda: everything(X.astype(dtype), Y, dtype, batch_size, sample_weight=weight))


@pytest.mark.parametrize("lies", LIE)
@pytest.mark.parametrize("kind", ["uint8", "int16", ">i2", "float16", "float32", "float64", ">f8"])
def test_however_it_lies(kind, lies, dtype, monkeypatch, rng):
    X, Y = LIE[lies](numbers(rng, kind, (101, 23))), rng.random((101, 5))
    before = X.copy()
    found = everything(X, Y, dtype, 10)
    assert found == converted(monkeypatch, lambda: everything(np.array(X, dtype, order="C"), Y, dtype, 10))
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("kind", KINDS)
def test_targets_of_any_kind(kind, dtype, path, monkeypatch, rng):
    X, Y = rng.random((60, 4)).astype(dtype), numbers(rng, kind, (60, 5))
    def work(Y):
        return everything(X, Y, dtype, 8, metrics="r2")
    assert work(Y) == converted(monkeypatch, lambda: work(Y.astype(dtype)))


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
@pytest.mark.parametrize("make", ["array", "matrix"])
def test_sparse_sets_of_every_format(form, make, dtype, path, monkeypatch, rng):
    dense, Y = numbers(rng, "uint8", (84, 36), 0.2), rng.integers(0, 5, 84)
    X = getattr(sparse, f"{form}_{make}")(dense)
    found = everything(X, Y, dtype, 8)
    assert found == converted(monkeypatch, lambda: everything(sparse.csr_array(dense.astype(dtype)), Y, dtype, 8))


@pytest.mark.parametrize("kind", ["uint8", "int16", "float64", "float32"])
def test_values_of_sparse_sets_stay_as_they_are(kind, dtype, rng):
    X = sparse.csr_array(numbers(rng, kind, (30, 11), 0.3))
    held = _checks_data.sparse_rows(X, 11, dtype)
    assert np.shares_memory(held.values, X.data) and held.dtype == dtype
    np.testing.assert_array_equal(held.dense(3, 17), X[3:17].toarray())


def test_noise_on_a_sparse_set_makes_no_more_of_it_dense_than_a_window(dtype, path, monkeypatch, rng):
    dense, Y = numbers(rng, "uint8", (90, 30), 0.2), rng.random((90, 5))
    options = dict(input_noise=0.1, input_dropout=0.2)
    expected = converted(monkeypatch, lambda: everything(dense.astype(dtype), Y, dtype, 8, **options))
    assert everything(sparse.csr_array(dense), Y, dtype, 8, **options)[:2] == expected[:2]


def test_a_wide_sparse_set_is_never_dense_as_a_whole(path, rng):
    X = sparse.random(3000, 10_000, 0.001, format="csc", dtype=np.float32, random_state=rng)      # 120 MB with its zeros
    net, Y = fn.Network([10_000, 2, 2], dtype="float32", seed=0), rng.integers(0, 2, 3000)
    net.fit(X[:9], Y[:9], epochs=1)
    tracemalloc.start()
    net.fit(X, Y, epochs=1, batch_size=10, input_noise=0.1, validation=0.1)
    net.fit(X, Y, epochs=1, optimizer="lbfgs")
    net.cost(X, Y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6                                       # two buffers of 256 rows in L-BFGS, 10 MB each
    assert net.predict(X).shape == (3000, 2)


@pytest.mark.parametrize("density", [1.0, 0.1])
def test_threads_give_the_bits_of_a_converted_set(density, dtype, monkeypatch, rng):
    monkeypatch.setattr(plan, "SHARE_OPERATIONS", 1)
    monkeypatch.setattr(plan, "SHARE_TRAVEL", 0)
    monkeypatch.setattr(plan, "SHARE_TRAVEL_SPARSE", 0)
    monkeypatch.setattr("fastnet._checks.check_threads", lambda threads: threads)
    X, Y = numbers(rng, "uint8", (203, 50), density), rng.integers(0, 5, 203)
    found = everything(X, Y, dtype, 16, threads=3)
    assert found == converted(monkeypatch, lambda: everything(X.astype(dtype), Y, dtype, 16, threads=3))


@pytest.mark.parametrize("optimizer", ["adam", "rprop", "lbfgs"])
def test_every_optimizer_takes_them(optimizer, dtype, monkeypatch, rng):
    X, Y = numbers(rng, "uint8", (103, 20)), rng.random((103, 5))
    def work(X):
        net = fn.Network([20, 6, 5], dtype=dtype, seed=0)
        net.fit(X, Y, optimizer=optimizer, epochs=3, seed=0)
        return net.parameters.tobytes()
    assert work(X) == converted(monkeypatch, lambda: work(X.astype(dtype)))


def test_callbacks_and_checkpoints_within_an_epoch_see_what_they_would(tmp_path, monkeypatch, rng):
    X, Y = numbers(rng, "uint8", (203, 20)), rng.integers(0, 5, 203)

    def work(X):
        net, seen = fn.Network([20, 6, 5], seed=0), []
        def watch(info):
            seen.append((info.batch, info.cost, info.net.parameters.tobytes()))
            if info.epoch == 2 and info.batch == 15:
                info.stop()
        net.fit(X, Y, epochs=3, batch_size=4, seed=0, callbacks=watch, callback_every=5, learning_rate=0.01)
        net.checkpoint(tmp_path / "run.safetensors")
        run = fn.resume(tmp_path / "run.safetensors")
        return seen, run.fit(X, Y, epochs=3).cost, run.net.parameters.tobytes()

    assert work(X) == converted(monkeypatch, lambda: work(X.astype(float)))


@pytest.mark.parametrize("kind", KINDS)
def test_conversion_is_numpys(kind, dtype, level, rng):
    kind = np.dtype(kind)
    if kind.kind in "iu":
        info = np.iinfo(kind)
        X = rng.integers(info.min, info.max, 1000, kind.newbyteorder("="), endpoint=True).astype(kind)
        X[:3] = info.min, info.max, 0
    elif kind.itemsize == 2:
        X = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(kind)      # every half there is
    else:
        X = (rng.standard_normal(1000) * 10.0 ** rng.integers(-30, 30, 1000)).astype(kind)
    X = np.ascontiguousarray(np.resize(X, (len(X) // 7, 7)))
    with np.errstate(over="ignore", invalid="ignore"):
        expected = X.astype(dtype)
    for made in (Rows(X, dtype), Rows(np.asfortranarray(X), dtype)):
        np.testing.assert_array_equal(made.dense(0, len(X)), expected)
        np.testing.assert_array_equal(np.signbit(made.dense(0, len(X))), np.signbit(expected))
    order = rng.permutation(len(X))
    some = Rows(X, dtype).take(order)
    np.testing.assert_array_equal(some.dense(5, len(X)), expected[order[5:]])
    np.testing.assert_array_equal(some.take(order).dense(0, 9), expected[order[order[:9]]])


@pytest.mark.parametrize("kind, kept, columns", [("uint8", "uint8", "uint16"), (">i2", "int16", "uint16"), ("float64", None, "uint16")])
def test_a_set_without_its_zeros_keeps_its_kind(kind, kept, columns, dtype, rng):
    X = numbers(rng, kind, (50, 30), 0.2)
    found = compressed(Rows(X, dtype), nonzeros(Rows(X, dtype)))
    assert found.values.dtype == (kept or dtype) and found.columns.dtype == columns and len(found.values) == np.count_nonzero(X)
    np.testing.assert_array_equal(found.dense(0, 50), X.astype(dtype))
    assert found.direct is False


def test_large_sets_are_not_copied_and_small_ones_are_converted_at_once(monkeypatch, rng):
    net, X = np.dtype(np.float32), rng.integers(0, 9, (40, 10)).astype(np.uint8)
    monkeypatch.setattr(_checks_data, "AT_ONCE", 1600)
    assert _checks_data.as_rows(X, net) is None
    monkeypatch.setattr(_checks_data, "AT_ONCE", 1599)
    held = _checks_data.as_rows(X, net)
    assert isinstance(held, Rows) and held.array is X
    assert _checks_data.as_rows(X.astype(np.float32), net) is None              # as the kernels read it


@pytest.mark.parametrize("kind", ["float16", "float64", ">f4"])
def test_what_is_not_finite_is_found_before_anything_changes(kind, dtype, rng):
    X, Y = numbers(rng, kind, (400, 11)), rng.random((400, 3))
    net = fn.Network([11, 3], dtype=dtype, seed=0)
    before = net.parameters.copy()
    X[397, 8] = np.inf
    with pytest.raises(ValueError, match=f"X must be finite in {dtype.name}; row 397, column 8 is inf"):
        net.fit(X, Y)
    with pytest.raises(ValueError, match=f"Y must be finite in {dtype.name}; row 397, column 8 is inf"):
        fn.Network([3, 11], dtype=dtype, seed=0).fit(Y, X)
    X[397, 8] = np.nan
    with pytest.raises(ValueError, match="row 397, column 8 is nan"):
        net.fit(X, Y)
    with pytest.raises(ValueError, match="X must be finite .*; row 397, column 8 is nan"):
        net.fit(sparse.csr_array(X.astype(X.dtype.newbyteorder("=")).astype(float)), Y)
    assert (net.parameters == before).all()


def test_a_number_beyond_float32_is_found(rng):
    X = rng.random((300, 5))
    X[299, 1] = 1e39
    with pytest.raises(ValueError, match="X must be finite in float32; row 299, column 1 is inf"):
        fn.Network([5, 1], dtype="float32").fit(X, np.zeros(300))


def test_targets_out_of_range_are_found_in_any_block(rng):
    Y = rng.integers(0, 2, (500, 3)).astype(np.uint8)
    Y[477, 2] = 7
    net = fn.Network([2, 3], cost="cross_entropy", seed=0)
    with pytest.raises(ValueError, match="Y must be between 0.0 and 1.0 for cross_entropy; row 477, column 2 is 7|row 477, column 2"):
        net.fit(rng.random((500, 2)), Y)


def test_a_window_is_whole_batches():
    for p, itemsize, batch, threads in [(784, 4, 10, 1), (1, 8, 7, 2), (10_000, 8, 100, 1)]:
        found = window.window_rows(p, itemsize, batch, threads)
        assert found % batch == 0 and (found == batch or found * p * itemsize <= window.SHARED_BYTES)


def test_options_know_how_to_shuffle():
    for bad, error in (("block", ValueError), (1, TypeError), (None, TypeError)):
        with pytest.raises(error, match="shuffle must be"):
            _options.check_shuffle(bad)
    assert [_options.check_shuffle(given) for given in (True, False, "rows", "blocks")] == [True, False, "rows", "blocks"]


def test_objects_that_are_numbers_are_taken_as_such(dtype):
    from decimal import Decimal
    from fractions import Fraction
    given = np.array([[1, 2.5, True], [Decimal("0.5"), Fraction(1, 4), np.float32(3)]], object)
    net = fn.Network([3, 4, 2], dtype=dtype, seed=0)
    plain = np.array([[1, 2.5, 1], [0.5, 0.25, 3]])
    assert net.predict(given).tobytes() == net.predict(plain).tobytes() == net.predict(given.tolist()).tobytes()
    assert net.predict(given[0]).tobytes() == net.predict(plain[0]).tobytes()
    assert net.cost(given, np.array([0, 1], object)) == net.cost(plain, [0, 1])
    assert net.predict(np.array([[2**70, 1, 0]], object)).tobytes() == net.predict([[2.0**70, 1, 0]]).tobytes()
    for wrong, says in ((None, "None"), ("n/a", "'n/a'"), (1j, "1j")):
        given[1, 2] = wrong
        with pytest.raises(TypeError, match=f"X must hold real numbers; got dtype object; row 1, column 2 holds {says}"):
            net.predict(given)
