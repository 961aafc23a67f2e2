"""Frames of pandas and polars, tensors and whatever else can be read as numbers."""

import datetime
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import fastnet as fn
from fastnet import _checks_data
from fastnet._checks_data import as_array

PAGE = Path(__file__).resolve().parent.parent / "docs" / "data.md"


@pytest.fixture(params=["pandas", "polars"])
def frames(request):
    return pytest.importorskip(request.param)


def frame_of(frames, columns):
    return frames.DataFrame(columns)


def mixed(rng, m=40):
    return {"age": rng.integers(0, 90, m).astype(np.uint8), "height": rng.random(m).astype(np.float32),
            "weight": rng.random(m), "smokes": rng.random(m) < 0.5, "steps": rng.integers(-9, 9, m)}


def test_columns_of_several_kinds_are_one_set(frames, dtype, rng):
    columns = mixed(rng)
    X, Y = np.column_stack([column.astype(float) for column in columns.values()]), rng.integers(0, 3, 40)
    frame, target = frame_of(frames, columns), frames.Series("y", Y) if frames.__name__ == "polars" else frames.Series(Y)
    nets = [fn.Network([5, 4, 3], dtype=dtype, seed=0) for _ in range(2)]
    histories = [net.fit(*data, epochs=3, seed=0, validation=data, sample_weight=weight)
                 for net, data, weight in zip(nets, ((X, Y), (frame, target)), (columns["weight"], frame["weight"]))]
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    assert histories[0].validation_cost == histories[1].validation_cost
    np.testing.assert_array_equal(nets[0].predict(X), nets[0].predict(frame))
    assert nets[0].cost(X, Y) == nets[0].cost(frame, target)
    np.testing.assert_array_equal(nets[0].freeze()(frame), nets[0].freeze()(X))
    np.testing.assert_array_equal(nets[0].backprop(frame, target).delta[0], nets[0].backprop(X, Y).delta[0])


def test_targets_in_a_frame(frames, rng):
    X, Y = rng.random((20, 2)), rng.random((20, 2))
    nets = [fn.Network([2, 2], seed=0).partial_fit(X, targets, learning_rate=0.1)
            for targets in (Y, frame_of(frames, {"a": Y[:, 0], "b": Y[:, 1]}))]
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


def test_a_frame_of_small_integers_stays_small(frames, monkeypatch, rng):
    monkeypatch.setattr(_checks_data, "AT_ONCE", 0)
    columns = {f"x{j}": rng.integers(0, 255, 50).astype(np.uint8) for j in range(6)}
    frame = frame_of(frames, columns)
    assert as_array("X", frame).dtype == np.uint8
    net = fn.Network([6, 2], dtype="float32", seed=0)
    np.testing.assert_array_equal(net.predict(frame), net.predict(np.column_stack(list(columns.values())).astype(np.float32)))
    assert as_array("X", frame_of(frames, {"a": columns["x0"], "b": columns["x1"].astype(np.int16)})).dtype == np.int16


def test_a_column_that_holds_no_numbers_is_named(frames):
    net = fn.Network([2, 1], seed=0)
    for bad in (["Bern", "Basel"], [datetime.date(2020, 1, 1)] * 2, [[1], [2]]):
        frame = frame_of(frames, {"size": [1.0, 2.0], "city": bad})
        with pytest.raises(TypeError, match="X must hold real numbers; got dtype .* in column 'city'"):
            net.predict(frame)
        with pytest.raises(TypeError, match="Y must hold real numbers; got dtype .* in column 'city'"):
            fn.Network([1, 2]).fit([[1.0], [2.0]], frame)


def test_missing_values_are_named(frames):
    net = fn.Network([2, 1], seed=0)
    if frames.__name__ == "pandas":
        missing = frames.array([1, 2, None], dtype="Int64")
    else:
        missing = [1, 2, None]
    frame = frame_of(frames, {"size": [1.0, 2.0, 3.0], "rooms": missing})
    with pytest.raises(ValueError, match="X must have no missing values; row 2, column 'rooms' is missing"):
        net.predict(frame)
    with pytest.raises(ValueError, match="Y must have no missing values; row 2 is missing"):
        net.fit(np.zeros((3, 2)), frame["rooms"])


def test_nan_in_a_frame_is_named_by_its_column(frames):
    frame = frame_of(frames, {"size": [1.0, 2.0, 3.0], "rooms": [1.0, np.nan, 2.0]})
    net = fn.Network([2, 1], seed=0)
    with pytest.raises(ValueError, match="X must be finite in float64; row 1, column 'rooms' is nan"):
        net.fit(frame, [0.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="Y must be finite in float64; row 1, column 'rooms' is nan"):
        fn.Network([1, 2], seed=0).fit([[0.0], [1.0], [0.0]], frame)
    ignoring = fn.Network([1, 2], cost=fn.costs.Quadratic(ignore_nan=True), seed=0)
    assert ignoring.fit([[0.0], [1.0], [0.0]], frame, epochs=2).stopped is None


def test_the_shape_of_a_frame_is_checked(frames):
    with pytest.raises(ValueError, match=r"X must have shape \(m, 3\).*got shape \(2, 2\)"):
        fn.Network([3, 1], seed=0).predict(frame_of(frames, {"a": [1, 2], "b": [3, 4]}))
    with pytest.raises(ValueError, match="X must have columns; got a frame of shape"):
        fn.Network([3, 1], seed=0).predict(frame_of(frames, {}))


def test_pandas_frames_of_one_kind_are_read_where_they_lie(rng):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rng.random((30, 4)))
    assert np.shares_memory(as_array("X", frame), frame.to_numpy())


def test_pandas_dtypes_of_its_own(rng):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": pandas.array([1, 2, 3], dtype="Int16"), "b": pandas.array([True, False, True], dtype="boolean"),
                              "c": pandas.array([0.5, 1.5, 2.5], dtype="Float32")})
    found = as_array("X", frame)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[1, 1, 0.5], [2, 0, 1.5], [3, 1, 2.5]])
    with pytest.raises(TypeError, match="got dtype category in column 'd'"):
        as_array("X", frame.assign(d=pandas.Categorical(["x", "y", "x"])))
    twice = pandas.DataFrame(np.eye(3), columns=["a", "a", "b"]).astype({"b": "uint8"})
    np.testing.assert_array_equal(as_array("X", twice), np.eye(3))
    pytest.importorskip("pyarrow")
    arrow = frame.astype({"a": "int32[pyarrow]", "b": "bool[pyarrow]", "c": "float[pyarrow]"})
    np.testing.assert_array_equal(as_array("X", arrow), found)


def test_pandas_objects_that_are_numbers(rng):
    """As a database gives decimals, and columns have them that once held something else."""
    pandas, Decimal = pytest.importorskip("pandas"), pytest.importorskip("decimal").Decimal
    frame = pandas.DataFrame({"a": pandas.Series([Decimal("0.5"), Decimal(2)], dtype=object), "b": pandas.Series([1, 2], dtype=object)})
    np.testing.assert_array_equal(as_array("X", frame), [[0.5, 1], [2, 2]])
    with pytest.raises(TypeError, match="X must hold real numbers; got dtype object in column 'b'; row 1 holds 'n/a'"):
        as_array("X", frame.assign(b=pandas.Series([1, "n/a"], dtype=object)))
    with pytest.raises(ValueError, match="X must have no missing values; row 1, column 'b' is missing"):
        as_array("X", frame.assign(b=pandas.Series([1, None], dtype=object)))


def test_polars_frames_with_nothing_to_read_yet_or_nothing_that_can_be_read():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1, 2], "b": [3, 4]})
    with warnings.catch_warnings(), pytest.raises(TypeError, match="X must hold its values; got LazyFrame, which .collect"):
        warnings.simplefilter("error")                     # polars' own, if its columns were asked for
        fn.Network([2, 1], seed=0).predict(frame.lazy())
    prices = frame.select(polars.col("a").cast(polars.Decimal(10, 2)), polars.col("b"))
    np.testing.assert_array_equal(as_array("X", prices), [[1, 3], [2, 4]])
    if hasattr(polars, "Int128"):
        with pytest.raises(TypeError, match="X must hold real numbers; got dtype Int128 in column 'a'"):
            as_array("X", frame.with_columns(polars.col("a").cast(polars.Int128)))


@pytest.mark.skipif(not PAGE.exists(), reason="docs/ is not beside the tests")
def test_the_page_on_data_is_right_about_frames():
    pytest.importorskip("pandas")
    block = next(block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL) if "import pandas" in block)
    names = {}
    for statement in block.split("\n\n"):
        said = re.search(r"# (\w+)(?:Error): (.*)$", statement)
        if said is None:
            exec(statement, names)
            continue
        with pytest.raises((TypeError, ValueError)) as raised:
            exec(statement, names)
        assert type(raised.value).__name__ == said[1] + "Error"
        assert re.sub("dtype (str|object)", "dtype str", str(raised.value)) == said[2]


def test_numpy_alone_serves_where_neither_is_there(rng):
    """Nothing here imports either: what a frame is, it says itself."""
    code = ("import sys; sys.modules['pandas'] = sys.modules['polars'] = None; import fastnet as fn\n"
            "net = fn.Network([2, 1], seed=0); net.fit([[0, 1], [1, 0]], [0, 1], epochs=1)")
    subprocess.run([sys.executable, "-c", code], check=True)


# -- tensors --------------------------------------------------------------------------

class OnlyDLPack:
    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


class OnlyNumpy:
    def __init__(self, values):
        self.values = values

    def numpy(self):
        return self.values


class Elsewhere:
    """A tensor of another device, or with a gradient that gives no array."""

    shape = (3, 2)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert device tensor to numpy")


@pytest.mark.parametrize("kind", [OnlyDLPack, OnlyNumpy])
def test_tensors_are_taken_by_what_they_can_do(kind, rng):
    X, Y = rng.random((20, 3)), rng.random((20, 2))
    nets = [fn.Network([3, 2], seed=0) for _ in range(2)]
    nets[0].fit(X, Y, epochs=2, seed=0)
    nets[1].fit(kind(X), kind(Y), epochs=2, seed=0)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    assert nets[0].cost(kind(X), kind(Y)) == nets[0].cost(X, Y)


def test_tensors_that_can_not_be_read_are_named():
    with pytest.raises(TypeError, match="X must be readable as an array of numbers in main memory: can't convert"):
        fn.Network([2, 1], seed=0).predict(Elsewhere())
    scipy_sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"Y must be dense here; got a sparse matrix of shape \(3, 1\)"):
        fn.Network([2, 1], seed=0).fit(np.zeros((3, 2)), scipy_sparse.csr_array(np.ones((3, 1))))
