"""The reference against finite differences, against experiments, and against sums done by hand."""

import ast
import math
import random
import sys
from pathlib import Path

import pytest

from fastnet import reference

inf, nan = math.inf, math.nan

SIZES = [
    (1, 1), (3, 2), (1, 4),  # depth 1
    (2, 3, 1), (4, 1, 3),  # depth 2
    (3, 2, 4, 2), (1, 1, 1, 1),  # depth 3
    (2, 3, 2, 4, 1),  # depth 4
]
ACTIVATIONS = [*reference.ACTIVATIONS, "mixed"]
STEP = 2.0**-10  # half the reference's: the seventh derivative of gaussian reaches 1,700, and chains multiply
KINKS = 0, -1, 1, -3, 3  # of relu and its like, hard_tanh, hard_sigmoid

# Values are multiples of 1/16 here, so every sum is exact and == means equal bits:
# z is 0 in every layer, where σ = 1/2 and σ' = 1/4.
W = [[[2.0, -1.0], [-4.0, 2.0]], [[4.0, -2.0]]]
B = [[0.0, 0.0], [-1.0]]
X, Y = [1.0, 2.0], [0.0]


def flat(nested):
    if isinstance(nested, list):
        return [number for item in nested for number in flat(item)]
    return [nested]


def random_case(seed, sizes, activation, m=1):
    """A random net and m samples: no z within 0.1 of a kink, no layer dead or saturated on sample 0."""
    rng = random.Random(f"{seed} {sizes} {activation} {m}")
    layers = len(sizes) - 1
    if activation == "mixed":
        activations = [rng.choice([*reference.ACTIVATIONS]) for _ in range(layers)]
    else:
        activations = [activation] * layers

    X = [[rng.gauss(0, 1) for _ in range(sizes[0])] for _ in range(m)]
    Y = [[rng.gauss(0, 1) for _ in range(sizes[-1])] for _ in range(m)]
    w, b, A = [], [], X
    for n, name in zip(sizes[1:], activations):
        neurons = [random_neuron(rng, A, alive=(j == 0)) for j in range(n)]
        w.append([w_j for w_j, _ in neurons])
        b.append([b_j for _, b_j in neurons])
        A = [reference.activate(reference.weighted_input(w[-1], b[-1], a), name) for a in A]
    return w, b, X, Y, activations


def random_neuron(rng, A, alive):
    while True:
        w_j, b_j = [rng.gauss(0, 1) for _ in A[0]], rng.gauss(0, 1)
        z = [reference.weighted_input([w_j], [b_j], a)[0] for a in A]
        if min(abs(z_i - kink) for z_i in z for kink in KINKS) > 0.1 and (0 < z[0] < 1 or not alive):
            return w_j, b_j


def assert_close_to_1e9(got, expected):
    """Entry by entry, to 1e-9 of the largest entry: differences of C cannot see finer."""
    got, expected = flat(got), flat(expected)
    assert len(got) == len(expected)
    scale = max(map(abs, expected))
    for g, e in zip(got, expected):
        assert abs(g - e) <= 1e-9 * scale, f"{g} against {e}, largest entry {scale}"


def slope(f, at=0.0, h=STEP):
    """df/dv, sixth order: the stencil of reference.numerical_gradient, written once more."""
    D1, D2, D3 = (f(at + i * h) - f(at - i * h) for i in (1, 2, 3))
    return (45 * D1 - 9 * D2 + D3) / (60 * h)


# Against finite differences and the experiment that defines δ


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_gradient_is_the_slope_of_the_cost(sizes, activation, m, seed):
    w, b, X, Y, activations = random_case(seed, sizes, activation, m)
    got = reference.gradient(w, b, X, Y, activations)
    nabla_w, nabla_b = reference.numerical_gradient(w, b, X, Y, activations, h=STEP)
    assert_close_to_1e9([got.nabla_w, got.nabla_b], [nabla_w, nabla_b])
    assert max(map(abs, flat(nabla_w))) > 1e-6  # a net that answers at all


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_delta_is_the_answer_of_the_cost_to_dz(sizes, activation):
    w, b, [x], [y], activations = random_case(0, sizes, activation)

    def answer(layer, neuron):
        return lambda dz: reference.delta_experiment(w, b, x, y, layer, neuron, dz, activations)

    expected = [[slope(answer(l, j)) for j in range(len(b_l))] for l, b_l in enumerate(b)]
    assert_close_to_1e9(reference.backprop(w, b, x, y, activations).delta, expected)


def test_what_delta_misses_of_the_answer_shrinks_with_the_square_of_dz():
    w, b, [x], [y], activations = random_case(1, (2, 3, 1), "sigmoid")
    delta = reference.backprop(w, b, x, y).delta[0][1]
    missed = [
        reference.delta_experiment(w, b, x, y, 0, 1, dz) - delta * dz for dz in (2e-3, 1e-3)
    ]
    assert missed[0] / missed[1] == pytest.approx(4, rel=0.01)


def test_delta_experiment_counts_layers_back_from_minus_one_and_knows_where_they_end():
    last = reference.delta_experiment(W, B, X, Y, 1, 0, 0.5)
    assert reference.delta_experiment(W, B, X, Y, -1, 0, 0.5) == last != 0
    with pytest.raises(IndexError):
        reference.delta_experiment(W, B, X, Y, 2, 0, 0.5)


@pytest.mark.parametrize("name", reference.ACTIVATIONS)
@pytest.mark.parametrize("z", [-3.1, -2.9, -0.7, -0.1, 0.1, 0.7, 2.9, 3.1])
def test_f_prime_is_the_slope_of_f_and_f_second_that_of_f_prime(name, z):
    f, f_prime, f_second = reference.ACTIVATIONS[name]
    assert f_prime(z) == pytest.approx(slope(f, z), rel=1e-9, abs=1e-12)
    assert f_second(z) == pytest.approx(slope(f_prime, z), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", reference.COSTS)
def test_nabla_is_the_slope_of_the_cost_in_each_output(name):
    value, nabla = reference.COSTS[name]
    a, y = [0.25, 0.75, 0.5, 0.375], [1.0, 0.0, 0.125, 0.5]
    y = y[:2] if name == "gaussian_nll" else y
    for j, nabla_j in enumerate(nabla(a, y)):

        def along_j(a_j):
            return value([*a[:j], a_j, *a[j + 1 :]], y)

        assert nabla_j == pytest.approx(slope(along_j, a[j]), rel=1e-9)


def test_numerical_gradient_leaves_the_net_as_it_was():
    w, b, X, Y, activations = random_case(2, (2, 3, 1), "tanh", m=2)
    before = repr((w, b))
    reference.numerical_gradient(w, b, X, Y, activations)
    assert repr((w, b)) == before


# Activations, by hand


def test_sigmoid_and_its_derivative_have_the_values_worked_out_by_hand():
    assert reference.sigmoid(0) == 0.5
    assert reference.sigmoid_prime(0) == 0.25
    assert reference.sigmoid(math.log(3)) == pytest.approx(3 / 4, rel=4e-16, abs=0)
    assert reference.sigmoid(-math.log(3)) == pytest.approx(1 / 4, rel=4e-16, abs=0)
    assert reference.sigmoid_prime(math.log(3)) == pytest.approx(3 / 16, rel=8e-16, abs=0)
    assert reference.sigmoid(1) == pytest.approx(0.73105857863000487926, rel=4e-16, abs=0)


def test_sigmoid_is_right_in_both_tails():
    assert reference.sigmoid(inf) == 1.0
    assert reference.sigmoid(-inf) == 0.0
    assert reference.sigmoid(1000) == 1.0
    assert reference.sigmoid(-1000) == 0.0
    assert reference.sigmoid(-745) == math.exp(-745) > 0  # subnormal, not flushed
    assert reference.sigmoid(-40) == pytest.approx(math.exp(-40), rel=1e-15, abs=0)


@pytest.mark.parametrize("z", [40.0, -40.0])
def test_derivatives_keep_their_digits_in_both_tails(z):
    tanh_prime = reference.ACTIVATIONS["tanh"].prime
    assert reference.sigmoid_prime(z) == pytest.approx(math.exp(-40), rel=1e-15, abs=0)
    assert tanh_prime(z / 2) == pytest.approx(4 * math.exp(-40), rel=1e-15, abs=0)
    assert reference.sigmoid_prime(z * inf) == tanh_prime(z * inf) == 0.0


@pytest.mark.parametrize("name", reference.ACTIVATIONS)
def test_activations_keep_nan(name):
    assert math.isnan(reference.ACTIVATIONS[name].f(nan))


@pytest.mark.parametrize("name", reference.ACTIVATIONS)
def test_infinities_give_the_limits(name):
    f, f_prime, f_second = reference.ACTIVATIONS[name]
    for z in (inf, -inf):
        for order in (f, f_prime, f_second):
            far = nan if name == "sin" else order(math.copysign(1e200, z))
            assert order(z) == pytest.approx(math.copysign(inf, far) if abs(far) > 1e100 else far, abs=1e-100, nan_ok=True)


def test_softmax_is_a_distribution_that_keeps_nan_and_takes_infinities_to_their_limits():
    assert reference.softmax([0.0, math.log(3)]) == pytest.approx([1 / 4, 3 / 4], rel=4e-16)
    assert reference.softmax([1e4, -1e4, 1e4]) == [0.5, 0.0, 0.5]
    assert reference.softmax([inf, 1.0, inf]) == [0.5, 0.0, 0.5]
    assert reference.softmax([-inf, -inf]) == [0.5, 0.5] and reference.softmax([-inf, 7.0]) == [0.0, 1.0]
    assert all(map(math.isnan, reference.softmax([1.0, nan, inf])))


def test_the_product_with_the_jacobian_of_softmax_is_its_slope():
    z, v = [0.3, -1.2, 0.8], [1.0, -2.0, 0.5]
    for j, found in enumerate(reference.softmax_times_jacobian(v, z)):

        def along_j(z_j):
            return sum(v_i * a_i for v_i, a_i in zip(v, reference.softmax([*z[:j], z_j, *z[j + 1 :]])))

        assert found == pytest.approx(slope(along_j, z[j]), rel=1e-9)


@pytest.mark.parametrize("hidden", ["tanh", "gelu"])
def test_softmax_outputs_have_the_slope_of_the_cost(hidden):
    w, b, X, Y, activations = random_case(5, (3, 4, 3), hidden, m=2)
    activations[-1] = "softmax"
    got = reference.gradient(w, b, X, Y, activations)
    assert_close_to_1e9([got.nabla_w, got.nabla_b], list(reference.numerical_gradient(w, b, X, Y, activations)))


def test_relu_is_flat_up_to_and_at_zero():
    f, f_prime, _ = reference.ACTIVATIONS["relu"]
    assert [f(z) for z in (-inf, -2.0, 0.0, 2.0, inf)] == [0.0, 0.0, 0.0, 2.0, inf]
    assert [f_prime(z) for z in (-2.0, -0.0, 0.0, 5e-324, 2.0)] == [0.0, 0.0, 0.0, 1.0, 1.0]


# One equation at a time, by hand: small integers, exact sums


def test_weighted_input_takes_row_j_of_w_and_the_whole_a():
    assert reference.weighted_input([[1, 2, 3], [4, 5, 6]], [7, 8], [1, 10, 100]) == [328, 662]


def test_weighted_input_loses_no_digits_to_cancellation():
    assert reference.weighted_input([[1e16, 1.0, -1e16]], [0.0], [1.0, 1.0, 1.0]) == [1.0]


def test_weighted_input_answers_infinities_as_floats_do():
    assert reference.weighted_input([[1e308, 1e308]], [0.0], [1.0, 1.0]) == [inf]
    assert math.isnan(reference.weighted_input([[inf, -inf]], [0.0], [1.0, 1.0])[0])


def test_feedforward_keeps_every_layer_and_starts_with_x():
    z, a = reference.feedforward(W, B, X)
    assert z == [[0.0, 0.0], [0.0]]
    assert a == [X, [0.5, 0.5], [0.5]]


def test_each_layer_has_its_own_activation():
    w, b = [[[1.0], [-1.0]], [[2.0, 2.0]]], [[0.0, 0.0], [-20.0]]
    z, a = reference.feedforward(w, b, [3.0], ["relu", "identity"])
    assert z == [[3.0, -3.0], [-14.0]]
    assert a == [[3.0], [3.0, 0.0], [-14.0]]


@pytest.mark.parametrize("activations", [["relu"], ["relu"] * 3], ids=["too few", "too many"])
def test_one_activation_a_layer_no_fewer_no_more(activations):
    with pytest.raises(ValueError):
        reference.feedforward(W, B, X, activations)


def test_quadratic_cost_is_half_the_squared_distance_averaged_over_samples():
    w, b = [[[1.0, 0.0], [0.0, 1.0]]], [[0.0, 0.0]]
    X, Y = [[3.0, 4.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 0.0]]
    assert reference.cost(w, b, X, Y, ["identity"]) == (12.5 + 0.5) / 2


def test_bp1_is_nabla_a_times_sigma_prime():
    assert reference.bp1([8.0, -4.0], [0.0, 0.0], "sigmoid") == [2.0, -1.0]
    assert reference.bp1([8.0, -4.0], [-1.0, 1.0], "relu") == [0.0, -4.0]


def test_bp2_goes_back_through_the_columns_of_w():
    w_next, delta_next = [[1, 2, 3], [4, 5, 6]], [1, 10]
    assert reference.bp2(w_next, delta_next, [1, 2, 3], "identity") == [41, 52, 63]
    assert reference.bp2(w_next, delta_next, [1, -2, 3], "relu") == [41, 0, 63]


def test_bp3_is_delta_itself_in_a_list_of_its_own():
    delta = [1.0, -2.0]
    assert reference.bp3(delta) == delta
    assert reference.bp3(delta) is not delta


def test_bp4_is_delta_j_times_a_k():
    assert reference.bp4([1, 10], [2, 3, 5]) == [[2, 3, 5], [20, 30, 50]]


def test_backprop_is_the_sum_done_by_hand():
    got = reference.backprop(W, B, X, Y)
    assert got.cost == 1 / 8
    assert got.delta == [[1 / 8, -1 / 16], [1 / 8]]
    assert got.nabla_w == [[[1 / 8, 1 / 4], [-1 / 16, -1 / 8]], [[1 / 16, 1 / 16]]]
    assert got.nabla_b == got.delta


def test_gradient_of_a_batch_is_the_mean_of_its_samples():
    w, b, X, Y, activations = random_case(3, (2, 3, 2), "tanh", m=3)
    got = reference.gradient(w, b, X, Y, activations)
    samples = [reference.backprop(w, b, x, y, activations) for x, y in zip(X, Y)]
    columns = zip(*(flat([s.cost, s.nabla_w, s.nabla_b]) for s in samples))
    assert flat(list(got)) == [math.fsum(column) / 3 for column in columns]
    assert got.cost == reference.cost(w, b, X, Y, activations)


def test_gradient_refuses_inputs_and_targets_of_different_number():
    with pytest.raises(ValueError):
        reference.gradient(W, B, [X, X], [Y])


# Descent, by hand: a = w x + b with w = 1/2, b = 0

LINE = dict(w=[[[0.5]]], b=[[0.0]], activations=["identity"])


def test_a_step_goes_down_by_eta_times_the_mean_gradient():
    # x = 2, y = 3: δ = −2, ∇w = −4;  x = −4, y = 0: δ = −2, ∇w = 8.  Means −2 and 2.
    w, b = reference.sgd_step(X=[[2.0], [-4.0]], Y=[[3.0], [0.0]], eta=0.25, **LINE)
    assert (w, b) == ([[[0.0]]], [[0.5]])


def test_a_step_and_an_epoch_change_nothing_in_place():
    before = repr((W, B))
    w, b = reference.sgd_step(W, B, [X], [Y], 1.0)
    reference.sgd_epoch(W, B, [X, X], [Y, Y], 1.0, 1)
    assert repr((W, B)) == before
    assert w == [[[1.875, -1.25], [-3.9375, 2.125]], [[3.9375, -2.0625]]]
    assert b == [[-0.125, 0.0625], [-1.125]]


def three_samples():
    w, b, X, Y, activations = random_case(4, (2, 3, 1), "sigmoid", m=3)
    return dict(w=w, b=b, activations=activations), X, Y


def test_an_epoch_ends_with_the_shorter_batch_that_remains():
    net, X, Y = three_samples()
    w, b = reference.sgd_step(X=X[:2], Y=Y[:2], eta=0.5, **net)
    w, b = reference.sgd_step(w, b, X[2:], Y[2:], 0.5)
    assert reference.sgd_epoch(X=X, Y=Y, eta=0.5, batch_size=2, **net) == (w, b)


def test_a_batch_larger_than_the_samples_is_one_step():
    net, X, Y = three_samples()
    expected = reference.sgd_step(X=X, Y=Y, eta=0.5, **net)
    assert reference.sgd_epoch(X=X, Y=Y, eta=0.5, batch_size=10, **net) == expected


def test_an_epoch_takes_the_rows_in_the_order_given():
    net, X, Y = three_samples()
    w, b = net["w"], net["b"]
    for i in (2, 0, 1):
        w, b = reference.sgd_step(w, b, [X[i]], [Y[i]], 0.5)
    got = reference.sgd_epoch(X=X, Y=Y, eta=0.5, batch_size=1, order=[2, 0, 1], **net)
    assert got == (w, b)
    assert got != reference.sgd_epoch(X=X, Y=Y, eta=0.5, batch_size=1, **net)


def test_epochs_of_descent_learn_xor():
    rng = random.Random(0)
    w = [[[rng.gauss(0, 1) for _ in range(p)] for _ in range(n)] for p, n in ((2, 3), (3, 1))]
    b = [[0.0] * 3, [0.0]]
    X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    for _ in range(600):
        w, b = reference.sgd_epoch(w, b, X, Y, 0.1, 1, activations=["tanh", "identity"])
    assert reference.cost(w, b, X, Y, ["tanh", "identity"]) < 1e-3


def test_reference_imports_the_standard_library_only():
    tree = ast.parse(Path(reference.__file__).read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            imported.add(node.module.split(".")[0])
    assert imported and imported <= sys.stdlib_module_names


@pytest.mark.parametrize("pair", reference.FUSED, ids="-".join)
def test_a_fused_form_is_the_cost_of_the_activation_and_its_slope(pair):
    activation, cost = pair
    value, delta = reference.FUSED[pair]
    z, y = [0.5, -1.25, 2.0, 0.0], [0.25, 0.0, 1.0, 0.5]
    a = reference.activate(z, activation)
    assert value(z, y) == pytest.approx(reference.COSTS[cost][0](a, y), rel=1e-14)
    assert delta(z, y) == pytest.approx(reference.bp1(reference.COSTS[cost][1](a, y), z, activation), rel=1e-13, abs=1e-15)
    for j, delta_j in enumerate(delta(z, y)):
        assert delta_j == pytest.approx(slope(lambda z_j: value([*z[:j], z_j, *z[j + 1 :]], y), z[j]), rel=1e-9, abs=1e-12)


def test_a_sample_of_weight_two_counts_twice_and_one_of_weight_zero_not_at_all():
    w, b, X, Y, activations = random_case(1, (2, 3, 2), "tanh", 3)
    weighted = reference.gradient(w, b, X, Y, activations, sample_weight=[2.0, 0.0, 1.0])
    rows = reference.gradient(w, b, [X[0], X[0], X[2]], [Y[0], Y[0], Y[2]], activations)
    assert_close_to_1e9([weighted.nabla_w, weighted.nabla_b], [rows.nabla_w, rows.nabla_b])
    assert weighted.cost == pytest.approx(rows.cost, rel=1e-14)


def test_weights_of_outputs_are_factors_and_nan_counts_for_nothing():
    value, nabla = reference.weighted("gaussian_nll", [2.0, 1.0, 3.0], ignore_nan=True)
    a, y = [0.5, 1.0, -1.0, 0.25, 0.0, -0.5], [1.0, math.nan, 0.0]
    one, two = (reference.COSTS["gaussian_nll"][0](a[j::3], [y[j]]) for j in (0, 2))
    assert value(a, y) == pytest.approx(2 * one + 3 * two, rel=1e-15)
    found = nabla(a, y)
    assert found[1] == found[4] == 0.0
    for j in (0, 2, 3, 5):
        assert found[j] == pytest.approx(slope(lambda a_j: value([*a[:j], a_j, *a[j + 1 :]], y), a[j]), rel=1e-9)
