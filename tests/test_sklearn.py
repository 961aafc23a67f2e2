"""fastnet.sklearn beyond scikit-learn's own classes: what they can't do, and how the estimators live with the rest of it."""

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, StandardScaler
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import validate_data

import fastnet as fn
from fastnet.sklearn import MLPClassifier, MLPRegressor
from fastnet.sklearn._classifier import binarizer_of

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*failed to converge")

IRIS, SPECIES = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)
NAMES = load_iris().target_names[SPECIES]
LINE = np.linspace(-1, 1, 80)[:, None]
WAVE = np.sin(3 * LINE[:, 0])


def classifier(**options):
    return MLPClassifier(**{"hidden_layer_sizes": 8, "random_state": 0, "max_iter": 100, "learning_rate_init": 0.02, **options})


def regressor(**options):
    return MLPRegressor(**{"hidden_layer_sizes": 12, "activation": "tanh", "random_state": 0, "max_iter": 400, "learning_rate_init": 0.02, **options})


def start_of(estimator, X, y):
    """The net that a fit of this estimator starts from."""
    return clone(estimator).set_params(solver=fn.SGD(), learning_rate=lambda epoch: 1e-300, max_iter=1, alpha=0.0).fit(X, y).network_


# -- the net -----------------------------------------------------------------------

def test_the_net_behind_an_estimator_computes_what_it_predicts():
    net = classifier().fit(IRIS, NAMES)
    assert isinstance(net.network_, fn.Network)
    np.testing.assert_array_equal(net.network_(IRIS), net.predict_proba(IRIS))
    frozen = net.network_.freeze()
    np.testing.assert_allclose(frozen(IRIS[0]), net.predict_proba(IRIS[:1])[0], atol=1e-15)


def test_coefficients_are_views_of_the_net_and_may_be_written():
    net = classifier().fit(IRIS, SPECIES)
    assert all(np.shares_memory(w, net.network_.parameters) for w in net.coefs_ + net.intercepts_)
    net.intercepts_[-1][:] = [0, 0, 1e6]
    assert (net.predict(IRIS) == 2).all()
    for before in (net.predict_proba(IRIS),):
        net.coefs_[0] = np.zeros((4, 8))
        net.intercepts_ = [np.zeros(8), np.array([0.0, 5.0, 0.0])]
        assert (net.predict(IRIS) == 1).all() and np.shares_memory(net.coefs_[0], net.network_.parameters)
        assert not np.array_equal(before, net.predict_proba(IRIS))


def test_coefficients_of_another_shape_make_another_net():
    net = classifier(activation="identity").fit(IRIS, SPECIES)
    net.coefs_ = [np.zeros((4, 2)), np.zeros((2, 3))]
    net.intercepts_ = [np.zeros(2), np.array([1.0, 0.0, 0.0])]
    assert (net.predict(IRIS) == 0).all() and net.network_.sizes == (4, 2, 3)


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_a_copy_predicts_the_same_bits_and_trains_on_as_the_original_does(copied):
    net = classifier(solver="sgd", batch_size=16)
    for _ in range(3):
        net.partial_fit(IRIS, NAMES, classes=np.unique(NAMES))
    again = copied(net)
    np.testing.assert_array_equal(again.predict_proba(IRIS), net.predict_proba(IRIS))
    assert not np.shares_memory(again.network_.parameters, net.network_.parameters)
    assert np.shares_memory(again.coefs_[0], again.network_.parameters)
    for each in (net, again):
        each.partial_fit(IRIS, NAMES)
    np.testing.assert_array_equal(again.network_.parameters, net.network_.parameters)


def test_coefficients_put_in_place_are_pickled():
    net = classifier().fit(IRIS, SPECIES)
    net.intercepts_[1] = np.array([0.0, 1e6, 0.0])
    assert (pickle.loads(pickle.dumps(net)).predict(IRIS) == 1).all()


# -- predict -----------------------------------------------------------------------

@pytest.mark.parametrize("X", [IRIS[:1], IRIS, np.asfortranarray(IRIS), IRIS[::3], IRIS.tolist(), IRIS.astype(np.float32), IRIS.astype(">f8")],
                         ids=["one row", "many", "by columns", "strided", "lists", "float32", "other byte order"])
def test_arrays_of_every_kind_are_predicted_alike(X):
    net = regressor(max_iter=20).fit(IRIS, SPECIES)
    rows = np.asarray(X, float)
    np.testing.assert_allclose(net.predict(X), net.network_(np.ascontiguousarray(rows))[:, 0], atol=1e-13)


def test_feature_names_are_checked_whatever_the_array():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    net = classifier(max_iter=5).fit(frame, NAMES)
    assert list(net.feature_names_in_) == list("abcd")
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        net.predict(IRIS)
    with pytest.raises(ValueError, match="feature names"):
        net.predict(frame[["b", "a", "c", "d"]])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        net.predict(frame)


def test_assume_finite_is_heeded():
    net = classifier(max_iter=2).fit(IRIS, SPECIES)
    holed = np.full((1, 4), np.nan)
    with pytest.raises(ValueError, match="NaN"):
        net.predict_proba(holed)
    with sklearn.config_context(assume_finite=True):
        assert np.isnan(net.predict_proba(holed)).all()


# -- what is let pass without scikit-learn's checks ----------------------------------

LABELS = [SPECIES, SPECIES.astype(np.int8), SPECIES == 1, SPECIES % 2, np.zeros(150, int), SPECIES.astype(np.uint64) + 2**63, -SPECIES,
          SPECIES.astype(float), NAMES, NAMES.astype(object), (SPECIES == 1)[:, None], np.eye(3, dtype=int)[SPECIES], np.arange(150) // 2]


@pytest.mark.parametrize("y", LABELS, ids=lambda y: f"{y.dtype} {len(np.unique(y))} {y.ndim}")
def test_classes_are_found_as_a_label_binarizer_finds_them(y):
    expected, found = vars(LabelBinarizer().fit(y)), vars(binarizer_of(y))
    assert found.keys() == expected.keys()
    np.testing.assert_array_equal(found.pop("classes_"), expected.pop("classes_"), strict=True)
    assert found == expected


def test_labels_that_look_like_numbers_are_warned_about_where_scikit_learn_does():
    def warned(fit):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(np.arange(60))
        return [str(warning.message) for warning in caught]

    assert warned(binarizer_of) == warned(LabelBinarizer().fit)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("X, y", [
    (IRIS, SPECIES), (IRIS.astype(np.float32), SPECIES.astype(np.float32)), (IRIS, SPECIES == 1), (IRIS, SPECIES[:, None]),
    (np.asfortranarray(IRIS), SPECIES[::-1]), (IRIS[::2], SPECIES[::2]), (IRIS.tolist(), SPECIES.tolist()), (SPECIES[:, None], SPECIES),
    (np.full_like(IRIS, np.nan), SPECIES), (IRIS, np.where(SPECIES, np.inf, 0)), (IRIS[:0], SPECIES[:0]), (IRIS[:, :0], SPECIES),
    (IRIS, SPECIES[:-1]), (IRIS[0], SPECIES), (IRIS, None), (IRIS, SPECIES.astype(complex)), (IRIS[:, :3], SPECIES)], ids=str)
@pytest.mark.parametrize("reset", [True, False])
def test_samples_are_checked_as_scikit_learn_checks_them(kind, X, y, reset):
    def outcome(check):
        net = kind()
        net.n_features_in_ = 4
        try:
            with warnings.catch_warnings(record=True) as caught:
                found = check(net)
        except Exception as error:
            return type(error), str(error)
        return *((part.dtype, part.shape, part.tobytes()) for part in found), net.n_features_in_, [str(warning.message) for warning in caught]

    theirs = {"accept_sparse": ["csr", "csc"], "multi_output": True, "dtype": (np.float64, np.float32), "reset": reset}
    assert outcome(lambda net: net._check_data(X, y, reset)) == outcome(lambda net: validate_data(net, X, y, **theirs))


def test_names_of_features_are_forgotten_by_a_fit_without_names():
    pd = pytest.importorskip("pandas")
    net = classifier(max_iter=2).fit(pd.DataFrame(IRIS, columns=list("abcd")), SPECIES)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        net.partial_fit(IRIS, SPECIES)
    assert not hasattr(net.fit(IRIS, SPECIES), "feature_names_in_")


def test_parameters_are_checked_at_every_fit_whatever_they_were_before():
    net = classifier(max_iter=2).fit(IRIS, SPECIES)
    for name, wrong in [("alpha", -1.0), ("max_iter", 1.5), ("solver", "adams"), ("shuffle", "yes"), ("loss", "gaussian_nll")]:
        kept = getattr(net, name)
        with pytest.raises(ValueError, match=f"The '{name}' parameter of MLPClassifier must be"):
            net.set_params(**{name: wrong}).fit(IRIS, SPECIES)
        net.set_params(**{name: kept}).fit(IRIS, SPECIES)


def test_a_class_with_parameters_of_its_own_has_them_checked():
    class Own(MLPClassifier):
        _parameter_constraints = {**MLPClassifier._parameter_constraints, "depth": [StrOptions({"deep"})]}

        def __init__(self, depth="deep", max_iter=2):
            super().__init__(max_iter=max_iter)
            self.depth = depth

    assert Own().fit(IRIS, SPECIES).n_iter_ == 2
    with pytest.raises(ValueError, match="The 'depth' parameter of Own must be"):
        Own(depth="flat").fit(IRIS, SPECIES)


def test_threads_change_no_prediction():
    X = np.random.default_rng(0).random((5000, 60))
    net = regressor(hidden_layer_sizes=(50,), max_iter=2, batch_size=500).fit(X, X[:, 0])
    alone = net.predict(X)
    np.testing.assert_array_equal(net.set_params(n_threads=64).predict(X), alone)
    again = clone(net).fit(X, X[:, 0])
    np.testing.assert_allclose(again.network_.parameters, net.network_.parameters, rtol=0, atol=1e-12)


# -- beyond ------------------------------------------------------------------------

def test_every_layer_may_have_an_activation_of_its_own():
    net = classifier(hidden_layer_sizes=(6, 5), activation=("gelu", "logistic")).fit(IRIS, NAMES)
    assert net.network_.activations == ("gelu", "sigmoid", "softmax") and net.score(IRIS, NAMES) > 0.9
    net = regressor(hidden_layer_sizes=(6,), activation=["silu", "softplus"]).fit(LINE, np.exp(LINE[:, 0]))
    assert net.out_activation_ == "softplus" and net.predict(LINE).min() > 0 and net.score(LINE, np.exp(LINE[:, 0])) > 0.9
    square = fn.activations.custom(lambda Z: Z**2, lambda Z: 2 * Z, name="square")
    for activation in (square, ["tanh", square]):
        net = regressor(hidden_layer_sizes=(6,) * (1 if activation is square else 2), activation=activation).fit(LINE, LINE[:, 0]**2)
        assert net.network_.activations[-2] is square and net.score(LINE, LINE[:, 0]**2) > 0.9
    with pytest.raises(ValueError, match=r"activation must be a name, or hold one per hidden layer \(2\).*got 1"):
        classifier(hidden_layer_sizes=(6, 5), activation=["tanh"]).fit(IRIS, SPECIES)
    for activation, output in ([], "softmax"), (["identity"], "identity"), ("tanh", "softmax"):
        net = classifier(hidden_layer_sizes=(), activation=activation).fit(IRIS, SPECIES)
        assert net.network_.activations == (output,) and net.score(IRIS, SPECIES) > 0.6


SOLVERS = ["momentum", "nesterov", "adagrad", "rmsprop", "amsgrad", "adamw", "nadam", "rprop", "cg", fn.SGD(momentum=0.5), fn.LBFGS(memory=5),
           fn.ConjugateGradient(), fn.Adam(0.05, beta1=0.8), fn.Rprop()]


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_every_optimizer_of_fastnet_is_a_solver(solver):
    net = classifier(solver=solver, hidden_layer_sizes=(10,), activation="tanh").fit(IRIS, SPECIES)
    assert net.score(IRIS, SPECIES) > 0.85
    assert clone(net).solver == solver
    if not hasattr(net, "partial_fit"):
        assert solver == "cg" or solver.full_batch


def test_an_optimizer_brings_its_own_rate():
    net = classifier(solver=fn.SGD(0.25), max_iter=2).fit(IRIS, SPECIES)
    assert net._optimizer.learning_rate == 0.25
    assert classifier(solver=fn.SGD(), max_iter=2).fit(IRIS, SPECIES)._optimizer.learning_rate == 0.02


def test_a_fit_with_fastnets_optimizer_is_a_fit_of_its_network():
    """No penalty, rows in order: the same steps from the same start, to the bit."""
    net = regressor(solver=fn.NAdam(0.01), alpha=0.0, shuffle=False, batch_size=16, max_iter=4, tol=0).fit(LINE, WAVE)
    same = start_of(regressor(), LINE, WAVE)
    same.fit(LINE, WAVE, epochs=4, batch_size=16, optimizer=fn.NAdam(0.01), shuffle=False)
    np.testing.assert_array_equal(net.network_.parameters, same.parameters)


@pytest.mark.parametrize("loss", ["huber", "mae", "log_cosh", fn.costs.Huber(delta=0.3), fn.costs.Quantile(tau=0.5), "gaussian_nll",
                                  fn.costs.custom(lambda A, Y: ((A - Y)**4).sum(axis=1), lambda A, Y: 4 * (A - Y)**3, name="quartic")], ids=str)
def test_every_cost_of_fastnet_is_a_loss_of_a_regression(loss):
    """And the fit one of its network, to the bit."""
    net = regressor(loss=loss, solver=fn.Adam(0.01), alpha=0.0, shuffle=False, batch_size=16, max_iter=5, tol=0).fit(LINE, WAVE)
    same = start_of(net, LINE, WAVE)
    history = same.fit(LINE, WAVE, epochs=5, batch_size=16, optimizer=fn.Adam(0.01), shuffle=False)
    np.testing.assert_array_equal(net.network_.parameters, same.parameters)
    np.testing.assert_array_equal(net.loss_curve_, history.cost)
    np.testing.assert_array_equal(net.predict(LINE), same(LINE)[:, 0])


def test_a_quantile_lies_where_it_should():
    noise = np.random.default_rng(0).standard_normal(2000)
    X = np.zeros((2000, 1))
    upper = regressor(loss=fn.costs.Quantile(tau=0.9), max_iter=200).fit(X, noise).predict(X[:1])
    assert upper[0] == pytest.approx(np.quantile(noise, 0.9), abs=0.1)


def test_a_gaussian_loss_learns_a_spread_too():
    noise = 0.1 * np.random.default_rng(0).standard_normal(500)
    net = regressor(loss="gaussian_nll", max_iter=300).fit(np.zeros((500, 1)), noise)
    assert net.n_outputs_ == 1 and net.network_.sizes[-1] == 2
    assert np.exp(net.network_([[0.0]])[0, 1] / 2) == pytest.approx(0.1, rel=0.2)


def test_targets_that_a_loss_can_not_have_are_refused():
    with pytest.raises(ValueError, match="Y must be at least 0 for poisson_log; row 1, column 0 is -1.0"):
        regressor(loss="poisson").fit([[0], [1]], [1, -1])


@pytest.mark.parametrize("loss", ["quadratic", "mae", fn.costs.CategoricalCrossEntropy(output_weights=[1, 2, 3])], ids=str)
def test_a_classifier_takes_other_losses(loss):
    net = classifier(loss=loss, max_iter=300).fit(IRIS, NAMES)
    assert net.score(IRIS, NAMES) > 0.9
    np.testing.assert_allclose(net.predict_proba(IRIS).sum(axis=1), 1, atol=1e-12)


def test_a_classifier_has_one_output_a_class():
    for y in (SPECIES, SPECIES > 0):
        with pytest.raises(ValueError, match=r"loss must be a cost of one output a class; got GaussianNLL\(.*\), of 2 a target"):
            classifier(loss=fn.costs.GaussianNLL()).fit(IRIS, y)


def test_dropout_is_drawn_from_the_random_state():
    fits = [classifier(dropout=dropout, random_state=seed, max_iter=20).fit(IRIS, SPECIES).network_.parameters
            for dropout, seed in ((0.0, 0), (0.4, 0), (0.4, 0), ([0.4], 0), (0.4, 1))]
    assert not np.array_equal(fits[0], fits[1]) and np.array_equal(fits[1], fits[2])
    assert np.array_equal(fits[1], fits[3]) and not np.array_equal(fits[1], fits[4])
    with pytest.raises(ValueError, match="dropout must be a number, or one per hidden layer"):
        classifier(dropout=[0.1, 0.2]).fit(IRIS, SPECIES)


def test_class_weights_are_sample_weights_by_class():
    weight = {"setosa": 1.0, "versicolor": 5.0, "virginica": 0.5}
    by_class = classifier(class_weight=weight).fit(IRIS, NAMES)
    by_sample = classifier().fit(IRIS, NAMES, sample_weight=[weight[name] for name in NAMES])
    np.testing.assert_array_equal(by_class.network_.parameters, by_sample.network_.parameters)
    both = classifier(class_weight=weight).fit(IRIS, NAMES, sample_weight=np.arange(150))
    product = classifier().fit(IRIS, NAMES, sample_weight=np.arange(150) * [weight[name] for name in NAMES])
    np.testing.assert_allclose(both.network_.parameters, product.network_.parameters, rtol=0, atol=1e-9)
    few, which = IRIS[:110], NAMES[:110]
    balanced = classifier(class_weight="balanced").fit(few, which)
    by_sample = classifier().fit(few, which, sample_weight=110 / 3 / np.where(which == "virginica", 10, 50))
    np.testing.assert_allclose(balanced.network_.parameters, by_sample.network_.parameters, rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match="class_weight='balanced' can't be used in partial_fit"):
        balanced.partial_fit(IRIS, NAMES)


def test_a_validation_set_of_ones_own_decides_when_to_stop():
    X, Xv, y, yv = IRIS[::2], IRIS[1::2], NAMES[::2], NAMES[1::2]
    net = classifier(early_stopping=True, max_iter=500).fit(X, y, X_val=Xv, y_val=yv)
    assert net.n_iter_ < 500 and len(net.validation_scores_) == net.n_iter_
    assert net.best_validation_score_ == max(net.validation_scores_) == net.score(Xv, yv)
    weighed = classifier(early_stopping=True, max_iter=4).fit(X, y, X_val=Xv, y_val=yv, sample_weight_val=np.arange(75))
    assert weighed.best_validation_score_ == pytest.approx(weighed.score(Xv, yv, np.arange(75)), abs=1e-12)
    assert weighed.best_validation_score_ != pytest.approx(weighed.score(Xv, yv), abs=1e-3)
    watched = classifier(max_iter=30).fit(X, y, X_val=Xv, y_val=yv)
    assert len(watched.validation_scores_) == 30 and watched.best_loss_ == min(watched.loss_curve_)
    np.testing.assert_array_equal(watched.network_.parameters, classifier(max_iter=30).fit(X, y).network_.parameters)
    net = regressor(early_stopping=True).fit(LINE[::2], WAVE[::2], X_val=LINE[1::2], y_val=WAVE[1::2], sample_weight_val=np.arange(40))
    assert net.best_validation_score_ == pytest.approx(net.score(LINE[1::2], WAVE[1::2], np.arange(40)), abs=1e-12)
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        classifier().fit(X, y, X_val=Xv)
    with pytest.raises(ValueError, match="X_val and y_val must be given together.*got only sample_weight_val"):
        classifier().fit(X, y, sample_weight_val=np.ones(75))


@pytest.mark.parametrize("solver", ["lbfgs", "cg", fn.LBFGS()], ids=str)
@pytest.mark.parametrize("name, value", [("dropout", 0.5), ("dropout", [0.1]), ("callbacks", print), ("callbacks", [print]),
                                         ("learning_rate", fn.schedules.Cosine(5)), ("learning_rate", lambda epoch: 0.1)], ids=str)
def test_what_would_have_no_effect_on_a_search_is_refused(solver, name, value):
    with pytest.raises(ValueError, match=f"^{name} needs a solver that goes from batch to batch"):
        classifier(solver=solver, **{name: value}).fit(IRIS, SPECIES)


def test_validation_samples_are_refused_by_a_search_and_scikit_learns_own_parameters_are_not():
    for held in ({"X_val": IRIS}, {"y_val": SPECIES}, {"X_val": IRIS, "y_val": SPECIES}, {"sample_weight_val": SPECIES}):
        for net, y in (classifier(solver="lbfgs"), SPECIES), (regressor(solver="cg"), SPECIES * 1.0):
            with pytest.raises(ValueError, match=f"^{[*held][0]} needs a solver"):
                net.fit(IRIS, y, **held)
    classifier(solver="lbfgs", max_iter=2, early_stopping=True, learning_rate="adaptive", dropout=[0.0], callbacks=[]).fit(IRIS, SPECIES)


def test_callbacks_are_told_of_every_epoch_and_may_stop_it():
    told = []

    def watch(info):
        told.append((info.epoch, info.cost, info.learning_rate))
        if info.epoch == 4:
            info.set_learning_rate(0.001)
        if info.epoch == 7:
            info.stop()

    net = classifier(callbacks=watch).fit(IRIS, SPECIES)
    assert [epoch for epoch, _, _ in told] == list(range(1, 8)) and net.n_iter_ == 7
    assert [cost for _, cost, _ in told] == net.loss_curve_
    assert [rate for _, _, rate in told] == [0.02] * 4 + [0.001] * 3
    scores = []
    stopping = classifier(callbacks=lambda info: scores.append(info.metrics["score"]), early_stopping=True, max_iter=5).fit(IRIS, SPECIES)
    assert scores == stopping.validation_scores_
    with pytest.raises(RuntimeError, match="from within"):
        classifier(callbacks=[lambda info: (_ for _ in ()).throw(RuntimeError("from within"))]).fit(IRIS, SPECIES)


def test_warnings_point_at_who_called():
    for act in (lambda: classifier(max_iter=2, solver="adam").fit(IRIS, SPECIES), lambda: classifier(max_iter=2, solver="lbfgs").fit(IRIS, SPECIES),
                lambda: classifier(max_iter=2, batch_size=500, tol=1e9, n_iter_no_change=1).fit(IRIS, SPECIES)):
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            act()
        assert shown and {warning.filename for warning in shown} == {__file__}


def test_ctrl_c_ends_a_fit_and_keeps_it():
    def interrupt(info):
        if info.epoch == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        net = classifier(callbacks=interrupt).fit(IRIS, SPECIES)
    assert net.n_iter_ == 3 and net.predict(IRIS).shape == (150,)


def test_schedules_of_fastnet_set_the_rate():
    seen = []
    classifier(learning_rate=fn.schedules.Step(2, 0.5), max_iter=6, callbacks=lambda info: seen.append(info.learning_rate)).fit(IRIS, SPECIES)
    assert seen == [0.02, 0.02, 0.01, 0.01, 0.005, 0.005]
    net = classifier(learning_rate=fn.schedules.Cosine(10), max_iter=6, batch_size=30, solver="sgd").fit(IRIS, SPECIES)
    assert clone(net).learning_rate == fn.schedules.Cosine(10)


# -- the rest of scikit-learn --------------------------------------------------------

def test_sample_weights_are_routed():
    weight = np.where(SPECIES == 0, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        net = classifier(max_iter=10).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        routed = cross_validate(net, IRIS, SPECIES, params={"sample_weight": weight}, return_estimator=True, cv=2, error_score="raise")
        plain = cross_validate(clone(net).set_fit_request(sample_weight=False).set_score_request(sample_weight=False), IRIS, SPECIES,
                               return_estimator=True, cv=2)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), net).fit(IRIS, SPECIES, sample_weight=weight)
    assert not np.array_equal(routed["estimator"][0].coefs_[0], plain["estimator"][0].coefs_[0])
    np.testing.assert_allclose(pipe[-1].coefs_[0], classifier(max_iter=10).fit(IRIS, SPECIES, weight).coefs_[0], atol=1e-9)


def test_pipelines_with_pandas_output_keep_names():
    pd = pytest.importorskip("pandas")
    pipe = make_pipeline(StandardScaler(), classifier(max_iter=10)).set_output(transform="pandas")
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert pipe.fit(frame, NAMES).predict(frame).dtype.kind in "UO"
    assert list(pipe[-1].feature_names_in_) == list("abcd")


def test_grids_may_hold_what_is_fastnets():
    search = GridSearchCV(classifier(max_iter=30), {"solver": ["adam", fn.RMSprop()], "activation": ["relu", ("gelu",)], "dropout": [0.0, 0.1]}, cv=2)
    assert search.fit(IRIS, SPECIES).best_score_ > 0.8


def test_parameters_are_named_in_messages():
    for options, message in (({"dropout": 1.5}, "The 'dropout' parameter of MLPClassifier must be"), ({"loss": "gaussian_nll"}, "The 'loss' parameter"),
                             ({"n_threads": 0}, "The 'n_threads' parameter"), ({"callbacks": 3}, "The 'callbacks' parameter"),
                             ({"class_weight": "even"}, "The 'class_weight' parameter")):
        with pytest.raises(ValueError, match=message):
            classifier(**options).fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match=r"activation\[0\] must be one of .* did you mean 'gelu'"):
        classifier(activation=("gel",)).fit(IRIS, SPECIES)
    with pytest.raises(NotFittedError):
        classifier().predict_proba(IRIS)


@pytest.mark.parametrize("X, y, options, message", [
    (LINE, WAVE - 5, {}, "Y must be at least 0"), (LINE, WAVE[1:], {}, "inconsistent"), (LINE * np.nan, WAVE, {}, "NaN"),
    (LINE, np.exp(WAVE), {"activation": "silu", "dropout": [0.1, 0.2]}, "dropout must be"),
    (LINE[:3], np.exp(WAVE[:3]), {"early_stopping": True}, "validation set is too small"),
    (LINE, np.exp(WAVE), {"callbacks": [3]}, "callbacks must be"),
    (LINE, np.exp(WAVE), {"learning_rate": fn.schedules.Cosine(3), "solver": "lbfgs"}, "learning_rate needs")],
    ids=["targets", "lengths", "values", "dropout", "few", "callbacks", "search"])
@pytest.mark.parametrize("warm", [False, True])
def test_a_refit_that_is_refused_leaves_what_was_fitted(X, y, options, message, warm):
    net = regressor(loss="poisson", max_iter=20, warm_start=warm).fit(LINE, np.exp(WAVE))
    before, fitted = net.predict(LINE), set(vars(net))
    with pytest.raises((TypeError, ValueError), match=message):
        net.set_params(**options).fit(X, y)
    np.testing.assert_array_equal(net.predict(LINE), before)
    assert set(vars(net)) == fitted and net.n_features_in_ == 1 and net.n_iter_ == 20 and len(net.loss_curve_) == 20


def test_a_net_made_for_other_targets_is_not_fed_with_these():
    net = regressor(warm_start=True, max_iter=2).fit(LINE, WAVE)
    with pytest.raises(ValueError, match="the 1 features and 1 targets that the net was made for; got 1 and 2"):
        net.fit(LINE, np.column_stack([WAVE, WAVE]))


def test_fastnet_alone_does_not_import_scikit_learn():
    code = "import sys, fastnet; print(any(name.split('.')[0] == 'sklearn' or name == 'fastnet.sklearn' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_without_scikit_learn_the_import_says_what_to_install(tmp_path):
    (tmp_path / "sklearn.py").write_text("raise ImportError('no such package')\n", encoding="utf-8")
    code = (f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            "try:\n    import fastnet.sklearn\nexcept ImportError as error:\n    print(error)")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "fastnet.sklearn needs scikit-learn" in shown and "fastnet-dense[sklearn]" in shown
