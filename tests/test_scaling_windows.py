"""Scaling a window or a batch at a time: no scaled copy of a set, the bits of one."""

import math
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

import fastnet as fn
from fastnet import _checks_data, scaling
from fastnet._core import plan, rows, window
from fastnet._core.rows import Rows
from fastnet._core.samples import Compressed, compressed, density_of, nonzeros
from test_data_kinds import KINDS, LIE, converted, numbers
from test_data_batches import Loader, cut


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch):
    """Everything is scaled some rows at a time, several windows and blocks to a set."""
    for module in (_checks_data, scaling):
        monkeypatch.setattr(module, "AT_ONCE", 0)
    monkeypatch.setattr(window, "WINDOW_BYTES", 3000)
    monkeypatch.setattr(window, "SHARED_BYTES", 5000)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 3000)
    monkeypatch.setattr(scaling, "BLOCK_BYTES", 3000)


def up_front(monkeypatch, work):
    """What `work` gives where sets are scaled whole."""
    with monkeypatch.context() as patch:
        patch.setattr(scaling, "AT_ONCE", 1 << 60)
        return converted(patch, work)


def everything(X, Y, dtype, batch_size=7, scale="standardize", n_out=3, **options):
    """What a net that scales makes of a set: all of it as bytes and numbers."""
    net = fn.Network([X.shape[1], 9, n_out], activation="tanh", output="identity", dtype=dtype, seed=1)
    history = net.fit(X, Y, **{"epochs": 2, "batch_size": batch_size, "learning_rate": 0.001, "seed": 3, "validation": 0.2,
                               "scale": scale, **options})
    cost, gradient = net.value_and_gradient(X, Y)
    dense = X.toarray() if hasattr(X, "tocsr") else X
    return (net.parameters.tobytes(), history.cost, history.validation_cost, history.accuracy, history.metrics, net.scaling,
            net.cost(X, Y), cost, gradient.tobytes(), net.predict(X).tobytes(), net.backprop(X, Y).delta[0].tobytes(),
            net.jacobian(dense[:9]).tobytes(), net.laplacian(dense[:9]).tobytes(), net.forward(X).a[1].tobytes())


# -- the kernel ----------------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
def test_scaled_rows_are_numpys_in_float64_rounded_once(kind, dtype, level, rng):
    kind = np.dtype(kind)
    if kind.kind in "iu":
        info = np.iinfo(kind)
        X = rng.integers(info.min, info.max, (90, 7), kind.newbyteorder("="), endpoint=True).astype(kind)
    else:
        X = (rng.standard_normal((90, 7)) * 100 > 0 if kind == bool else rng.standard_normal((90, 7)) * 100).astype(kind)
    offset, factor = rng.standard_normal(7) * 50, 1 / rng.uniform(1e-3, 1e3, 7)
    expected = ((X.astype(np.float64) - offset) * factor).astype(dtype)
    order = rng.permutation(90)
    for lies in LIE.values():
        made = Rows(lies(X), dtype).scaled(offset, factor)
        same = ((lies(X).astype(np.float64) - offset) * factor).astype(dtype)
        assert_array_equal(made.dense(0, 90), same)
        assert_array_equal(made.take(order).dense(5, 90), same[order[5:]])
    assert_array_equal(Rows(X, dtype).scaled(offset, factor).unscaled(dtype).dense(0, 90), X.astype(dtype))
    assert made.dense(0, 90).dtype == dtype and expected.any()


@pytest.mark.parametrize("short", [True, False])
def test_compressed_values_are_scaled_by_their_columns(short, dtype, rng):
    X, factor = numbers(rng, "int16", (40, 13), 0.3), rng.random(13)
    csr = sparse.csr_array(X)
    held = Compressed(X.shape, csr.data, csr.indices.astype(np.uint16 if short else np.int32), csr.indptr.astype(np.intp), dtype).scaled(factor)
    assert not held.direct and np.shares_memory(held.values, csr.data)
    assert_array_equal(held.dense(0, 40), (X * factor).astype(dtype))
    chosen = rng.permutation(40)[:9]
    assert_array_equal(held.take(chosen).dense(0, 9), (X[chosen] * factor).astype(dtype))


# -- the same training ---------------------------------------------------------------

@pytest.mark.parametrize("scale", ["standardize", "minmax", (None, "maxabs")])
@pytest.mark.parametrize("kind", KINDS)
def test_a_set_scaled_a_window_at_a_time_gives_the_bits_of_one_scaled_up_front(kind, scale, dtype, path, monkeypatch, rng):
    X, Y, weight = numbers(rng, kind, (103, 11)), rng.random((103, 3)), rng.random(103)
    work = lambda: everything(X, Y, dtype, scale=scale, sample_weight=weight, metrics="r2")
    assert work() == up_front(monkeypatch, work)


@pytest.mark.parametrize("batch_size", [1, 16, 103])
@pytest.mark.parametrize("kind", ["uint8", "int16", "float16", "float64", ">f4"])
def test_targets_are_scaled_a_window_at_a_time_too(kind, batch_size, dtype, path, monkeypatch, rng):
    X, Y = rng.random((103, 4)), numbers(rng, kind, (103, 3))
    work = lambda: everything(X, Y, dtype, batch_size, metrics=["r2", lambda targets, outputs: float(targets.sum() - outputs.sum())])
    assert work() == up_front(monkeypatch, work)


@pytest.mark.parametrize("lies", LIE)
@pytest.mark.parametrize("kind", ["uint8", "float32", ">f8"])
def test_however_a_set_lies(kind, lies, dtype, monkeypatch, rng):
    X, Y = LIE[lies](numbers(rng, kind, (61, 11))), rng.random((61, 3))
    before = X.copy()
    work = lambda: everything(X, Y, dtype)
    assert work() == up_front(monkeypatch, work)
    assert_array_equal(X, before)


@pytest.mark.parametrize("options", [
    dict(optimizer="adam", l2=0.01), dict(optimizer="lbfgs", learning_rate=None), dict(optimizer="rprop", learning_rate=None),
    dict(shuffle=False), dict(shuffle="blocks"), dict(input_noise=0.1, input_dropout=0.2), dict(patience=1), dict(validation=None)], ids=str)
def test_every_way_to_train(options, dtype, path, monkeypatch, rng):
    X, Y = numbers(rng, "uint8", (103, 11)), rng.integers(0, 90, (103, 3)).astype(np.uint8)
    options = {name: value for name, value in options.items() if value is not None or name == "validation"}
    if options.get("optimizer") in ("lbfgs", "rprop"):
        def work():
            net = fn.Network([11, 6, 3], output="identity", dtype=dtype, seed=0)
            history = net.fit(X, Y, epochs=3, seed=0, scale="standardize", validation=(X[:9], Y[:9]), **options)
            return net.parameters.tobytes(), history.cost, history.validation_cost
    else:
        work = lambda: everything(X, Y, dtype, **options)
    assert work() == up_front(monkeypatch, work)


def test_threads_give_the_same_bits(dtype, monkeypatch, rng):
    monkeypatch.setattr(plan, "SHARE_OPERATIONS", 1)
    monkeypatch.setattr(plan, "SHARE_TRAVEL", 0)
    monkeypatch.setattr(plan, "SHARE_TRAVEL_SPARSE", 0)
    monkeypatch.setattr("fastnet._checks.check_threads", lambda threads: threads)
    X, Y = numbers(rng, "uint8", (203, 50)), numbers(rng, "int16", (203, 3))
    work = lambda: everything(X, Y, dtype, 16, threads=2)
    assert work() == up_front(monkeypatch, work)


@pytest.mark.parametrize("classes", [None, "auto"])
def test_labels_and_their_weights(classes, dtype, path, monkeypatch, rng):
    X, Y = numbers(rng, "uint8", (103, 11)), rng.integers(0, 3, 103)
    Y = Y if classes is None else np.array(["low", "middle", "high"])[Y]

    def work():
        net = fn.Network([11, 6, 3], output="softmax", cost="categorical_cross_entropy", dtype=dtype, seed=0)
        history = net.fit(X, Y, epochs=2, seed=0, scale="standardize", validation=0.2, class_weight="balanced", classes=classes)
        return net.parameters.tobytes(), history.validation_cost, history.accuracy, list(net.classify(X))
    assert work() == up_front(monkeypatch, work)


def test_later_passes_keep_the_scaling(dtype, monkeypatch, rng):
    X, Y, more = numbers(rng, "uint8", (103, 11)), rng.random((103, 3)), numbers(rng, "int16", (57, 11))

    def work():
        net = fn.Network([11, 6, 3], output="identity", dtype=dtype, seed=0)
        net.fit(X, Y, epochs=1, seed=0, scale="standardize", learning_rate=0.01)
        net.partial_fit(more, Y[:57], learning_rate=0.01, seed=0)
        net.fit(more, Y[:57], epochs=1, seed=0, learning_rate=0.01, validation=(X[:5], Y[:5]))
        return net.parameters.tobytes(), net.scaling
    assert work() == up_front(monkeypatch, work)


def test_a_run_goes_on_from_a_checkpoint_within_an_epoch(tmp_path, monkeypatch, rng):
    X, Y = numbers(rng, "uint8", (103, 11)), rng.random((103, 3))
    net, whole = (fn.Network([11, 6, 3], output="identity", seed=0) for _ in range(2))
    options = dict(epochs=3, batch_size=7, optimizer="adam", seed=2, scale="standardize")
    whole.fit(X, Y, **options)
    net.fit(X, Y, callback_every=4, callbacks=lambda info: info.batch == 12 and info.epoch == 2 and net.checkpoint(tmp_path / "run"), **options)
    run = fn.resume(tmp_path / "run")
    run.fit(X, Y)
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()


def test_a_memory_map_gives_the_bits_of_an_array(dtype, path, tmp_path, monkeypatch, rng):
    for kind in ("uint8", "float32", ">i2"):
        X, Y = numbers(rng, kind, (203, 11)), rng.random((203, 3))
        np.save(tmp_path / "x.npy", X)
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        expected = up_front(monkeypatch, lambda: everything(X, Y, dtype))
        assert everything(mapped, Y, dtype, shuffle="rows") == everything(mapped, Y, dtype) == expected      # one pool


def test_numbers_keep_what_float32_would_lose(rng):
    t = 1.7e9 + rng.permutation(200)[:, None].astype(float)
    net = fn.Network([1, 1], activation="identity", dtype="float32", init=[1.0, 0.0])
    net.scaling = fn.Scaling(inputs=(1.7e9, 100.0))
    assert_allclose(net(t), (t - 1.7e9) / 100, atol=1e-7)
    assert_allclose(net.forward(t).a[-1], (t - 1.7e9) / 100, atol=1e-7)
    assert net.cost(t, (t - 1.7e9) / 100) < 1e-12


# -- zeros ---------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["uint8", "float16", "float64"])
@pytest.mark.parametrize("scale", [("maxabs", None), ("minmax", None)])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_zeros_that_scaling_keeps_are_skipped(batch_size, scale, kind, dtype, path, monkeypatch, rng):
    X, Y = numbers(rng, kind, (103, 40), 0.1), rng.random((103, 3))
    X[0] = 0
    work = lambda: everything(X, Y, dtype, batch_size, scale)
    assert work() == up_front(monkeypatch, work)
    learned = scaling.learn(fn.Network([40, 3], dtype=dtype), scale, Rows(X, dtype), Y)
    held = learned._inputs(Rows(X, dtype), dtype)
    found = compressed(held, nonzeros(held))
    assert found.values.dtype == (X.dtype if X.itemsize < dtype.itemsize else dtype)      # narrow ones stay so
    assert_array_equal(found.dense(0, 103), held.dense(0, 103))


def test_zeros_that_one_column_loses_are_not_skipped_there(dtype, monkeypatch, rng):
    X, Y = numbers(rng, "uint8", (103, 40), 0.1), rng.random((103, 3))
    X[:, 5] = rng.integers(100, 120, 103)
    work = lambda: everything(X, Y, dtype, 7, ("minmax", None))
    assert work() == up_front(monkeypatch, work)


@pytest.mark.parametrize("kind", ["uint8", "float64", "float32"])
def test_a_sparse_matrix_is_scaled_a_window_at_a_time(kind, dtype, path, monkeypatch, rng):
    X, Y = sparse.csr_array(numbers(rng, kind, (103, 40), 0.1)), rng.random((103, 3))
    work = lambda: everything(X, Y, dtype, 7, ("maxabs", None))
    assert work() == up_front(monkeypatch, work)
    held = fn.Scaling(inputs=(np.zeros(40), np.full(40, 3.0)))._inputs(_checks_data.sparse_rows(X, 40, dtype), dtype)
    assert np.shares_memory(held.values, X.data)


def test_noise_on_a_sparse_matrix_that_is_scaled(dtype, monkeypatch, rng):
    X, Y = sparse.csr_array(numbers(rng, "uint8", (103, 40), 0.1)), rng.random((103, 3))
    work = lambda: everything(X, Y, dtype, 7, ("maxabs", None), input_noise=0.1)[:2]
    assert work() == up_front(monkeypatch, work)


# -- what is learned -----------------------------------------------------------------

def exactly(X):
    """Mean and standard deviation of columns, in sums without rounding."""
    means = [math.fsum(column) / len(column) for column in X.T.tolist()]
    return np.array(means), np.array([math.sqrt(math.fsum((x - mean) ** 2 for x in column) / len(column))
                                      for column, mean in zip(X.T.tolist(), means)])


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e8])
@pytest.mark.parametrize("m", [1, 2, 61, 5000])
def test_means_and_spreads_are_exact_to_some_eps(m, offset, rng):
    X = offset + rng.standard_normal((m, 6))
    found = scaling.Statistics("X", "standardize").see(X).map()
    mean, spread = exactly(X)
    # a block of 62 rows is summed in turn, 62 roundings at most of its sum; 81 blocks are joined in 7 levels
    eps = np.finfo(float).eps
    assert_allclose(found[0], mean, rtol=0, atol=70 * eps * np.abs(X).max())
    # each distance from a block's mean is as wrong as that mean, which squares forgive but for a second order,
    # and rounded once: |x| eps of a distance of about 1
    if m > 2:
        assert_allclose(found[1], spread, rtol=70 * eps + 4 * eps * np.abs(X).max())


def test_a_column_of_small_steps_far_from_0_has_its_spread(rng):
    steps = rng.integers(0, 1000, 20_000)
    offset, unit = scaling.Statistics("X", "standardize").see(1e12 + steps[:, None]).map()
    assert offset[0] - 1e12 == pytest.approx(steps.mean(), abs=1e-3) and unit[0] == pytest.approx(steps.std(), rel=1e-9)


def test_what_is_learned_does_not_depend_on_how_numbers_come(dtype, tmp_path, rng):
    X = numbers(rng, "uint8", (1003, 7))
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for kind in ("standardize", "minmax", "maxabs"):
        sides = [scaling.Statistics("X", kind).see(given).map() for given in
                 (X, X.astype(float), np.asfortranarray(X), Rows(X, dtype), _checks_data.as_rows(mapped, dtype), Rows(X.astype(">f2"), dtype))]
        for side in sides[1:]:
            assert_array_equal(side, sides[0])


def test_nan_targets_are_left_out_of_every_block(rng):
    Y = 5 + rng.standard_normal((400, 3))
    Y[rng.random(Y.shape) < 0.3] = np.nan
    Y[:100, 1] = np.nan                                      # whole blocks of it
    Y[100:, 2], Y[:100, 2] = np.nan, 4.0
    found = scaling.Statistics("Y", "standardize").see(Y).map()
    assert_allclose(found[0][:2], np.nanmean(Y, 0)[:2], rtol=1e-13)
    assert_allclose(found[1][:2], np.nanstd(Y, 0)[:2], rtol=1e-13)
    assert (found[0][2], found[1][2]) == (4.0, 1.0)
    assert_allclose(scaling.Statistics("Y", "minmax").see(Y).map()[1][:2], np.nanmax(Y, 0)[:2] - np.nanmin(Y, 0)[:2], rtol=1e-14)


def test_numbers_that_no_unit_holds_are_refused(rng):
    for column in ([1e308, -1e308] * 50, [1e308] * 99 + [1e307], [5e-324, 0.0] * 50):
        with pytest.raises(ValueError, match="X can't be scaled: the values of column 1 spread too widely or too little"):
            scaling.Statistics("X", "standardize").see(np.stack([rng.random(100), column], axis=1)).map()


def test_numbers_too_large_in_units_of_a_given_scaling_are_found(rng):
    X, net = numbers(rng, "uint8", (200, 3)), fn.Network([3, 1], dtype="float32", seed=0)
    X[:199, 1], X[199, 1] = 0, 7
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="X in units of its scaling must be finite in float32; row 199, column 1 is inf"):
        net.fit(X, rng.random((200, 1)), scale=fn.Scaling(inputs=(np.zeros(3), np.array([1.0, 1e-40, 1.0]))))
    with pytest.raises(ValueError, match="X in units of its scaling must be finite in float32; row 199, column 1 is inf"):
        net.fit(sparse.csr_array(X), rng.random((200, 1)), scale=fn.Scaling(inputs=(np.zeros(3), np.array([1.0, 1e-40, 1.0]))))
    assert (net.parameters == before).all() and net.scaling is None


# -- batches -------------------------------------------------------------------------

@pytest.mark.parametrize("scale", ["standardize", "minmax", ("standardize", None), (None, "maxabs")])
@pytest.mark.parametrize("kind", ["uint8", "float64"])
@pytest.mark.parametrize("size", [1, 7, 40])
def test_batches_are_learned_from_as_a_whole_set(size, kind, scale, dtype, rng):
    X, Y = numbers(rng, kind, (103, 6)), rng.random((103, 3)) * 50 + 1000
    if scale[1] is None:
        Y /= 1000
    net, whole = (fn.Network([6, 9, 3], output="identity", dtype=dtype, seed=0) for _ in range(2))
    options = dict(epochs=3, learning_rate=0.01, seed=1, scale=scale, validation=(X[:9], Y[:9]), metrics="r2")
    history = net.fit(cut(X, Y, size), **options)
    expected = whole.fit(X, Y, batch_size=size, shuffle=False, **options)
    eps = np.finfo(float).eps
    for found, exact in zip((net.scaling.inputs, net.scaling.targets), (whole.scaling.inputs, whole.scaling.targets)):
        assert (found is None) == (exact is None)
        # least and greatest are exact; means of numbers up to 1050 in blocks of other rows, spreads of 14
        for a, b in zip(found or (), exact or ()):
            assert_allclose(a, b, rtol=300 * eps, atol=300 * eps * 1050)
    # the same steps on numbers that differ by those eps, or by the rounding to the net's dtype that they tip over
    assert_allclose(net.parameters, whole.parameters, rtol=0, atol=1000 * np.finfo(dtype).eps)
    assert_allclose(history.validation_cost, expected.validation_cost, rtol=1000 * np.finfo(dtype).eps)
    assert_allclose(history.metrics["r2"], expected.metrics["r2"], rtol=1000 * np.finfo(dtype).eps)


@pytest.mark.parametrize("make", [lambda batches: Loader(batches), lambda batches: (lambda: (batch for batch in batches)), list])
def test_whatever_gives_batches_anew_is_learned_from(make, rng):
    X, Y = numbers(rng, "uint8", (60, 6)), rng.integers(0, 3, 60)
    net = fn.Network([6, 3], seed=0)
    net.fit(make(cut(X, Y, 7)), epochs=2, scale="standardize")
    assert_allclose(net.scaling.input_offset, X.mean(0), rtol=1e-13)
    assert net.scaling.targets is None


def test_weights_of_0_and_names_of_classes_in_batches(rng):
    X, Y, weight = numbers(rng, "uint8", (60, 6)), np.array(["a", "b"])[rng.integers(0, 2, 60)], np.r_[np.ones(45), np.zeros(15)]
    weight[44:46] = 0, 1                                     # no batch of nothing
    weight[-1] = 1
    net = fn.Network([6, 2], seed=0)
    net.fit(cut(X, Y, 16, weight), epochs=1, scale="standardize", classes=["a", "b"])
    assert_allclose(net.scaling.input_offset, X[weight > 0].mean(0), rtol=1e-13)
    assert net.classes == ("a", "b")


def test_batches_that_come_once_are_refused_where_they_would_be_learned_from(rng):
    X, Y = rng.random((60, 6)), rng.random((60, 3))
    net = fn.Network([6, 3], output="identity", seed=0)
    before, given = net.parameters.copy(), cut(X, Y, 7)
    with pytest.raises(ValueError, match="scale must be a fastnet.Scaling, known beforehand, where X gives its batches only once.*got generator"):
        net.fit((batch for batch in given), epochs=1, scale="standardize")
    with pytest.raises(ValueError, match="X must give its batches anew in every epoch"):
        net.fit(iter(given), epochs=2, scale="standardize")
    assert (net.parameters == before).all() and net.scaling is None
    known = fn.Scaling(inputs=(0.5, 2.0))
    net.fit(iter(given), epochs=1, scale=known)
    assert_array_equal(net.scaling.input_unit, 2.0)
    net.fit(iter(given), epochs=1, scale=(None, None))
    assert net.scaling is None


def test_bad_batches_are_named_while_they_are_learned_from(rng):
    X, Y = rng.random((30, 6)), rng.random((30, 3))
    net = fn.Network([6, 3], output="identity", seed=0)
    before = net.parameters.copy()
    bad = X.copy()
    bad[17, 2] = np.inf
    with pytest.raises(ValueError, match="batch 2, of which scale is learned: X must be finite in float64; row 7, column 2 is inf"):
        net.fit(cut(bad, Y, 10), epochs=1, scale="standardize")
    with pytest.raises(ValueError, match="batch 2, of which scale is learned: Y must hold numbers in all batches, or labels in all.*labels after numbers"):
        net.fit([(X, Y), (X, np.zeros(30, int))], epochs=1, scale="standardize")
    with pytest.raises(ValueError, match="at least one batch in every epoch; got none in the pass that scale is learned in"):
        net.fit([], epochs=1, scale="standardize")
    with pytest.raises(ValueError, match=r"scale\[1\] must be None where Y holds labels"):
        net.fit([(X, np.zeros(30, int))], epochs=1, scale=(None, "minmax"))
    assert (net.parameters == before).all() and net.scaling is None


def test_validation_in_batches_is_scaled_by_what_batches_taught(dtype, rng):
    X, Y = numbers(rng, "uint8", (103, 6)), rng.random((103, 3)) * 50 + 1000
    found = []
    for validation in ((X[:40], Y[:40]), cut(X[:40], Y[:40], 9), Loader(cut(X[:40], Y[:40], 9))):
        net = fn.Network([6, 9, 3], output="identity", dtype=dtype, seed=0)
        history = net.fit(cut(X, Y, 7), epochs=2, learning_rate=0.01, scale="standardize", validation=validation, metrics="r2")
        found.append((history.validation_cost, history.metrics["r2"]))
    for other in found[1:]:
        assert_allclose(other, found[0], rtol=1000 * np.finfo(dtype).eps)      # sums over other blocks; 1 - r2 is small


# -- memory --------------------------------------------------------------------------

def peak_of(work):
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("kind, of", [("uint8", "inputs"), ("float16", "inputs"), ("float32", "inputs"), ("float64", "inputs"),
                                      ("uint8", "targets"), ("float32", "targets"), ("float64", "targets")])
def test_no_scaled_copy_of_a_set_is_made(kind, of, monkeypatch, rng):
    monkeypatch.undo()
    wide = rng.integers(1, 200, (20_000, 500), np.uint8).astype(kind)           # 40 MB in float32
    narrow = rng.random((20_000, 2), np.float32)
    X, Y, sizes = (wide, narrow, [500, 2, 2]) if of == "inputs" else (narrow, wide, [2, 2, 500])
    net = fn.Network(sizes, output="identity", dtype="float32", seed=0)
    net.fit(X[:99], Y[:99], epochs=1, scale="standardize")

    def work():
        net.fit(X, Y, epochs=1, scale="standardize", learning_rate=1e-4, validation=0.1)
        net.cost(X, Y)
        if of == "inputs":
            net.predict(X)
    assert peak_of(work) < 12e6                                # windows and blocks of a megabyte, orders, outputs


# -- zeros of a set in a file --------------------------------------------------------

@pytest.fixture
def as_in_memory(monkeypatch):
    """Zeros are skipped in files where they are in memory."""
    monkeypatch.setattr(plan, "FINDING", 0.0)
    monkeypatch.setattr(plan, "FOUND", 1.0)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
@pytest.mark.parametrize("kind", ["uint8", "float32", ">i2"])
def test_zeros_in_a_file_are_left_out_of_every_window(kind, batch_size, threads, as_in_memory, dtype, level, tmp_path, monkeypatch, rng):
    monkeypatch.setattr(plan, "SHARE_OPERATIONS", 1)
    monkeypatch.setattr(plan, "SHARE_TRAVEL", 0)
    monkeypatch.setattr(plan, "SHARE_TRAVEL_SPARSE", 0)
    monkeypatch.setattr("fastnet._checks.check_threads", lambda threads: threads)
    X, Y = numbers(rng, kind, (203, 60), 0.15), rng.integers(0, 3, 203)
    X[7], X[100] = 0, np.arange(1, 61)                       # a row of zeros, and one without any
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")

    def trained(X, **options):
        net = fn.Network([60, 9, 3], dtype=dtype, seed=1)
        history = net.fit(X, Y, epochs=3, batch_size=batch_size, learning_rate=0.001, seed=3, threads=threads, **options)
        return net.parameters.tobytes(), history.cost
    with fn.profile() as p:
        found = trained(mapped, shuffle="rows")
    assert found == trained(np.array(mapped))
    assert any(abs(region.density - np.count_nonzero(X) / X.size) < 1e-3 for region in p._found[0]["regions"])
    monkeypatch.setattr(plan, "FOUND", 0.0)
    dense = trained(mapped, shuffle="rows")
    assert dense != found                                    # other sums: zeros were skipped


@pytest.mark.parametrize("batch_size", [1, 8])
def test_windows_of_nothing_but_zeros(batch_size, as_in_memory, dtype, tmp_path):
    X, Y = np.zeros((203, 60), np.uint8), np.arange(203) % 3
    X[150, 3] = 1
    np.save(tmp_path / "x.npy", X)
    ends = []
    for given in (X, np.load(tmp_path / "x.npy", mmap_mode="r")):
        net = fn.Network([60, 9, 3], dtype=dtype, seed=1)
        net.fit(given, Y, epochs=2, batch_size=batch_size, learning_rate=0.1, shuffle=False)
        ends.append(net.parameters.tobytes())
    assert ends[0] == ends[1]


def test_noise_fills_zeros_in_a_file(as_in_memory, dtype, tmp_path, rng):
    X, Y = numbers(rng, "uint8", (103, 40), 0.1), rng.integers(0, 3, 103)
    np.save(tmp_path / "x.npy", X)
    ends = []
    for given in (X, np.load(tmp_path / "x.npy", mmap_mode="r")):
        net = fn.Network([40, 9, 3], dtype=dtype, seed=1)
        net.fit(given, Y, epochs=2, learning_rate=0.001, seed=3, input_noise=0.1, shuffle="rows")
        ends.append(net.parameters.tobytes())
    assert ends[0] == ends[1]


def test_density_of_a_file_is_that_of_some_of_its_blocks(tmp_path, rng):
    X = np.zeros((5000, 10), np.uint8)
    X[:, 3] = 1
    np.save(tmp_path / "x.npy", X)
    held = _checks_data.as_rows(np.load(tmp_path / "x.npy", mmap_mode="r"), np.dtype("float32"))
    assert density_of(held) == 0.1 and density_of(Rows(X, "float32")) == 0.1
    X[2500:, 4] = 1                                          # seen from everywhere
    np.save(tmp_path / "x.npy", X)
    held = _checks_data.as_rows(np.load(tmp_path / "x.npy", mmap_mode="r"), np.dtype("float32"))
    assert density_of(held) == pytest.approx(0.15, abs=0.01)
    looked = []

    class Told(type(held.pages)):
        def __init__(self):
            pass

        def let_go(self, start, stop):
            looked.append(stop - start)
    density_of(Rows(X, "float32", None, Told()))
    assert sum(looked) <= 16 * 75


def test_zeros_in_a_file_are_worth_finding_before_wide_layers_only():
    sparse = lambda n, density, anew: plan.plan_training((784, n, 10), 10, 16, density, anew=anew).sparse
    assert [sparse(n, 0.19, False) for n in (16, 30, 100, 512)] == [True] * 4
    assert [sparse(n, 0.19, True) for n in (16, 30, 100, 512)] == [False, False, True, True]
    assert sparse(30, 0.06, True) and not sparse(512, 0.3, True)


def test_explain_knows_that_a_set_lies_in_a_file(tmp_path, monkeypatch, rng):
    monkeypatch.setattr(plan, "FOUND", 0.0)
    X = numbers(rng, "uint8", (103, 40), 0.1)
    np.save(tmp_path / "x.npy", X)
    net = fn.Network([40, 300, 3], seed=0)
    ways = [net.explain(batch_size=10, X=given).layers[0].forward for given in (X, np.load(tmp_path / "x.npy", mmap_mode="r"))]
    assert ways == ["nonzeros", "tiles"]
