"""Validation samples that come in batches: judged one batch at a time, as the whole set would be."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import fastnet as fn

sparse = pytest.importorskip("scipy.sparse")

SIZES = (20, 1, 33, 6)


def cut(*parts):
    """Batches of SIZES."""
    ends = np.cumsum(SIZES)
    return [tuple(part[end - size:end] for part in parts) for size, end in zip(SIZES, ends)]


class Loader:
    """Anew in every epoch, like torch's; counts how often."""

    def __init__(self, batches):
        self.batches, self.times = batches, 0

    def __iter__(self):
        self.times += 1
        return iter(self.batches)


class Tensor:
    """What torch's tensors can do, as far as it counts here."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values


KINDS = {
    "list": lambda batches: batches, "tuple": tuple, "loader": Loader, "function": lambda batches: lambda: iter(batches),
    "generator function": lambda batches: lambda: (list(batch) for batch in batches),
    "sequence": lambda batches: type("Sequence", (), {"__len__": lambda self: len(batches), "__getitem__": lambda self, i: batches[i]})(),
    "tensors": lambda batches: Loader([[Tensor(part) for part in batch] for batch in batches]),
}


def problem(rng, targets="labels"):
    """Training samples, and as many as SIZES to validate on."""
    X, V = rng.standard_normal((50, 4)), rng.standard_normal((sum(SIZES), 4))
    draw = {"labels": lambda m: rng.integers(0, 3, m), "one-hot": lambda m: np.eye(3)[rng.integers(0, 3, m)],
            "numbers": lambda m: rng.random((m, 3))}[targets]
    return X, draw(50), V, draw(len(V))


def fitted(X, Y, validation, sizes=(4, 7, 3), dtype="float64", classes=None, cost="quadratic", **options):
    net = fn.Network(sizes, dtype=dtype, cost=cost, seed=0)
    return net, net.fit(X, Y, **{"epochs": 4, "seed": 1, "learning_rate": 0.5, "validation": validation, **options})


def same(history, expected, dtype="float64"):
    """Costs of samples are the same or differ in last bits, as batches of other lengths take other paths."""
    eps = np.finfo(dtype).eps
    assert len(history.cost) == len(expected.cost) and history.stopped == expected.stopped
    for found, wanted in ((history.validation_cost, expected.validation_cost), (history.accuracy, expected.accuracy)):
        assert len(found) == len(wanted)
        np.testing.assert_allclose(found, wanted, rtol=20 * eps)
    assert history.metrics.keys() == expected.metrics.keys()
    for name, values in expected.metrics.items():
        np.testing.assert_allclose(history.metrics[name], values, rtol=200 * eps, atol=200 * eps)     # 1 − a ratio


# -- the figures ---------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("targets", ["labels", "one-hot", "numbers"])
def test_costs_and_accuracies_are_means_over_all_samples(kind, targets, dtype, path, rng):
    X, Y, V, W = problem(rng, targets)
    whole, expected = fitted(X, Y, (V, W), dtype=dtype)
    net, history = fitted(X, Y, KINDS[kind](cut(V, W)), dtype=dtype)
    same(history, expected, dtype)
    assert net.parameters.tobytes() == whole.parameters.tobytes()
    assert bool(history.accuracy) == (targets == "labels")
    assert history.validation_cost[-1] == pytest.approx(net.cost(V, W), rel=float(20 * np.finfo(dtype).eps))


def test_means_of_batches_are_not_what_is_taken(rng):
    X, Y, V, W = problem(rng)
    net, history = fitted(X, Y, cut(V, W))
    assert abs(np.mean([net.cost(*batch) for batch in cut(V, W)]) - history.validation_cost[-1]) > 1e-4


@pytest.mark.parametrize("cost, output", [("cross_entropy", "sigmoid"), ("categorical_cross_entropy", "softmax"), ("huber", "identity"),
                                          (fn.costs.custom(lambda A, Y: ((A - Y)**4).sum(axis=1), lambda A, Y: 4 * (A - Y)**3), "sigmoid")], ids=str)
def test_any_cost_is_taken_batch_by_batch(cost, output, dtype, rng):
    X, Y, V, W = problem(rng, "one-hot")
    histories = []
    for validation in ((V, W), cut(V, W)):
        net = fn.Network([4, 7, 3], output=output, cost=cost, dtype=dtype, seed=0)
        histories.append(net.fit(X, Y, epochs=3, learning_rate=0.1, seed=1, validation=validation))
    same(*histories, dtype)


@pytest.mark.parametrize("form", ["dtypes", "sparse", "order", "pandas", "polars"])
def test_batches_may_be_of_any_kind(form, dtype, rng):
    X, Y, V, W = problem(rng)
    V = np.round(V * 20).astype("int16")
    if form in ("pandas", "polars"):
        frame = pytest.importorskip(form).DataFrame
    make = {"dtypes": lambda i, v: v.astype(["float16", "i8", ">f4", "f8"][i]),
            "sparse": lambda i, v: [sparse.csr_array, sparse.csc_matrix, sparse.coo_array, np.asarray][i](v),
            "order": lambda i, v: [np.asfortranarray, lambda v: v[::-1][::-1], lambda v: np.repeat(v, 2, axis=1)[:, ::2], list][i](v),
            "pandas": lambda i, v: frame({f"x{j}": v[:, j] for j in range(4)}),
            "polars": lambda i, v: frame({f"x{j}": v[:, j] for j in range(4)})}[form]
    expected = fitted(X, Y, (V, W), dtype=dtype)[1]
    same(fitted(X, Y, [(make(i, v), w) for i, (v, w) in enumerate(cut(V, W))], dtype=dtype)[1], expected, dtype)


def labelled(labels, kind):
    """Numbers 0, 1, 2 as labels of some kind."""
    return {"words": lambda: np.array(["ape", "bee", "cat"])[labels], "bools": lambda: labels > 0, "ints": lambda: labels * 10 - 5,
            "lists": lambda: np.array(["ape", "bee", "cat"])[labels].tolist(),
            "several": lambda: [[["ape"], ["bee", "cat"], []][label] for label in labels]}[kind]()


@pytest.mark.parametrize("kind", ["words", "bools", "ints", "lists", "several"])
@pytest.mark.parametrize("trained_on", ["a set", "batches"])
def test_labels_of_every_kind(kind, trained_on, rng):
    X, Y, V, W = problem(rng)
    options = {"classes": [-5, 5, 15]} if kind == "ints" else {}
    sizes = (4, 5, 1 if kind == "bools" else 3)
    histories = []
    for batches in (False, True):
        net = fn.Network(sizes, seed=0)
        y, w = labelled(Y, kind), labelled(W, kind)
        given = (X, y)
        if trained_on == "batches":
            net.classes = {"bools": [False, True], "ints": [-5, 5, 15]}.get(kind, ["ape", "bee", "cat"])
            net.multilabel = kind == "several"
            given, options = ([(X[:20], y[:20]), (X[20:], y[20:])],), {}
        histories.append(net.fit(*given, epochs=3, seed=0, learning_rate=0.5, validation=cut(V, w) if batches else (V, w), **options))
    same(histories[1], histories[0])
    assert len(histories[1].accuracy) == (3 if kind in ("words", "ints", "lists") else 0)


# -- weights -------------------------------------------------------------------

@pytest.mark.parametrize("factor", [1.0, 1e300])
def test_samples_count_by_their_weights(factor, dtype, path, rng):
    X, Y, V, W = problem(rng)
    weight = rng.random(len(V)) * (rng.random(len(V)) < 0.8) * factor
    weight[20] = 0                                              # the whole of the second batch, whatever it holds
    V[20] = np.nan
    whole, expected = fitted(X, Y, (V, W, weight), dtype=dtype, metrics="accuracy")
    net, history = fitted(X, Y, Loader(cut(V, W, weight)), dtype=dtype, metrics="accuracy")
    same(history, expected, dtype)
    rtol = float(20 * np.finfo(dtype).eps)
    assert history.validation_cost[-1] == pytest.approx(net.cost(np.nan_to_num(V), W, sample_weight=weight), rel=rtol)
    right = net.classify(np.nan_to_num(V)) == W
    assert history.accuracy[-1] == pytest.approx(np.average(right, weights=weight / factor), rel=rtol)
    assert history.metrics["accuracy"] == history.accuracy and whole.parameters.tobytes() == net.parameters.tobytes()


def test_batches_with_and_without_weights_go_together(rng):
    X, Y, V, W = problem(rng)
    weight = np.concatenate([np.full(20, 3.0), np.ones(len(V) - 20)])
    mixed = [batch if i == 0 else batch[:2] for i, batch in enumerate(cut(V, W, weight))]
    same(fitted(X, Y, mixed)[1], fitted(X, Y, (V, W, weight))[1])


def test_weights_of_a_validation_set_are_those_of_cost(rng):
    X, Y, V, W = problem(rng, "numbers")
    weight = rng.random(len(V))
    net, history = fitted(X, Y, (V, W, weight), metrics="r2")
    assert history.validation_cost[-1] == net.cost(V, W, sample_weight=weight)
    a, mean = net(V), np.average(W, axis=0, weights=weight)
    expected = 1 - (weight @ (W - a)**2) / (weight @ (W - mean)**2)
    assert history.metrics["r2"][-1] == pytest.approx(expected.mean(), rel=1e-12)
    for options in ({}, {"callbacks": lambda info: None}):          # many epochs in one call, or one
        net, history = fitted(X, Y, (V, W, weight), **options)
        assert history.validation_cost[-1] == net.cost(V, W, sample_weight=weight)
    assert fitted(X, Y, (V, W, np.full(len(V), 7.0)))[1].validation_cost == fitted(X, Y, (V, W))[1].validation_cost


# -- what goes by the figures --------------------------------------------------

@pytest.mark.parametrize("targets", ["labels", "numbers"])
def test_patience_target_cost_metrics_and_callbacks_go_by_them(targets, rng):
    X, Y, V, W = problem(rng, targets)

    def worst(Y, outputs):
        assert len(Y) == len(outputs) == sum(SIZES)
        return float(np.abs(outputs).max())

    metrics = ["accuracy", worst] if targets == "labels" else ["r2", worst]
    for options in ({"patience": 3, "epochs": 300, "learning_rate": 5.0}, {"target_cost": 0.4, "epochs": 300}, {"optimizer": "lbfgs", "learning_rate": None},
                    {"patience": 2, "restore_best": False, "epochs": 100, "learning_rate": 5.0}):
        seen = []
        whole, expected = fitted(X, Y, (V, W), metrics=metrics, **options)
        net, history = fitted(X, Y, Loader(cut(V, W)), metrics=metrics, callbacks=lambda info: seen.append((info.validation_cost, info.accuracy)), **options)
        same(history, expected)
        assert net.parameters.tobytes() == whole.parameters.tobytes()
        assert [cost for cost, _ in seen] == history.validation_cost and len(seen) == len(history.cost)
        if "patience" in options and options.get("restore_best", True):
            assert history.stopped == "patience" and net.cost(V, W) == pytest.approx(min(history.validation_cost), rel=1e-14)


@pytest.mark.parametrize("scale", ["standardize", ("minmax", "standardize")])
def test_batches_are_scaled_as_the_net_scales(scale, rng):
    X, Y, V, W = problem(rng, "numbers")
    X, V, Y, W = X * 30 + 300, V * 30 + 300, Y * 1e3, W * 1e3
    histories = []
    for validation in ((V, W), cut(V, W), Loader(cut(V, W))):
        net = fn.Network([4, 7, 3], output="identity", seed=0)
        histories.append(net.fit(X, Y, epochs=3, seed=0, learning_rate=0.1, scale=scale, metrics=["r2", lambda Y, a: float(np.abs(Y - a).mean())],
                                 validation=validation))
    for history in histories[1:]:
        same(history, histories[0])
    again = [net.copy().fit([(X, Y)], epochs=2, metrics="r2", learning_rate=0.1, validation=given) for given in ((V, W), Loader(cut(V, W)))]
    same(again[1], again[0])
    weight = np.linspace(0, 1, len(V))
    again = [net.copy().fit([(X, Y)], epochs=2, metrics="r2", learning_rate=0.1, validation=given)
             for given in ((V, W, weight), Loader(cut(V, W, weight)))]
    same(again[1], again[0])


def test_both_sets_may_come_in_batches_and_a_run_goes_on(tmp_path, rng):
    X, Y, V, W = problem(rng)
    train, held = [(X[:20], Y[:20]), (X[20:], Y[20:])], Loader(cut(V, W))
    whole = fn.Network([4, 7, 3], seed=0)
    expected = whole.fit(train, epochs=5, optimizer="adam", validation=held, metrics="accuracy", patience=9)
    assert held.times == 5
    net = fn.Network([4, 7, 3], seed=0)
    net.fit(train, epochs=2, optimizer="adam", validation=held, metrics="accuracy", patience=9, checkpoint=tmp_path / "run.safetensors")
    run = fn.resume(tmp_path / "run.safetensors")
    history = run.fit(train, epochs=5, validation=held, metrics="accuracy")
    assert history.validation_cost == expected.validation_cost and history.metrics == expected.metrics


def test_many_nets_share_them(rng):
    X, Y, V, W = problem(rng)
    specs = fn.grid(seed=range(3))
    expected = fn.fit_many(specs, X, Y, sizes=[4, 6, 3], epochs=2, validation=(V, W))
    found = fn.fit_many(specs, X, Y, sizes=[4, 6, 3], epochs=2, validation=Loader(cut(V, W)), threads=1)
    for one, other in zip(found, expected):
        assert one.net.parameters.tobytes() == other.net.parameters.tobytes()
        assert one.validation_cost == pytest.approx(other.validation_cost, rel=1e-14) and one.accuracy == pytest.approx(other.accuracy)
    weighted = fn.fit_many(specs, X, Y, sizes=[4, 6, 3], epochs=2, validation=(V, W, np.arange(len(V)) * 1.0))
    assert weighted[0].validation_cost != expected[0].validation_cost


# -- what is refused -------------------------------------------------------------

@pytest.mark.parametrize("train", ["a set", "batches"])
def test_what_is_used_up_after_one_look_is_refused_for_more(train, rng):
    X, Y, V, W = problem(rng)
    given = (X, Y) if train == "a set" else ([(X, Y)],)
    net = fn.Network([4, 3], seed=0)
    before = net.parameters.copy()
    for used_up in ((batch for batch in cut(V, W)), iter(cut(V, W)), zip(*[[part] for part in (V, W)])):
        with pytest.raises(ValueError, match="validation must give its batches anew in every epoch.* used up after one epoch, for 2 epochs"):
            net.fit(*given, epochs=2, validation=used_up)
    assert (net.parameters == before).all()
    history = net.fit(*given, epochs=1, validation=(batch for batch in cut(V, W)))
    assert history.validation_cost == pytest.approx([net.cost(V, W)], rel=1e-14)
    once = iter(cut(V, W))
    with pytest.raises(ValueError, match="validation must give at least one batch.*; got none, though it gave some before: it is used up"):
        net.fit(*given, epochs=3, validation=lambda: once)
    with pytest.raises(ValueError, match="validation must give at least one batch.*; got none$"):
        net.fit(*given, epochs=3, validation=lambda: iter(()))


@pytest.mark.parametrize("validation, error, says", [
    (lambda V, W: V, TypeError, r"validation must be \(X, Y\), .*batches.*, or a fraction; got ndarray"),
    (lambda V, W: "0.2", TypeError, "validation must be .* or a fraction; got str"),
    (lambda V, W: True, TypeError, "validation must be .* or a fraction; got bool"),
    (lambda V, W: {"X": V, "Y": W}, TypeError, "validation must be .* or a fraction; got dict"),
    (lambda V, W: 3j, TypeError, "validation must be .* or a fraction; got complex"),
    (lambda V, W: (V, W[:5]), ValueError, "validation: Y must hold one label per row of X"),
    (lambda V, W: (V, W, W[:5]), ValueError, "validation: sample_weight must have shape"),
    (lambda V, W: (V,), TypeError, r"validation: batch 1: must be \(X, Y\) or \(X, Y, sample_weight\); got ndarray"),
    (lambda V, W: [(V, W), (V[:, :2], W)], ValueError, r"validation: batch 2: X must have shape \(m, 4\)"),
    (lambda V, W: [(V, W), (V, W), (V * [1, np.nan, 1, 1], W)], ValueError, "validation: batch 3: X must be finite .* row 0, column 1"),
    (lambda V, W: [(V, W), (V, W + 9)], ValueError, "validation: batch 2: labels in Y must lie in 0 ... 2"),
    (lambda V, W: [(V, W, -np.ones(len(V)))], ValueError, "validation: batch 1: sample_weight must be finite and at least 0"),
    (lambda V, W: [(V, W, 0 * W), (V, W, 0 * W)], ValueError, "validation must hold at least one sample that counts"),
    (lambda V, W: [], ValueError, "validation must give at least one batch")])
def test_what_is_wrong_is_named_before_anything_changes(validation, error, says, rng):
    X, Y, V, W = problem(rng)
    net = fn.Network([4, 3], seed=0)
    before = net.parameters.copy()
    with pytest.raises(error, match=says):
        net.fit(X, Y, epochs=2, validation=validation(V, W))
    with pytest.raises(error, match=says):
        net.fit([(X, Y)], epochs=2, validation=validation(V, W))
    assert (net.parameters == before).all() and net._training is None


def test_what_a_loader_gives_is_named_when_it_comes(rng):
    X, Y, V, W = problem(rng)
    net, same_ = fn.Network([4, 3], seed=0), fn.Network([4, 3], seed=0)
    with pytest.raises(ValueError, match="validation: batch 2: X must be finite in float64; row 0, column 0 is inf"):
        net.fit(X, Y, epochs=3, seed=0, validation=Loader([(V, W), (V + np.inf, W)]))
    same_.fit(X, Y, epochs=1, seed=0)
    assert net.parameters.tobytes() == same_.parameters.tobytes()
    with pytest.raises(TypeError, match="validation must be batches or a function that returns an iterator over them; it returned NoneType"):
        net.fit(X, Y, epochs=1, validation=lambda: None)
    with pytest.raises(ValueError, match="validation: batch 1: metrics: accuracy needs labels"):
        net.fit(X, Y, epochs=1, metrics="accuracy", validation=Loader([(V, np.eye(3)[W])]))
    with pytest.raises(ValueError, match="validation must be .* where X is batches, of which no fraction can be held out; got 0.2"):
        net.fit([(X, Y)], epochs=1, validation=0.2)


def test_accuracy_needs_labels_to_validate_on_too(rng):
    X, Y, V, W = problem(rng)
    with pytest.raises(ValueError, match="metrics: accuracy needs labels"):
        fn.Network([4, 3], seed=0).fit(X, Y, epochs=1, metrics="accuracy", validation=(V, np.eye(3)[W]))


def test_two_or_three_batches_are_told_from_one_set(rng):
    X, Y, V, W = problem(rng)
    expected = fitted(X, Y, (V, W))[1]
    for n in (2, 3):
        batches = [(V[i::n], W[i::n]) for i in range(n)]
        for given in (batches, tuple(batches), [(v.tolist(), w.tolist()) for v, w in batches], [list(batch) for batch in batches]):
            same(fitted(X, Y, given)[1], expected)
    for m in (1, 2, 3):
        same(fitted(X, Y, (V[:m].tolist(), W[:m].tolist()))[1], fitted(X, Y, (V[:m], W[:m]))[1])
        same(fitted(X, Y, [[tuple(row) for row in V[:m]], W[:m], [1] * m])[1], fitted(X, Y, (V[:m], W[:m]))[1])
    same(fitted(X, Y, (list(V[:2]), W[:2]))[1], fitted(X, Y, (V[:2], W[:2]))[1])
    same(fitted(X, Y, list(zip(V[:2], W[:2])))[1], fitted(X, Y, (V[:2], W[:2]))[1])              # one sample a batch
    same(fitted(X, Y, list(zip(V[:3].tolist(), W[:3].tolist(), [1, 1, 1])))[1], fitted(X, Y, (V[:3], W[:3]))[1])


# -- memory ----------------------------------------------------------------------

@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize("validation", ["(V, W)", "Batches()", "sparse.csr_array(V), W"])
def test_no_float_copy_is_made_of_what_is_validated_on(validation, tmp_path):
    """60 MB of bytes would take 480 in float64; what a run takes beside the set is counted in a process of its own."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(f"""
        import resource, sys
        import numpy as np
        from scipy import sparse
        import fastnet as fn

        class Batches:
            def __iter__(self):
                for start in range(0, len(V), 1000):
                    yield V[start:start + 1000], W[start:start + 1000]

        rng = np.random.default_rng(0)
        V = np.zeros((60_000, 1000), np.uint8)
        V[::7, ::9] = 3
        W = rng.integers(0, 3, len(V))
        held = {validation}
        net = fn.Network([1000, 4, 3], seed=0)
        X, Y = rng.random((50, 1000)), rng.integers(0, 3, 50)
        net.fit(X, Y, epochs=1, validation=(X, Y), metrics="accuracy")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        net.fit(X, Y, epochs=2, validation=held, metrics="accuracy")
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        """))
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 60
