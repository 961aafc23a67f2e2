"""Every option of training against formulas written out here in NumPy, on the plain engine and the fast paths."""

import math

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks, _options, optimizers, training
from fastnet._core import plan, random
from helpers import error_in_eps, random_net, share_all
from test_optimizers import CASES, rprop

SIZES = (7, 19, 8, 3)


def problem(rng, sizes=SIZES, m=23, dtype=np.float64):
    return rng.standard_normal((m, sizes[0])).astype(dtype), rng.standard_normal((m, sizes[-1])).astype(dtype)


def new_net(rng, sizes=SIZES, dtype=np.float64):
    return fn.Network(sizes, activation="tanh", output="identity", dtype=dtype, init="lecun", seed=rng)


def layers_of(vector, sizes=SIZES):
    """(w, b) views of a flat vector."""
    start, found = 0, []
    for p, n in zip(sizes, sizes[1:]):
        w = vector[start:start + n * p].reshape(n, p)
        found.append((w, vector[start + n * p:start + n * p + n]))
        start += n * (p + 1)
    return found


def gradient_of(vector, X, Y, sizes=SIZES, drops=None):
    """Mean quadratic cost and its gradient of a tanh net with identity outputs; drops multiply activations."""
    layers, seen = layers_of(vector, sizes), [X]
    kept = []
    for l, (w, b) in enumerate(layers):
        z = seen[-1] @ w.T + b
        last = l == len(layers) - 1
        kept.append(z if last else np.tanh(z))
        seen.append(kept[-1] if last or drops is None else kept[-1] * drops[l])
    delta, gradient = kept[-1] - Y, np.zeros_like(vector)
    cost = 0.5 * np.sum(delta**2) / len(X)
    for l in range(len(layers) - 1, -1, -1):
        nabla_w, nabla_b = layers_of(gradient, sizes)[l]
        nabla_w[:], nabla_b[:] = delta.T @ seen[l] / len(X), delta.mean(axis=0)
        if l:
            delta = delta @ layers[l][0]
            delta *= (1 if drops is None else drops[l - 1]) * (1 - kept[l - 1]**2)
    return cost, gradient


def batches(m, batch_size, steps):
    """Rows of each step, in order, epoch after epoch."""
    starts = range(0, m, batch_size)
    for step in range(steps):
        start = starts[step % len(starts)]
        yield slice(start, min(start + batch_size, m))


# -- trajectories --------------------------------------------------------------

@pytest.mark.parametrize("case", CASES)
def test_fit_follows_the_optimizers_formula_for_100_steps(case, path, rng):
    """Within 1e-12: the rounding of sums, carried on by a smooth net.  Rates are small enough that quotients
    g / (√v + eps) of gradients near 0 don't carry it further."""
    optimizer, formula, options = CASES[case]
    optimizer = optimizers.from_dict({**optimizer.to_dict(), "learning_rate": 0.1 * optimizer.rate})
    X, Y = problem(rng, m=20)
    net = new_net(rng)
    if "decay" in options:                                 # of weights only
        decayed = np.zeros(net.n_parameters)
        for w, _ in layers_of(decayed):
            w[:] = options["decay"]
        options = {"decay": decayed}
    size = 20 if formula is rprop else 4                   # it takes all samples whatever is asked for
    expected = net.parameters.astype(float).copy()
    rows, costs = list(batches(20, size, 100)), []
    step = iter(rows)

    def gradient(w):
        cost, g = gradient_of(w, X[at := next(step)], Y[at])
        costs.append(cost)
        return g

    extra = {"costs": (costs[-1] for _ in iter(int, 1))} if formula is rprop else {}
    run = formula(expected, gradient, iter(lambda: optimizer.rate, None), **extra, **options)
    per_epoch = 20 // size
    for epochs in {5: (1, 2, 20), 1: (1, 10, 100)}[per_epoch]:
        copy = net.copy()
        copy.fit(X, Y, epochs=epochs, batch_size=4, optimizer=optimizer, shuffle=False, learning_rate=optimizer.rate)
        while len(costs) < per_epoch * epochs:
            expected = next(run)
        assert error_in_eps(copy.parameters, expected, np.float64) * np.finfo(float).eps <= 1e-12, epochs
    first = net.copy()
    first.fit(X[:size], Y[:size], epochs=1, batch_size=4, optimizer=optimizer, shuffle=False)
    costs.clear()
    step = iter(rows)
    once = next(formula(net.parameters.astype(float).copy(), gradient, iter(lambda: optimizer.rate, None), **extra, **options))
    np.testing.assert_allclose(first.parameters, once, rtol=1e-12, atol=1e-14)


# -- options -------------------------------------------------------------------

MASK = np.arange(19 * 7).reshape(19, 7) % 3 > 0
OPTIONS = {
    "l2": {"l2": 0.3}, "l2 per layer": {"l2": (0.3, 0.0, 0.1)}, "l1": {"l1": 0.05}, "l1 per layer": {"l1": (0.0, 0.05, 0.02)},
    "frozen": {"frozen": [0, -1]}, "frozen, l2": {"frozen": [1], "l2": 0.3}, "masks": {"masks": {0: MASK}},
    "masks, l2": {"masks": [MASK, None, None], "l2": 0.3}, "clip_norm": {"clip_norm": 0.3}, "clip_value": {"clip_value": 0.05},
    "both": {"clip_norm": 0.5, "clip_value": 0.02}, "max_norm": {"max_norm": 0.7},
    "all": {"l2": 0.1, "l1": 0.01, "frozen": [1], "masks": {0: MASK}, "clip_norm": 0.5, "clip_value": 0.1, "max_norm": 0.8},
}


def descend(vector, X, Y, batch_size, steps, rate, momentum, options, n_layers=3):
    """Gradient descent with momentum and everything around it."""
    held, masks = _checks.check_frozen(options.get("frozen", ()), n_layers), options.get("masks", {})
    masks = masks if isinstance(masks, dict) else dict(enumerate(masks))
    l2, l1 = (np.broadcast_to(options.get(name, 0.0), n_layers) for name in ("l2", "l1"))
    w, v = vector.astype(float).copy(), np.zeros(vector.size)
    for at in batches(len(X), batch_size, steps):
        g = gradient_of(w, X[at], Y[at])[1]
        for l, parts in enumerate(layers_of(g)):
            for part in parts:
                part *= not held[l]
        norm = math.sqrt(np.sum(g**2))
        g *= min(1.0, options.get("clip_norm", math.inf) / norm)
        g = np.clip(g, -options.get("clip_value", math.inf), options.get("clip_value", math.inf))
        for l, ((nabla_w, _), (weights, _)) in enumerate(zip(layers_of(g), layers_of(w))):
            nabla_w += l2[l] * weights + l1[l] * np.sign(weights)
        before = w.copy()
        v = momentum * v + g
        w -= rate * v
        for l, ((weights, b), (old, old_b)) in enumerate(zip(layers_of(w), layers_of(before))):
            if masks.get(l) is not None:
                weights[~masks[l]] = old[~masks[l]]
            if held[l]:
                weights[:], b[:] = old, old_b
            elif "max_norm" in options:
                lengths = np.sqrt(np.sum(weights**2, axis=1))
                weights *= np.minimum(1, options["max_norm"] / lengths)[:, None]
    return w


@pytest.mark.parametrize("momentum", [0.0, 0.9], ids=["sgd", "momentum"])
@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_does_what_its_formula_says(name, momentum, path, dtype, rng):
    X, Y = problem(rng, dtype=dtype)
    net = new_net(rng, dtype=dtype)
    expected = descend(net.parameters, X.astype(float), Y.astype(float), 5, 25, 0.1, momentum, OPTIONS[name])
    start = net.parameters.copy()
    net.fit(X, Y, epochs=5, batch_size=5, learning_rate=0.1, optimizer=fn.SGD(momentum=momentum), shuffle=False, **OPTIONS[name])
    assert error_in_eps(net.parameters, expected, dtype) <= 500              # 25 steps of sums and a momentum of 10
    assert np.abs(net.parameters - start).max() > 0.01


def test_online_steps_know_the_options_too(path, rng):
    X, Y = problem(rng)
    net = new_net(rng)
    expected = descend(net.parameters, X, Y, 1, 46, 0.05, 0.0, OPTIONS["all"])
    net.fit(X, Y, epochs=2, batch_size=1, learning_rate=0.05, shuffle=False, **OPTIONS["all"])
    assert error_in_eps(net.parameters, expected, np.float64) <= 1000


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
@pytest.mark.parametrize("size", [1, 5, 23])
def test_by_batch_means_are_by_the_weights_of_the_batch_and_penalties_divided_by_their_sum(size, optimizer, weighted, path, dtype, rng):
    X, Y = problem(rng, dtype=dtype)
    weight = rng.integers(0, 4, len(X)).astype(dtype) if weighted else None
    if weighted:
        weight[10:15] = 0                                  # a whole batch of 5 that counts nothing, and some of 1
    net = new_net(rng, dtype=dtype)
    w, v, costs = net.parameters.astype(float), np.zeros(net.n_parameters), []
    for at in batches(len(X), size, 2 * -(-len(X) // size)):
        counts = np.ones(len(X[at])) if weight is None else weight[at].astype(float)
        total = counts.sum() or math.inf                   # 0 over infinity: no gradient, no penalty
        each = [gradient_of(w, x[None].astype(float), y[None].astype(float)) for x, y in zip(X[at], Y[at])]
        g = sum(count * gradient for count, (_, gradient) in zip(counts, each)) / total
        costs.append(len(counts) * sum(count * cost for count, (cost, _) in zip(counts, each)) / total)
        for (nabla_w, _), (weights, _) in zip(layers_of(g), layers_of(w)):
            nabla_w += 0.3 / total * weights + 0.02 / total * np.sign(weights)
        v = (0.9 if optimizer == "momentum" else 0) * v + g
        w = w - 0.05 * v
    recipe = _options.check_options(net, 0, optimizer=optimizer, l2=0.3, l1=0.02).recipe._replace(by_batch=True)
    run, read = training.start_run(net, X, size, 1, recipe)
    for _ in range(2):
        cost, rows, finite = run.epoch(read, Y, None, 0.05, weight)
    assert error_in_eps(net.parameters, w, dtype) <= 500                     # as above
    assert error_in_eps([cost], [sum(costs[len(costs) // 2:])], dtype) <= 500 and rows == len(X) and finite


def test_by_batch_penalties_of_plain_descent_are_taken_in_place(path, rng):
    X, Y = problem(rng)
    start = new_net(rng)
    ends = []
    for by_batch, l2 in ((False, 0.3 / 4), (True, 0.3)):
        net = start.copy()
        recipe = _options.check_options(net, 0, l2=l2).recipe._replace(by_batch=by_batch)
        assert recipe.in_place
        run, read = training.start_run(net, X[:20], 4, 1, recipe)
        run.epoch(read, Y[:20], None, 0.05)
        ends.append(net.parameters)
    np.testing.assert_allclose(ends[1], ends[0], rtol=0, atol=1e-15)         # 0.3 / 4 and 0.3 * (1 / 4): the same numbers
    assert np.abs(ends[0] - start.parameters).max() > 0.001


@pytest.mark.parametrize("by_outputs", [True, False])
def test_shares_agree_on_what_a_batch_counts(by_outputs, monkeypatch, rng):
    share_all(monkeypatch, by_outputs)
    monkeypatch.delenv("FASTNET_PATH", raising=False)
    X, Y, weight = *problem(rng, (40, 50, 20, 3), 31), rng.random(31)
    ends = []
    for shares in (1, 2):
        net = new_net(np.random.default_rng(1), (40, 50, 20, 3))
        recipe = _options.check_options(net, 0, optimizer="adam", l2=0.3).recipe._replace(by_batch=True)
        run, read = training.start_run(net, X, 8, shares, recipe)
        run.epoch(read, Y, None, 0.02, weight)
        run.close()
        assert run.plan.shares == shares
        ends.append(net.parameters)
    assert error_in_eps(ends[1], ends[0], np.float64) <= 500                 # sums in another order


# -- what is random ---------------------------------------------------------------

def drawn(step, layer, start, shape, keep, seed, dtype=np.float64):
    """The factors of dropout of rows from `start` on in their batch."""
    n = shape[1]
    return random.mask(shape[0] * n, keep, seed, step * (len(SIZES) - 1 + 2) + layer, dtype, start * n).reshape(shape)


@pytest.mark.parametrize("order", [None, "shuffled"])
def test_dropout_and_noise_draw_what_is_documented(order, path, rng):
    X, Y = problem(rng)
    net = new_net(rng)
    options = dict(dropout=[0.25, 0.5], input_dropout=0.125, input_noise=0.3)
    key = int(np.random.default_rng(5).integers(2**64, dtype=np.uint64))
    seed = _options.seed_for(key, _options.DROPPED)
    orders = [np.arange(23) if order is None else training.shuffled(23, _options.seed_for(key, _options.ORDERED, epoch))
              for epoch in range(2)]
    w = net.parameters.copy()
    for step, at in enumerate(batches(23, 5, 10)):
        rows = orders[step // 5]
        x = X[rows[at]] * drawn(step, 0, 0, (len(rows[at]), 7), 0.875, seed)
        x = random.noise(np.ascontiguousarray(x), 0.3, seed, step * 5 + 4)
        drops = [drawn(step, 1 + l, 0, (len(x), SIZES[l + 1]), keep, seed) for l, keep in enumerate((0.75, 0.5))]
        w -= 0.1 * gradient_of(w, x, Y[rows[at]], drops=drops)[1]
    net.fit(X, Y, epochs=2, batch_size=5, learning_rate=0.1, seed=5, shuffle=order is not None, **options)
    assert error_in_eps(net.parameters, w, np.float64) <= 100


def test_blocks_of_a_batch_go_on_with_the_draw(monkeypatch, rng):
    """A batch larger than a block of either path: both take the positions within the batch."""
    X, Y = problem(rng, m=plan.BLOCK_ROWS + 100)
    ends = []
    start = new_net(rng)
    for path in ("plain", "fast"):
        monkeypatch.setenv("FASTNET_PATH", path)
        net = start.copy()
        net.fit(X, Y, epochs=2, batch_size=len(X), learning_rate=0.1, seed=1, dropout=0.5, input_noise=0.1, input_dropout=0.1)
        ends.append(net.parameters)
    assert error_in_eps(ends[0], ends[1], np.float64) <= 200


def test_dropout_keeps_the_expectation_and_is_off_outside_training(path, rng):
    """An identity net of ones: the mean over many steps of a kept input is the input."""
    masks = np.concatenate([random.mask(1000, 0.8, 3, counter, np.float64) for counter in range(100)])
    assert abs(masks.mean() - 1) < 5 * math.sqrt(0.2 / 0.8 / masks.size) + 2**-15
    net = new_net(rng)
    X, Y = problem(rng)
    before = net(X)
    net.fit(X, Y, epochs=1, learning_rate=1e-300, dropout=0.5, input_noise=1.0)
    assert net(X).tobytes() == before.tobytes()


RANDOM = {"dropout": {"dropout": 0.3}, "inputs": {"input_dropout": 0.2}, "noise": {"input_noise": 0.5},
          "all": {"dropout": 0.3, "input_dropout": 0.2, "input_noise": 0.5, "l2": 0.01, "max_norm": 2.0}}


@pytest.mark.parametrize("name", [*OPTIONS, *RANDOM])
@pytest.mark.parametrize("batch_size", [1, 6, 23])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_plain_and_fast_agree(name, batch_size, optimizer, dtype, monkeypatch, rng):
    X, Y = problem(rng, dtype=dtype)
    start, ends = new_net(rng, dtype=dtype), []
    for path in ("plain", "fast"):
        monkeypatch.setenv("FASTNET_PATH", path)
        net = start.copy()
        net.fit(X, Y, epochs=2, batch_size=batch_size, learning_rate=0.01, seed=7, optimizer=fn.SGD() if optimizer == "sgd"
                else fn.Adam(eps=0.01), **{**OPTIONS, **RANDOM}[name])
        ends.append(net.parameters)
    assert error_in_eps(ends[0], ends[1], dtype) <= 60 * 46 / batch_size + 100      # Adam divides by sqrt(v) + eps


@pytest.mark.parametrize("by_outputs", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_two_threads_have_the_bits_of_one_that_takes_both_shares(seed, dtype, by_outputs, monkeypatch):
    share_all(monkeypatch, by_outputs)
    monkeypatch.delenv("FASTNET_PATH", raising=False)
    rng = np.random.default_rng(seed)
    sizes = (int(rng.integers(2, 60)), int(rng.integers(17, 70)), int(rng.integers(2, 20)), 3)
    start = random_net(rng, sizes, dtype)
    X, Y = rng.standard_normal((31, sizes[0])).astype(dtype), rng.random((31, 3)).astype(dtype)
    pool = {"dropout": 0.3, "input_dropout": 0.2, "input_noise": 0.2, "l2": 0.01, "l1": 0.01, "clip_norm": 0.5, "max_norm": 1.0,
            "frozen": [1], "masks": [rng.random((n, p)) < 0.5 for p, n in zip(sizes, sizes[1:])]}
    chosen = {name: pool[name] for name in rng.choice(sorted(pool), 5, replace=False)}
    recipe = _options.check_options(start, seed, optimizer=["sgd", "nesterov", fn.Adam(eps=0.01)][seed % 3], **chosen).recipe
    ends = []
    for threads, together in ((1, False), (2, False), (2, True)):
        net = start.copy()
        run, read = training.start_run(net, X, 8, threads, recipe)
        run.together = together
        for _ in range(2):
            run.epoch(read, Y, None, 0.02)
        run.close()
        assert run.plan.shares == threads
        ends.append(net.parameters)
    assert ends[1].tobytes() == ends[2].tobytes() != start.parameters.tobytes()
    assert error_in_eps(ends[1], ends[0], dtype) <= 500                      # sums in another order


def test_parameters_that_a_callback_writes_are_those_of_the_next_epoch(rng):
    net, (X, Y), ends = new_net(rng), problem(rng), []
    start = net.parameters.copy()

    def back(info):
        ends.append(net.parameters.tobytes())
        net.parameters[:] = start

    net.fit(X, Y, epochs=3, batch_size=4, l1=0.01, callbacks=back, shuffle=False)      # gradient descent: nothing is remembered
    assert len(set(ends)) == 1 and ends[0] != start.tobytes()


def test_noise_on_sparse_inputs_is_noise_on_dense_ones(path, rng):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    X, Y = problem(rng)
    X[rng.random(X.shape) < 0.9] = 0
    start, ends = new_net(rng), []
    for given in (X, scipy_sparse.csr_array(X)):
        net = start.copy()
        net.fit(given, Y, epochs=2, batch_size=4, learning_rate=0.1, seed=1, input_noise=0.2)
        ends.append(net.parameters.tobytes())
    assert ends[0] == ends[1]


# -- full-batch methods --------------------------------------------------------------

@pytest.mark.parametrize("optimizer", ["lbfgs", "cg"])
def test_full_batch_methods_minimise_cost_and_penalty(optimizer, rng):
    X, Y = problem(rng)
    net = new_net(rng)
    history = net.fit(X, Y, epochs=2000, optimizer=fn.LBFGS(tolerance=1e-8) if optimizer == "lbfgs" else
                      fn.ConjugateGradient(tolerance=1e-8), l2=(0.1, 0.05, 0.2))
    cost, gradient = gradient_of(net.parameters, X, Y)
    for factor, (nabla_w, _), w in zip((0.1, 0.05, 0.2), layers_of(gradient), net.weights):
        nabla_w += factor * w
    # A line search ends where rounding hides the descent: there |g| is some sqrt(eps C) times curvatures.
    assert np.abs(gradient).max() < 1e-5 and history.stopped in ("converged", "line search", None)
    assert history.cost[-1] == pytest.approx(cost, rel=1e-9)             # the data's cost alone


@pytest.mark.parametrize("optimizer", ["lbfgs", "cg"])
def test_full_batch_methods_leave_what_is_held(optimizer, rng):
    X, Y = problem(rng)
    net = new_net(rng)
    start = net.copy()
    history = net.fit(X, Y, epochs=20, optimizer=optimizer, frozen=[1], masks={0: MASK}, l2=0.01)
    assert net.weights[1].tobytes() == start.weights[1].tobytes() and net.biases[1].tobytes() == start.biases[1].tobytes()
    assert (net.weights[0] == start.weights[0])[~MASK].all() and (net.weights[0] != start.weights[0])[MASK].all()
    assert history.cost[-1] < history.cost[0]


@pytest.mark.parametrize("name, value", [("l1", 0.1), ("dropout", 0.1), ("input_dropout", 0.1), ("input_noise", 0.1), ("clip_norm", 1.0),
                                         ("clip_value", 1.0), ("max_norm", 1.0), ("learning_rate", 0.1),
                                         ("schedule", fn.schedules.Step(3)), ("callback_every", 3), ("checkpoint", "x")])
def test_full_batch_methods_refuse_what_they_do_not_know(name, value, rng):
    with pytest.raises(ValueError, match=f"{name} must not be given with the full-batch optimizer 'lbfgs'"):
        new_net(rng).fit(*problem(rng), optimizer="lbfgs", **{name: value})


# -- bad input ---------------------------------------------------------------------------

BAD = [
    ("optimizer", "adan", ValueError, "optimizer must be one of .*did you mean"), ("optimizer", 3, TypeError, "optimizer"),
    ("learning_rate", -1, ValueError, "learning_rate must be finite and greater than 0; got -1"), ("schedule", 0.1, TypeError, "schedule"),
    ("l2", -0.1, ValueError, "l2 must be finite and 0 or more; got -0.1"), ("l2", [0.1], ValueError, r"l2 must be a number, or one per layer \(3\)"),
    ("l1", [0, 0, -1], ValueError, r"l1\[2\]"), ("dropout", 1.0, ValueError, r"dropout must lie in \[0, 1\); got 1.0"),
    ("dropout", [0.1] * 3, ValueError, r"one per hidden layer \(2\)"), ("input_dropout", -0.1, ValueError, "input_dropout"),
    ("input_noise", math.nan, ValueError, "input_noise"), ("clip_norm", 0, ValueError, "clip_norm"), ("clip_value", -1, ValueError, "clip_value"),
    ("max_norm", "1", TypeError, "max_norm"), ("frozen", [3], ValueError, "a layer in frozen must be at most 2; got 3"),
    ("frozen", [0, 1, 2], ValueError, "frozen must leave at least one layer"), ("frozen", "0", TypeError, "frozen"),
    ("masks", [None], ValueError, "masks must hold one array or None per layer"), ("masks", {0: np.ones((2, 2))}, ValueError, r"masks\[0\] must have shape"),
    ("masks", {1: None, -2: None}, ValueError, "masks must name each layer once; got both 1 and -2 of 3 layers"),
    ("masks", {1: np.full((8, 19), 0.5)}, ValueError, r"masks\[1\] must hold 0"), ("patience", 0, ValueError, "patience"),
    ("min_delta", -1, ValueError, "min_delta"), ("restore_best", 1, TypeError, "restore_best"), ("target_cost", math.inf, ValueError, "target_cost"),
    ("max_seconds", 0, ValueError, "max_seconds"), ("metrics", "acc", ValueError, "metrics"), ("metrics", ["r2", "r2"], ValueError, "twice"),
    ("metrics", "accuracy", ValueError, "accuracy needs labels"), ("callback_every", 0, ValueError, "callback_every"),
    ("checkpoint", 3, TypeError, "checkpoint must be a str or an os.PathLike"), ("checkpoint_every", 3, ValueError, "checkpoint_every needs checkpoint"),
    ("progress", 1, TypeError, "progress"), ("callbacks", [3], TypeError, "callbacks"), ("validation", 1.0, ValueError, "validation"),
    ("threads", 0, ValueError, "threads"), ("epochs", -1, ValueError, "epochs"), ("seed", -1, ValueError, "seed"),
]


@pytest.mark.parametrize("name, value, kind, message", BAD, ids=[f"{entry[0]}={str(entry[1])[:15]}" for entry in BAD])
def test_bad_input_changes_nothing_and_names_the_argument(name, value, kind, message, rng):
    net = new_net(rng)
    before = net.parameters.tobytes()
    with pytest.raises(kind, match=message):
        net.fit(*problem(rng), **{name: value})
    assert net.parameters.tobytes() == before


def test_a_learning_rate_given_twice_is_an_error(rng):
    with pytest.raises(ValueError, match="learning_rate must be given once"):
        new_net(rng).fit(*problem(rng), optimizer=fn.Adam(0.1), learning_rate=0.2)


def test_momentum_outside_its_range_is_an_error():
    for momentum in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match="momentum"):
            fn.SGD(momentum=momentum)


def test_plain_descent_takes_3_and_others_their_own_rate(rng):
    for optimizer, rate in (("sgd", 3.0), (fn.SGD(), 3.0), (fn.SGD(0.5), 0.5), ("adam", 0.001), ("momentum", 0.001)):
        assert _options.check_options(new_net(rng), 0, optimizer=optimizer).rate == rate
