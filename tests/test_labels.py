"""Labels as users have them: words, bools, any whole numbers, several a sample; names that stay with the net."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastnet as fn
from fastnet.persistence import describe

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
WORDS = ["none", "one", "one", "two"]
NUMBERED = np.array([0, 1, 1, 2])


def fresh(n_out=3, **options):
    return fn.Network([2, 8, n_out], seed=0, **options)


def trained(Y, n_out=3, epochs=3000, **options):
    net = fresh(n_out)
    net.fit(X, Y, epochs=epochs, batch_size=4, seed=0, **options)
    return net


# -- one label a sample ------------------------------------------------------

@pytest.mark.parametrize("kind", ["list", "tuple", "array", "object", "column", "bytes", "pandas", "categorical", "polars"])
def test_words_train_as_their_numbers_do(kind):
    make = {"list": list, "tuple": tuple, "array": np.array, "object": lambda Y: np.array(Y, object), "column": lambda Y: np.array(Y)[:, None],
            "bytes": lambda Y: np.array(Y, "S"),
            "pandas": lambda Y: pytest.importorskip("pandas").Series(Y, index=[7, 3, 1, 9]),
            "categorical": lambda Y: pytest.importorskip("pandas").Categorical(Y),
            "polars": lambda Y: pytest.importorskip("polars").Series(Y)}[kind]
    net = trained(make(WORDS))
    assert net.classes == ("none", "one", "two")
    assert net.parameters.tobytes() == trained(NUMBERED).parameters.tobytes()
    assert net.classify(X).tolist() == WORDS
    assert net.classify(X[3]) == "two" and type(net.classify(X[3])) is str
    assert net.cost(X, make(WORDS)) == net.cost(X, np.eye(3)[NUMBERED])


def test_numbers_from_0_are_what_they_were():
    net = trained(NUMBERED)
    assert net.classes is None and net.classify(X).dtype == np.intp
    assert trained(NUMBERED.astype(np.uint8)).parameters.tobytes() == net.parameters.tobytes()


def test_any_whole_numbers_are_classes_when_asked():
    Y = np.array([-5, 10, 10, 1000])
    with pytest.raises(ValueError, match="labels in Y must lie in 0 ... 2; got -5"):
        fresh().fit(X, Y)
    net = trained(Y, classes="auto")
    assert net.classes == (-5, 10, 1000) and net.classify(X).tolist() == Y.tolist()
    assert type(net.classify(X[0])) is int
    assert trained(Y, classes=[1000, -5, 10]).classify(X).tolist() == Y.tolist()
    assert trained(Y.astype(float), classes="auto").classes == (-5, 10, 1000)


@pytest.mark.parametrize("n_out", [1, 2])
def test_bools_come_back_as_bools(n_out):
    Y = np.array([False, True, True, False])
    net = trained(Y, n_out)
    assert net.classes == (False, True)
    assert net.classify(X).dtype == bool and net.classify(X).tolist() == Y.tolist()
    same = trained(Y.tolist(), n_out)
    assert same.classes == (False, True)
    assert same.parameters.tobytes() == trained(Y.astype(int), n_out).parameters.tobytes()
    for classes in (None, "auto"):
        assert trained([True] * 4, n_out, epochs=1, classes=classes).classify(X).tolist() == [True] * 4


@pytest.mark.parametrize("library, dtype", [("pandas", "boolean"), ("pandas", "bool"), ("polars", None), ("pandas", "bool[pyarrow]")])
def test_bools_of_frames_come_back_as_bools(library, dtype):
    column = pytest.importorskip(library).Series([False, True, True, False], **({} if dtype is None else {"dtype": dtype}))
    net = trained(column, 1)
    assert net.classes == (False, True) and net.classify(X).tolist() == [False, True, True, False]


@pytest.mark.parametrize("make", [lambda Y: Y[:, None], lambda Y: Y[:, None].astype("uint8"), lambda Y: Y.astype(object)])
def test_whole_numbers_may_stand_in_a_column_or_be_objects(make):
    net = trained(make(NUMBERED), epochs=5)
    assert net.parameters.tobytes() == trained(NUMBERED, epochs=5).parameters.tobytes()


@pytest.mark.parametrize("Y, says", [
    ([float("nan"), "one", "one", "two"], r"row 0 is missing \(nan\)"), (["none", None, "one", "two"], r"row 1 is missing \(None\)"),
    (["none", "one", 1, "two"], "labels in Y must be all of a kind; row 0 holds 'none', row 2 holds 1"),
    ([True, "one", "one", "two"], "all of a kind; row 0 holds True, row 1 holds 'one'"), ([1.5, "one", "one", "two"], r"row 0 holds \(1.5\)")])
def test_what_is_no_word_among_words_does_not_become_one(Y, says):
    for given in (Y, tuple(Y), np.array(Y, object)):
        with pytest.raises(TypeError, match=says):
            fresh().fit(X, given)


def test_missing_words_of_pandas_are_named():
    pandas = pytest.importorskip("pandas")
    for dtype in ("string", "category", object):
        with pytest.raises(TypeError, match="labels in Y must be words, whole numbers, or True and False; row 2 is missing"):
            fresh().fit(X, pandas.Series(["none", "one", None, "two"], dtype=dtype))


def test_two_words_need_one_output_only():
    net = trained(["no", "yes", "yes", "no"], 1)
    assert net.classes == ("no", "yes") and net.classify(X).tolist() == ["no", "yes", "yes", "no"]
    assert net.cost(X, ["no", "yes", "yes", "no"]) == net.cost(X, [[0], [1], [1], [0]])
    assert net.cost(X[0], "no") == net.cost(X[0], [[0.0]]) == net.cost(X[:1], ["no"])


def test_one_hot_rows_may_have_names():
    net = trained(np.eye(3)[NUMBERED], classes=["none", "one", "two"])
    assert net.classes == ("none", "one", "two") and not net.multilabel
    assert net.classify(X).tolist() == WORDS
    assert net.cost(X, np.eye(3)[NUMBERED]) == net.cost(X, WORDS)
    assert net.cost(X[0], [1.0, 0.0, 0.0]) == net.cost(X[0], "none")


def test_every_method_takes_labels_of_the_net():
    net, plain = trained(WORDS, epochs=5), trained(NUMBERED, epochs=5)
    v = np.ones(net.n_parameters)
    for found, expected in ((net.value_and_gradient(X, WORDS), plain.value_and_gradient(X, NUMBERED)),
                            (net.per_sample_gradients(X, WORDS), plain.per_sample_gradients(X, NUMBERED)),
                            (net.input_gradient(X, WORDS), plain.input_gradient(X, NUMBERED)),
                            (net.hessian_vector(X, WORDS, v), plain.hessian_vector(X, NUMBERED, v)),
                            (net.backprop(X, WORDS).nabla_w[0], plain.backprop(X, NUMBERED).nabla_w[0])):
        assert np.array_equal(found[0], expected[0]) and np.array_equal(found[1], expected[1])
    assert net.check_gradient(X, WORDS).ok


def test_class_weights_go_by_name():
    weights = {"one": 3.0, "two": 0.5}
    net, plain = fresh(), fresh()
    net.fit(X, WORDS, epochs=5, class_weight=weights, seed=0)
    plain.fit(X, NUMBERED, epochs=5, class_weight={1: 3.0, 2: 0.5}, seed=0)
    assert net.parameters.tobytes() == plain.parameters.tobytes()
    assert net.cost(X, WORDS, class_weight="balanced") == plain.cost(X, NUMBERED, class_weight="balanced")
    with pytest.raises(ValueError, match="label 'three' in class_weight is none of the net's classes: 'none', 'one', 'two'"):
        net.cost(X, WORDS, class_weight={"three": 1.0})


def test_validation_is_by_name():
    history = fresh().fit(X, WORDS, epochs=4, validation=(X, WORDS), metrics="accuracy", seed=0)
    expected = fresh().fit(X, NUMBERED, epochs=4, validation=(X, NUMBERED), metrics="accuracy", seed=0)
    assert history.accuracy == expected.accuracy and history.validation_cost == expected.validation_cost
    assert history.metrics == expected.metrics


def test_pieces_need_names_before_they_have_them_all():
    net = fresh()
    with pytest.raises(ValueError, match=r"Y must hold 3, one per output, different labels; got 2: 'none', 'one'. classes=\[...\] names them"):
        net.partial_fit(X[:2], WORDS[:2])
    net.partial_fit(X[:2], WORDS[:2], classes=["none", "one", "two"])
    net.partial_fit(X[2:], WORDS[2:])
    assert net.classes == ("none", "one", "two")
    early = fresh()
    early.classes = ["none", "one", "two"]
    early.partial_fit(X[:2], WORDS[:2]).partial_fit(X[2:], WORDS[2:])
    assert early.parameters.tobytes() == net.parameters.tobytes()


# -- several labels a sample -------------------------------------------------

SEVERAL = [["a"], ["a", "b"], [], ["c"]]
INDICATOR = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize("make", [lambda Y: Y, tuple, lambda Y: [set(row) for row in Y], lambda Y: [tuple(row) for row in Y],
                                  lambda Y: pytest.importorskip("pandas").Series(Y)])
def test_lists_of_labels_train_as_rows_of_0_and_1(make):
    net = trained(make(SEVERAL))
    assert net.classes == ("a", "b", "c") and net.multilabel
    assert net.parameters.tobytes() == trained(INDICATOR).parameters.tobytes()
    assert net.classify(X) == SEVERAL and net.classify(X[1]) == ["a", "b"]
    assert net.cost(X, make(SEVERAL)) == net.cost(X, INDICATOR)
    assert net.cost(X[1], ["a", "b"]) == net.cost(X[1], [1.0, 1.0, 0.0])


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "arrays"])
@pytest.mark.parametrize("Y", [[["a"], ["b", "c"], [], ["c"]], [["a", "b"], ["b", "c"], ["a", "c"], ["b", "c"]]], ids=["ragged", "even"])
def test_columns_of_lists_of_words_are_several_labels(library, Y):
    if library == "pyarrow":
        pyarrow, pandas = pytest.importorskip("pyarrow"), pytest.importorskip("pandas")
        column = pandas.Series(Y, dtype=pandas.ArrowDtype(pyarrow.list_(pyarrow.string())))
    elif library == "arrays":
        column = np.empty(4, object)
        column[:] = [np.array(row, "U1") for row in Y]
    else:
        column = pytest.importorskip(library).Series(Y)
    net = trained(column, epochs=3)
    assert net.classes == ("a", "b", "c") and net.multilabel
    assert net.parameters.tobytes() == trained(Y, epochs=3).parameters.tobytes()


def test_lists_of_numbers_are_told_what_they_need():
    with pytest.raises(ValueError, match=r"Y must be a rectangular array of numbers.*lists of labels that are no words need classes='auto'"):
        fresh().fit(X, [[1], [1, 2], [], [3]])
    assert trained([[1], [1, 2], [], [3]], epochs=1, classes="auto").classes == (1, 2, 3)


def test_rows_of_0_and_1_are_several_labels_when_asked():
    assert trained(INDICATOR, epochs=5).classify(X).shape == (4,)
    assert trained(INDICATOR, classes=["a", "b", "c"]).classify(X) == SEVERAL
    assert trained(INDICATOR, classes="auto").classify(X) == [[0], [0, 1], [], [2]]
    assert trained([{7}, {7, 8}, set(), {9}]).classify(X) == [[7], [7, 8], [], [9]]


def test_one_and_several_do_not_mix():
    with pytest.raises(ValueError, match="Y must hold one label a sample, as in training; got several"):
        trained(WORDS, epochs=1).cost(X, SEVERAL)
    with pytest.raises(ValueError, match="Y must hold several labels a sample"):
        trained(SEVERAL, epochs=1).cost(X, ["a", "b", "c", "a"])


# -- copies and files --------------------------------------------------------

@pytest.mark.parametrize("Y", [WORDS, SEVERAL, [-5, 10, 10, 1000]], ids=["words", "several", "numbers"])
@pytest.mark.parametrize("way", ["copy", "deepcopy", "pickle", "file", "checkpoint"])
def test_names_go_with_the_net(Y, way, tmp_path):
    net = trained(Y, epochs=3, classes="auto", checkpoint=tmp_path / "run")
    net.save(tmp_path / "net")
    same = {"copy": net.copy, "deepcopy": lambda: copy.deepcopy(net), "pickle": lambda: pickle.loads(pickle.dumps(net)),
            "file": lambda: fn.load(tmp_path / "net"), "checkpoint": lambda: fn.resume(tmp_path / "run").net}[way]()
    assert (same.classes, same.multilabel) == (net.classes, net.multilabel)
    assert list(map(type, same.classes)) == list(map(type, net.classes))
    assert same.cost(X, Y) == net.cost(X, Y)


@pytest.mark.parametrize("names", [["", " "], ["a,b", "a%2Cb", "c"], ["Ünï", 'say "hi"\\', "日本\n"], [-1, 0, 2**70], [True, False]])
def test_files_hold_any_names(names, tmp_path):
    net = fresh(len(names))
    net.classes = names
    net.save(tmp_path / "net")
    header = (tmp_path / "net").read_bytes()
    assert fn.load(tmp_path / "net").classes == describe(tmp_path / "net")["classes"] == tuple(names)
    assert b"\\" not in header[:header.index(b"weights.0")] and b'"format_version":"1"' in header


def test_a_flipped_bit_among_the_names_is_found(tmp_path):
    path = tmp_path / "net"
    trained(WORDS, epochs=1).save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"two")] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged: the checksum does not match the classes"):
        fn.load(path)
    assert not describe(path)["checksum_ok"]


def test_a_resumed_run_takes_the_same_labels(tmp_path):
    trained(WORDS, epochs=3, checkpoint=tmp_path / "run")
    run = fn.resume(tmp_path / "run")
    run.fit(X, WORDS, epochs=6)
    assert run.net.parameters.tobytes() == trained(WORDS, epochs=6).parameters.tobytes()


# -- bad input ---------------------------------------------------------------

@pytest.mark.parametrize("Y, error, message", [
    (["none", "one", "one", "three"], ValueError, "label 'three' in row 3 of Y is none of the net's classes: 'none', 'one', 'two'"),
    ([0, 1, 1, 2], ValueError, "label 0 in row 0 of Y is none of the net's classes"),
    (np.array(["none", None, "one", "two"], object), TypeError, r"row 1 is missing \(None\)"),
    (np.array(["none", "one", "one", np.nan], object), TypeError, r"row 3 is missing \(nan\)"),
    (np.array(["none", 1, "one", "two"], object), TypeError, "must be all of a kind; row 0 holds 'none', row 1 holds 1"),
    ([0.5, 1.0, 1.0, 2.0], TypeError, r"row 0 holds \(0.5\)"),
    (["none", "one"], ValueError, r"Y must hold one label per row of X \(4\); got 2"),
    (np.array([["none", "one"]] * 4), ValueError, "an array of words of shape"),
    ([["none"], "one", ["two"], []], TypeError, "Y must hold a list or set of labels for each sample; row 1 is 'one'")])
def test_labels_that_do_not_fit_are_named_with_their_row(Y, error, message):
    net = trained(WORDS, epochs=1)
    for call in (lambda: net.cost(X, Y), lambda: net.fit(X, Y), lambda: net.value_and_gradient(X, Y)):
        with pytest.raises(error, match=message):
            call()
    with pytest.raises(error, match="validation: .*" + message):
        net.fit(X, WORDS, validation=(X, Y))


def test_a_fraction_among_whole_numbers_is_found_in_its_row():
    net = fn.Network([2, 3, 3], seed=0)
    net.classes = [0, 1, 2]
    for last in (1.5, np.nan):
        with pytest.raises(TypeError, match=rf"whole numbers, or True and False; row 2 .*\({last}\)"):
            net.cost(np.zeros((3, 2)), [0.0, 1.0, last])


def test_a_net_that_knows_no_classes_says_so():
    known = r"knows no classes yet: fit learns them where it is given all labels at once; classes=\[...\] of fit, or net.classes = "
    with pytest.raises(ValueError, match=known):
        fresh().cost(X, WORDS)
    with pytest.raises(ValueError, match="batch 1 of epoch 1: .*" + known):
        fresh().fit([(X, WORDS)], epochs=1)


@pytest.mark.parametrize("classes, error, message", [
    (["a", "b"], ValueError, "classes must name each of the 3 outputs; got 2: 'a', 'b'"),
    (["a", "b", "a"], ValueError, "classes must differ; got 'a' twice"), ("abc", (TypeError, ValueError), "classes must be a sequence"),
    (["a", 1, 2], TypeError, "classes must be words, whole numbers, or False and True"), (7, TypeError, "classes must be a sequence"),
    ([0.5, 1.5, 2.5], TypeError, "classes must be words")])
def test_names_that_do_not_fit_are_refused_before_anything_changes(classes, error, message):
    net = fresh()
    before = net.parameters.copy()
    with pytest.raises(error, match=message):
        net.fit(X, NUMBERED, classes=classes)
    with pytest.raises(error, match=message):
        net.classes = classes
    assert net.classes is None
    assert_array_equal(net.parameters, before)


def test_more_labels_than_outputs_are_refused():
    with pytest.raises(ValueError, match="Y must hold 3, one per output, different labels; got 4: 'a', 'b', 'c', 'd'"):
        fresh().fit(X, list("abcd"))
    with pytest.raises(ValueError, match="Y must hold 2 for one output, different labels; got 3"):
        fresh(1).fit(X, list("abca"))
    with pytest.raises(ValueError, match="multilabel needs classes"):
        fresh().multilabel = True
