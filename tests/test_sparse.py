"""Sparse inputs: zeros skipped in training, scipy's CSR wherever X is taken."""

import re

import numpy as np
import pytest
from scipy import sparse

import fastnet as fn
from fastnet._core import plan
from fastnet._core.samples import Compressed, compressed, nonzeros
from helpers import error_in_eps, share_all
from test_paths import assert_paths_agree, tolerance, train


def sparse_data(rng, m, p, n, density=0.15):
    X = rng.standard_normal((m, p)) * (rng.random((m, p)) < density)
    X[m // 2] = 0                                    # a row of zeros, and one without any
    X[m // 3] = rng.standard_normal(p)
    return X, rng.random((m, n))


@pytest.fixture(autouse=True)
def always_sparse(monkeypatch):
    monkeypatch.setattr(plan, "SPARSE_ONLINE", 1.1)
    monkeypatch.setattr(plan, "SPARSE_MINIBATCH", 1.1)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 33, 70])
@pytest.mark.parametrize("sizes", [(1, 1), (40, 3), (31, 17, 2), (65, 33, 9, 1), (784, 30, 10), (70, 100, 4)], ids=str)
def test_skipping_zeros_agrees_with_the_plain_engine(sizes, batch_size, dtype, level, monkeypatch, rng):
    net = fn.Network(sizes, dtype=dtype, init="lecun", seed=rng)
    X, Y = sparse_data(rng, 71, sizes[0], sizes[-1])
    assert_paths_agree(monkeypatch, net, X, Y, epochs=2, batch_size=batch_size, learning_rate=0.05, seed=0)


@pytest.mark.parametrize("batch_size", [1, 5, 20, 70])
def test_small_integers_are_exact(batch_size, dtype, level, monkeypatch, rng):
    for p, n in [(3, 1), (9, 16), (20, 33), (7, 70)]:
        init = rng.integers(-1, 2, n * p + n + 2 * n + 2)
        net = fn.Network((p, n, 2), activation="identity", dtype=dtype, init=init)
        m = max(batch_size, 20)
        X = rng.integers(-1, 2, (m, p)) * (rng.random((m, p)) < 0.3)
        Y = rng.integers(-2, 3, (m, 2))
        if batch_size == m:
            ends = [train(monkeypatch, path, net, X, Y, epochs=1, batch_size=m, learning_rate=2.0**-6 * m, shuffle=False)[0]
                    for path in ("plain", "fast")]
            np.testing.assert_array_equal(ends[0].parameters, ends[1].parameters)
        else:
            assert_paths_agree(monkeypatch, net, X, Y, epochs=1, batch_size=batch_size, learning_rate=2.0**-8, seed=0)


def test_a_block_of_more_samples_than_are_turned_at_once(dtype, monkeypatch, rng):
    net = fn.Network((2001, 100, 2), dtype=dtype, seed=rng)        # wide: blocks of more than 128
    X, Y = sparse_data(rng, 160, 2001, 2)
    assert plan.plan_training(net.sizes, 160, 16).rows == 160
    assert_paths_agree(monkeypatch, net, X, Y, epochs=2, batch_size=160, learning_rate=0.1, seed=0)


@pytest.mark.parametrize("hidden", [20, 100])
def test_a_batch_of_several_blocks_starts_from_a_gradient_of_zero(hidden, dtype, monkeypatch, rng):
    m = plan.BLOCK_ROWS + 9
    net = fn.Network((12, hidden, 2), dtype=dtype, seed=rng)
    X, Y = sparse_data(rng, 3 * m, 12, 2)
    assert_paths_agree(monkeypatch, net, X, Y, epochs=2, batch_size=m, learning_rate=0.1, seed=0)


@pytest.mark.parametrize("m, p", [(1, 1), (3, 5), (0, 4), (17, 33)])
def test_what_is_compressed_comes_back(m, p, dtype, rng):
    X = (rng.standard_normal((m, p)) * (rng.random((m, p)) < 0.4)).astype(dtype)
    rows = compressed(X, nonzeros(X))
    for changed in (-1, 1)[nonzeros(X) == 0:]:     # by another thread, after it was counted
        with pytest.raises(RuntimeError, match="X was changed while its zeros were left out"):
            compressed(X, nonzeros(X) + changed)
    np.testing.assert_array_equal(rows.dense(0, m), X)
    assert len(rows) == m and rows.size == X.size and len(rows.values) == np.count_nonzero(X)
    if m:
        order = rng.permutation(m)[:m // 2 + 1]
        np.testing.assert_array_equal(rows.take(order).dense(0, len(order)), X[order])
        np.testing.assert_array_equal(rows.dense(m // 2, m), X[m // 2:])


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_matrix])
def test_sparse_matrices_train_like_dense_arrays(kind, batch_size, dtype, path, rng):
    X, Y = sparse_data(rng, 40, 23, 3)
    nets = [fn.Network((23, 9, 3), dtype=dtype, seed=0) for _ in range(2)]
    histories = [net.fit(data, Y, epochs=3, batch_size=batch_size, learning_rate=0.1, seed=1, validation=0.25)
                 for net, data in zip(nets, (X, kind(X)))]
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    np.testing.assert_allclose(histories[0].validation_cost, histories[1].validation_cost, rtol=1e-6)


def test_every_method_takes_sparse_inputs(dtype, path, rng):
    X, Y = sparse_data(rng, 30, 11, 2)
    net = fn.Network((11, 5, 2), dtype=dtype, seed=0)
    rows = sparse.csr_matrix(X)
    close = dict(rtol=50 * np.finfo(dtype).eps, atol=10 * np.finfo(dtype).eps)
    np.testing.assert_allclose(net.predict(rows), net.predict(X), **close)
    np.testing.assert_array_equal(net.classify(rows), net.classify(X))
    np.testing.assert_allclose(net.freeze()(rows), net.predict(X), **close)
    np.testing.assert_allclose(net.cost(rows, Y), net.cost(X, Y), **close)
    for found, expected in zip(net.value_and_gradient(rows, Y), net.value_and_gradient(X, Y)):
        np.testing.assert_allclose(found, expected, **close)
    np.testing.assert_allclose(net.forward(rows).a[-1], net.forward(X).a[-1], **close)
    np.testing.assert_allclose(net.backprop(rows, Y).delta[0], net.backprop(X, Y).delta[0], **close)
    out = np.empty((30, 2), dtype)
    assert net.predict(rows, out) is out
    assert net.value_and_gradient(rows, Y, out=np.empty(net.n_parameters, dtype))[1].any()


def test_columns_in_any_order_and_given_twice_are_added_up(dtype, rng):
    rows = sparse.csr_matrix((np.array([1.0, 2.0, 4.0]), np.array([2, 0, 2]), np.array([0, 3, 3])), shape=(2, 3))
    net = fn.Network((3, 1), activation="identity", dtype=dtype, init=[1, 10, 100, 0])
    assert net.predict(rows).tolist() == [[502], [0]]
    assert rows.indices.tolist() == [2, 0, 2]        # the caller's matrix is as it was


def test_bad_sparse_inputs_are_refused(dtype):
    net = fn.Network((3, 2), dtype=dtype, seed=0)
    with pytest.raises(ValueError, match=r"X must have shape \(m, 3\).*got shape \(2, 4\)"):
        net.fit(sparse.csr_matrix((2, 4)), np.zeros((2, 2)))
    with pytest.raises(TypeError, match="X must hold real numbers; got dtype complex"):
        net.predict(sparse.csr_matrix(np.ones((2, 3), complex)))
    rows = sparse.csr_matrix([[0, 1, 0], [0, 0, np.inf]])
    with pytest.raises(ValueError, match="X must be finite in .*; row 1, column 2 is inf"):
        net.fit(rows, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="at least one sample"):
        net.fit(sparse.csr_matrix((0, 3)), np.zeros((0, 2)))


MALFORMED = {
    "column too large": (sparse.csr_array, [0, 5 * 10**8], [0, 1, 2], "indices in 0 ... 2; got 500000000 in a malformed csr matrix"),
    "column one too large": (sparse.csr_array, [0, 3], [0, 1, 2], "indices in 0 ... 2; got 3"),
    "negative column": (sparse.csr_array, [-10**8, 0], [0, 1, 2], "indices in 0 ... 2; got -100000000"),
    "column beyond 32 bits": (sparse.csr_array, np.array([2**32, 0], np.int64), [0, 1, 2], "indices in 0 ... 2; got 4294967296"),
    "start too large": (sparse.csr_array, [0, 1], [0, 10**8, 2], "indptr of 3 numbers that rise from 0 to at most its 2 values"),
    "end too large": (sparse.csr_array, [0, 1], [0, 1, 3], "at most its 2 values"),
    "first start not 0": (sparse.csr_array, [0, 1], [1, 1, 2], "rise from 0"),
    "row too large": (sparse.csc_array, [0, 5], [0, 1, 2, 2], "indices in 0 ... 1; got 5 in a malformed csc matrix"),
    "block too large": (sparse.bsr_array, [0, 9], [0, 1, 2], "indices in 0 ... 2; got 9 in a malformed bsr matrix"),
}


@pytest.mark.parametrize("kind, indices, indptr, message", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_sparse_matrix_is_refused_before_anything_reads_it(kind, indices, indptr, message, dtype):
    X = kind((2, 3))                                 # made whole, then spoilt: constructors look, a little
    X.data = np.ones((2, 1, 1) if kind is sparse.bsr_array else 2)
    X.indices, X.indptr = np.asarray(indices, np.int64), np.asarray(indptr, np.int64)
    net = fn.Network([3, 1], dtype=dtype, seed=0)
    before = net.parameters.copy()
    for use in (lambda: net(X), lambda: net.cost(X, [0, 1]), lambda: net.fit(X, [0, 1], epochs=1), lambda: net.freeze()(X),
                lambda: fn.fit_many([{"rows": [0, 1]}], X, [0, 1], sizes=[3, 1], epochs=1),
                lambda: fn.cross_validate({"sizes": [3, 1]}, X, [0, 1], folds=2, epochs=1)):
        with pytest.raises(ValueError, match=f"^X must have .*{re.escape(message)}"):
            use()
    assert (net.parameters == before).all()


@pytest.mark.parametrize("spoilt, values, message", [("col", 10**8, "indices in 0 ... 2; got 100000000 in a malformed coo matrix"),
                                                     ("row", -5, "indices in 0 ... 3; got -5 in a malformed coo matrix"),
                                                     ("data", np.ones(10**6), "as many indices as values, 1000000; got 4")])
def test_malformed_coordinates_are_refused_before_scipy_goes_where_they_point(spoilt, values, message, dtype):
    X = sparse.coo_array(np.ones((4, 3)) * [[1, 0, 0]])
    if spoilt == "data":
        X.data = values
    else:
        getattr(X, spoilt)[0] = values
    net = fn.Network([3, 2, 1], dtype=dtype, seed=0)
    for use in (lambda: net(X), lambda: net.fit(X, [0, 1, 0, 1], epochs=1), lambda: net.freeze()(X),
                lambda: fn.fit_many([{"rows": [0, 1]}], X, [0, 1, 0, 1], sizes=[3, 1], epochs=1)):
        with pytest.raises(ValueError, match=f"^X must have .*{re.escape(message)}"):
            use()


def test_a_sparse_matrix_may_change_its_places_while_a_net_trains_on_it(dtype, rng):
    X = sparse.csr_array(sparse_data(rng, 60, 5, 2)[0].astype(dtype))
    net, twin = (fn.Network([5, 3, 2], dtype=dtype, seed=0) for _ in range(2))
    Y, options = rng.random((60, 2)), {"epochs": 3, "batch_size": 10, "seed": 0}
    twin.fit(X.copy(), Y, **options)

    def spoil(info):
        X.indices[:], X.indptr[1:-1] = 10**9, -1           # would be read from far outside of the weights

    net.fit(X, Y, callbacks=spoil, **options)
    assert net.parameters.tobytes() == twin.parameters.tobytes()


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_weight_that_turns_infinite_ends_training_though_zeros_are_skipped(batch_size, dtype, rng):
    """0 · inf is NaN in a dense product and left out here: the cost may not show it, the parameters do."""
    net = fn.Network((4, 3, 2), activation="identity", dtype=dtype, seed=0)
    X, Y = sparse_data(rng, 12, 4, 2)
    with pytest.warns(RuntimeWarning, match="diverged"):
        net.fit(X, Y, epochs=2000, batch_size=batch_size, learning_rate=1e4)
    assert np.isfinite(net.parameters).all()


def test_density_decides_whether_zeros_are_skipped(monkeypatch):
    monkeypatch.setattr(plan, "SPARSE_ONLINE", 0.5)
    monkeypatch.setattr(plan, "SPARSE_MINIBATCH", 0.3)
    monkeypatch.delenv("FASTNET_PATH", raising=False)
    assert plan.plan_training((9, 3), 1, 8, density=0.4).sparse and not plan.plan_training((9, 3), 1, 8, density=0.6).sparse
    assert plan.plan_training((9, 3), 4, 8, density=0.2).sparse and not plan.plan_training((9, 3), 4, 8, density=0.4).sparse
    assert plan.plan_training((9, 3), 4, 8, density=0.2).layers[0].forward == "nonzeros"


@pytest.mark.parametrize("by_outputs", [True, False])
def test_shares_of_sparse_rows_agree(by_outputs, dtype, level, monkeypatch, rng):
    share_all(monkeypatch, by_outputs)
    monkeypatch.setattr("fastnet._checks.check_threads", lambda threads: threads)
    net = fn.Network((50, 40, 3), dtype=dtype, seed=rng)
    X, Y = sparse_data(rng, 64, 50, 3)
    ends = []
    for threads in (1, 3):
        trained = net.copy()
        trained.fit(X, Y, epochs=2, batch_size=16, learning_rate=0.1, seed=0, threads=threads)
        ends.append(trained.parameters)
    assert error_in_eps(ends[1], ends[0], dtype) <= tolerance(8)
    assert isinstance(compressed(X.astype(dtype), nonzeros(X.astype(dtype))), Compressed)
