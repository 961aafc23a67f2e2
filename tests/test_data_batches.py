"""fit on batches that come one after the other: iterables, loaders, functions that return iterators."""

import numpy as np
import pytest

import fastnet as fn

sparse = pytest.importorskip("scipy.sparse")


def problem(rng, m=60, p=6, n=3):
    return rng.standard_normal((m, p)), rng.integers(0, n, m)


def cut(X, Y, size, weight=None):
    """A list of batches, the last one shorter."""
    parts = (X, Y) if weight is None else (X, Y, weight)
    return [tuple(part[i:i + size] for part in parts) for i in range(0, len(X), size)]


class Tensor:
    """What torch's tensors can do, as far as it counts here."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def detach(self):
        return Tensor(self.values)

    def __array__(self, dtype=None, copy=None):
        return self.values


class Loader:
    """A loader like torch's: a length, lists of tensors, anew in every epoch."""

    def __init__(self, batches, length=True):
        self.batches = batches
        if length:
            self.__class__ = type("SizedLoader", (Loader,), {"__len__": lambda self: len(self.batches)})

    def __iter__(self):
        return ([Tensor(part) for part in batch] for batch in self.batches)


@pytest.mark.parametrize("options", [
    dict(learning_rate=0.3), dict(optimizer="adam", l2=0.01), dict(optimizer="nesterov", dropout=0.3, clip_norm=0.5),
    dict(input_noise=0.1, schedule=fn.schedules.OneCycle(0.5, 3)), dict(optimizer="rmsprop", max_norm=1.0, frozen=[0])], ids=str)
@pytest.mark.parametrize("size", [1, 7, 25])
@pytest.mark.parametrize("kind", ["float64", "float32", "uint8"])
def test_batches_are_the_steps_of_a_set_in_order(kind, size, options, dtype, path, rng):
    X, Y = problem(rng)
    X = (X * 50).astype(kind) if kind != "uint8" else (abs(X) * 20).astype(kind)
    start = fn.Network([6, 9, 3], dtype=dtype, seed=0)
    whole, net = start.copy(), start.copy()
    expected = whole.fit(X, Y, epochs=3, batch_size=size, shuffle=False, seed=1, validation=(X[:9], Y[:9]), **options)
    history = net.fit(cut(X, Y, size), epochs=3, seed=1, validation=(X[:9], Y[:9]), **options)
    assert net.parameters.tobytes() == whole.parameters.tobytes() != start.parameters.tobytes()
    assert history.learning_rate == expected.learning_rate and history.validation_cost == expected.validation_cost
    np.testing.assert_allclose(history.cost, expected.cost, rtol=1e-12)


@pytest.mark.parametrize("make", [
    lambda batches: Loader(batches), lambda batches: Loader(batches, length=False), lambda batches: (lambda: iter(batches)),
    lambda batches: (lambda: (batch for batch in batches)), lambda batches: tuple(map(list, batches)),
    lambda batches: type("Sequence", (), {"__len__": lambda self: len(batches), "__getitem__": lambda self, i: batches[i]})()])
def test_whatever_gives_batches_anew_in_every_epoch(make, rng):
    X, Y = problem(rng)
    ends = []
    for given in (cut(X, Y, 7), make(cut(X, Y, 7))):
        net = fn.Network([6, 9, 3], seed=0)
        net.fit(given, epochs=3, optimizer="adam")
        ends.append(net.parameters.tobytes())
    assert ends[0] == ends[1]


def test_a_generator_serves_one_epoch_and_is_refused_for_more(rng):
    X, Y = problem(rng)
    net = fn.Network([6, 3], seed=0)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="X must give its batches anew in every epoch.*got generator, which is used up.*2 epochs"):
        net.fit((batch for batch in cut(X, Y, 7)), epochs=2)
    assert (net.parameters == before).all()
    assert len(net.fit((batch for batch in cut(X, Y, 7)), epochs=1).cost) == 1
    used_up = iter(cut(X, Y, 7))
    with pytest.raises(ValueError, match="at least one batch in every epoch; got none in epoch 2"):
        net.fit(lambda: used_up, epochs=2)


def test_real_torch_loaders(rng):
    torch = pytest.importorskip("torch")
    X, Y = problem(rng)
    data = torch.utils.data.TensorDataset(torch.from_numpy(X).requires_grad_(False), torch.from_numpy(Y))
    net, same = fn.Network([6, 3], seed=0), fn.Network([6, 3], seed=0)
    net.fit(torch.utils.data.DataLoader(data, batch_size=7), epochs=2)
    same.fit(cut(X, Y, 7), epochs=2)
    assert net.parameters.tobytes() == same.parameters.tobytes()


@pytest.mark.parametrize("sizes", [(1, 4, 1, 30, 2), (30, 1, 7), (600, 5, 700)])
def test_batches_of_any_size_are_taken_as_they_come(sizes, dtype, path, rng):
    """A batch larger than those before makes the run anew: the optimizer's memory goes on."""
    X, Y = rng.standard_normal((sum(sizes), 6)), rng.random((sum(sizes), 2))
    ends = np.cumsum(sizes)
    batches = [(X[end - size:end], Y[end - size:end]) for size, end in zip(sizes, ends)]
    net, same = fn.Network([6, 40, 2], dtype=dtype, seed=0), fn.Network([6, 40, 2], dtype=dtype, seed=0)
    net.fit(batches, epochs=2, optimizer="adam", learning_rate=0.01)
    for batch in batches * 2:
        same.partial_fit(*batch, batch_size=10**6, optimizer="adam", learning_rate=0.01)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(net.parameters, same.parameters, rtol=1000 * eps, atol=1000 * eps)     # Adam divides by sqrt(v)


def test_weights_count_within_their_batch(rng):
    X, Y = problem(rng)
    weight = rng.random(60) + 0.1
    weight[3] = 0
    net, same = fn.Network([6, 3], seed=0), fn.Network([6, 3], seed=0)
    net.fit(cut(X, Y, 20, weight), epochs=1, class_weight={1: 2.0}, learning_rate=0.1)
    for batch in cut(X, Y, 20, weight):
        same.partial_fit(*batch[:2], sample_weight=batch[2], class_weight={1: 2.0}, batch_size=60, learning_rate=0.1)
    np.testing.assert_allclose(net.parameters, same.parameters, rtol=1e-13)


@pytest.mark.parametrize("first", ["dense", "sparse"])
def test_sparse_batches_and_batches_of_zeros(first, path, rng):
    X, Y = rng.random((60, 40)) * (rng.random((60, 40)) < 0.2), rng.integers(0, 3, 60)
    batches = cut(X, Y, 10)
    given = [(sparse.coo_array(x) if (i % 2 == 0) == (first == "sparse") else x, y) for i, (x, y) in enumerate(batches)]
    net, same = fn.Network([40, 5, 3], seed=0), fn.Network([40, 5, 3], seed=0)
    net.fit(given, epochs=2)
    same.fit(batches, epochs=2)
    np.testing.assert_allclose(net.parameters, same.parameters, rtol=1e-11, atol=1e-13)


def test_callbacks_see_and_may_change_the_net_within_an_epoch(rng):
    X, Y = problem(rng)
    seen = []

    def watch(info):
        seen.append((info.epoch, info.batch, info.learning_rate))
        info.net.parameters[:] = 0
        if len(seen) == 2:
            info.set_learning_rate(1e-9)
        if len(seen) == 5:
            info.stop()

    net = fn.Network([6, 3], seed=0)
    history = net.fit(cut(X, Y, 10), epochs=9, callbacks=watch, callback_every=3, learning_rate=1.0)
    assert seen == [(1, 3, 1.0), (1, 6, 1.0), (1, None, 1.0), (2, 3, 1e-9), (2, 6, 1e-9), (2, None, 1e-9)]
    assert history.stopped == "callback" and np.abs(net.parameters).max() == 0


def test_stopping_and_metrics(rng):
    X, Y = problem(rng)
    net = fn.Network([6, 3], seed=0)
    history = net.fit(cut(X, Y, 10), epochs=500, patience=3, validation=(X, Y), metrics="accuracy", learning_rate=5.0)
    assert history.stopped == "patience" and len(history.metrics["accuracy"]) == len(history.cost) == len(history.validation_cost)
    assert net.cost(X, Y) == min(history.validation_cost)
    forever = fn.Network([6, 3], seed=0).fit(lambda: iter(lambda: (X, Y), None), epochs=1, max_seconds=0.05)
    assert forever.stopped == "max_seconds" and len(forever.cost) == 1


def test_a_run_goes_on_from_the_end_of_an_epoch(tmp_path, rng):
    batches = cut(*problem(rng), 7)
    whole, net = fn.Network([6, 5, 3], seed=0), fn.Network([6, 5, 3], seed=0)
    whole.fit(batches, epochs=5, optimizer="adam", seed=3, dropout=0.2)
    net.fit(batches, epochs=2, optimizer="adam", seed=3, dropout=0.2, checkpoint=tmp_path / "run.safetensors")
    run = fn.resume(tmp_path / "run.safetensors")
    assert len(run.fit(batches, epochs=5).cost) == 5
    assert run.net.parameters.tobytes() == whole.parameters.tobytes()

    def write(info):
        info.net.checkpoint(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="at the end of an epoch only"):
        net.fit(batches, epochs=1, callbacks=write, callback_every=1)


@pytest.mark.filterwarnings("ignore:training diverged")
def test_a_run_that_diverges_says_where_and_keeps_the_best(rng):
    X, Y = rng.standard_normal((60, 6)), rng.random((60, 3))
    net = fn.Network([6, 3], activation="identity", seed=0)
    with pytest.warns(RuntimeWarning, match=r"diverged: .* in epoch 1, batch \d+") as caught:
        history = net.fit(cut(X, Y, 1), epochs=300, learning_rate=1e200)
    assert caught[0].filename == __file__
    assert history.stopped == "diverged" and np.isfinite(net.parameters).all()


@pytest.mark.parametrize("given, error, says", [
    (lambda X, Y: X, TypeError, "Y must be given where X is an array.*got ndarray"),
    (lambda X, Y: X.tolist(), TypeError, r"batch 1 of epoch 1: must be \(X, Y\) or \(X, Y, sample_weight\); got 6 items"),
    (lambda X, Y: X[:, :2].tolist(), TypeError, "batch 1 of epoch 1: X must be an array; got float. Has Y been left out"),
    (lambda X, Y: 3, TypeError, "X must be batches"),
    (lambda X, Y: sparse.csr_array(X), TypeError, "Y must be given where X is an array"),
    (lambda X, Y: [{"x": X, "y": Y}], TypeError, "batch 1 of epoch 1: must be .*; got dict"),
    (lambda X, Y: [(X, Y), (X[:, :4], Y)], ValueError, r"batch 2 of epoch 1: X must have shape \(m, 6\).*got shape \(60, 4\)"),
    (lambda X, Y: [(X, Y), (X, Y[:4])], ValueError, "batch 2 of epoch 1: Y must hold one label per row of X"),
    (lambda X, Y: [(X, Y), (X * [1, 1, np.nan, 1, 1, 1], Y)], ValueError, "batch 2 of epoch 1: X must be finite .*row 0, column 2"),
    (lambda X, Y: [(X, Y, -X[:, 0] ** 2)], ValueError, "batch 1 of epoch 1: sample_weight must be finite and at least 0"),
    (lambda X, Y: [], ValueError, "X must give at least one batch")])
def test_bad_batches_are_named(given, error, says, rng):
    X, Y = problem(rng)
    with pytest.raises(error, match=says):
        fn.Network([6, 3], seed=0).fit(given(X, Y))


@pytest.mark.parametrize("options, says", [
    (dict(optimizer="lbfgs"), "optimizer must take steps on batches"), (dict(optimizer="rprop"), "optimizer must take steps"),
    (dict(sample_weight=[1.0]), "sample_weight must come with each batch"), (dict(class_weight="balanced"), "class_weight must be a dict"),
    (dict(metrics="accuracy"), "metrics need validation"), (dict(checkpoint="x", checkpoint_every=1), "checkpoint_every must not"),
    (dict(validation=0.2), "validation must be .* where X is batches, of which no fraction can be held out; got 0.2")])
def test_options_that_need_a_whole_set_are_refused(options, says, rng):
    with pytest.raises((TypeError, ValueError), match=says):
        fn.Network([6, 3], seed=0).fit(cut(*problem(rng), 7), **options)


def test_a_schedule_of_steps_needs_to_know_how_many(rng):
    batches = cut(*problem(rng), 7)
    with pytest.raises(ValueError, match="schedule Cosine.* needs the number of batches.*must have a length"):
        fn.Network([6, 3], seed=0).fit(lambda: iter(batches), schedule=fn.schedules.Cosine(3), epochs=3)
    fn.Network([6, 3], seed=0).fit(lambda: iter(batches), schedule=fn.schedules.Step(1, 0.5), epochs=3)


def test_more_batches_than_the_length_said_keep_the_last_rate(rng):
    X, Y = problem(rng)
    short = type("Short", (list,), {"__len__": lambda self: 2})(cut(X, Y, 10))
    seen = []
    net = fn.Network([6, 3], seed=0)
    net.fit(short, epochs=1, schedule=fn.schedules.Cosine(1), learning_rate=1.0, callbacks=lambda info: seen.append(info.learning_rate), callback_every=1)
    assert seen[0] == 1.0 and seen[1:] == [0.5] * 6
    nobody = type("Nobody", (Loader,), {"__len__": lambda self: len(None)})([])
    nobody.batches = cut(X, Y, 10)
    assert len(net.fit(nobody, epochs=2).cost) == 2


def test_an_error_of_the_iterable_leaves_the_net_after_the_last_batch(rng):
    X, Y = problem(rng)

    def broken():
        yield X, Y
        yield X, Y
        raise OSError("the disk is gone")

    net, same = fn.Network([6, 3], seed=0), fn.Network([6, 3], seed=0)
    with pytest.raises(OSError, match="the disk is gone"):
        net.fit(broken, epochs=3, learning_rate=0.5)
    same.fit([(X, Y), (X, Y)], epochs=1, learning_rate=0.5)
    assert net.parameters.tobytes() == same.parameters.tobytes()


# -- scaling and classes -------------------------------------------------------

def test_batches_are_scaled_by_what_the_net_knows(rng):
    X, Y = rng.normal(300, 20, (40, 3)), rng.normal(1e5, 1e3, (40, 2))
    scaling = fn.Scaling(inputs=(300, 20), targets=(1e5, 1e3))
    nets = [fn.Network([3, 4, 2], output="identity", seed=0) for _ in range(2)]
    for net in nets:
        net.scaling = scaling
    nets[0].fit(X, Y, epochs=3, batch_size=10, shuffle=False, learning_rate=0.1)
    nets[1].fit([(X[i:i + 10], Y[i:i + 10]) for i in range(0, 40, 10)], epochs=3, learning_rate=0.1)
    assert (nets[0].parameters == nets[1].parameters).all()


def test_labels_of_batches_are_words_where_classes_name_them(rng):
    X, words = rng.random((20, 2)), np.array(["yes", "no", "maybe", "no"] * 5)
    net = fn.Network([2, 3, 3], seed=0)
    net.fit([(X, words)], epochs=2, classes=["maybe", "no", "yes"], validation=(X, words))
    assert net.classes == ("maybe", "no", "yes") and set(net.classify(X)) <= set(words)
    with pytest.raises(ValueError, match="classes must be a sequence of names where X is batches"):
        net.fit([(X, words)], epochs=1, classes="auto")


@pytest.mark.parametrize("error", [TypeError, NotImplementedError])
def test_a_length_that_is_not_there_is_not_asked_for(rng, error):
    class Loader(list):
        def __len__(self):
            raise error("an iterable of no length")

    X, Y = rng.random((20, 2)), rng.random((20, 1))
    history = fn.Network([2, 1], seed=0).fit(Loader([(X, Y)]), epochs=2)
    assert len(history.cost) == 2
