"""The command line: exit codes, what goes to stdout and what to stderr, and a clear word for every mistake."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastnet as fn
from fastnet import _cli_bench, _cli_check, datasets, reference
from fastnet.cli import main

QUICK = ["--epochs", "2", "--seed", "1", "--no-compare-reference"]
IRIS_LIKE = "length,width,kind\n" + "".join(
    f"{x:.3f},{y:.3f},{'setosa' if x < y else 'virginica'}\n" for x, y in np.random.default_rng(0).random((60, 2)))


@pytest.fixture
def run(capsys):
    """Run a command that is to succeed; return its stdout."""
    def run(*argv, code=0):
        result = main([str(arg) for arg in argv])
        out, err = capsys.readouterr()
        assert result == code, err
        return out
    return run


@pytest.fixture
def fails(capsys):
    """Run a command that is to fail; return its stderr."""
    def fails(*argv, code=2):
        result = main([str(arg) for arg in argv])
        out, err = capsys.readouterr()
        assert result == code, err
        assert out == "" and "fastnet: error: " in err and "Traceback" not in err
        return err
    return fails


@pytest.fixture
def iris(tmp_path):
    path = tmp_path / "iris.csv"
    path.write_text(IRIS_LIKE)
    return path


@pytest.fixture
def model(tmp_path):
    net = fn.Network([2, 3, 2], seed=0)
    net.save(tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors", net


def report(out):
    """The one JSON object of a stdout; NaN and Infinity are not JSON."""
    return json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


# --- help and usage


@pytest.mark.parametrize("argv", [[], ["train"], ["predict"], ["info"], ["export"], ["check"], ["profile"], ["bench"],
                                  ["config"]], ids=" ".join)
def test_help_is_printed_and_is_no_error(run, argv):
    assert "usage: fastnet" in run(*argv, "--help")


@pytest.mark.parametrize("argv, message", [
    ([], "required: COMMAND"),
    (["trian"], "invalid choice: 'trian'"),
    (["train"], "required: SOURCE"),
    (["train", "digits", "--epochs", "0"], "--epochs: expected a whole number from 1; got '0'"),
    (["train", "digits", "--epochs", "many"], "--epochs: expected a whole number from 1; got 'many'"),
    (["train", "digits", "--batch-size", "-1"], "--batch-size: expected"),
    (["train", "digits", "--learning-rate", "nan"], "--learning-rate: expected a number above 0"),
    (["train", "digits", "--scale-by", "0"], "--scale-by: expected a number above 0"),
    (["train", "digits", "--seed", "-1"], "--seed: expected a whole number from 0"),
    (["train", "digits", "--test-fraction", "1"], "--test-fraction: expected"),
    (["train", "digits", "--dtype", "float16"], "--dtype: invalid choice"),
    (["train", "digits", "--sizes", "64", "10", "--hidden", "3"], "not allowed with"),
    (["train", "digits", "--optimiser", "adam"],
     "unrecognized arguments: --optimiser adam; did you mean --optimizer? (see fastnet train --help)"),
    (["train", "digits", "--lerning-rate=3", "--ephocs", "2"], "did you mean --learning-rate, --epochs? (see fastnet train --help)"),
    (["train", "digits", "--qqqq"], "unrecognized arguments: --qqqq (see fastnet train --help)"),
    (["predict", "net.safetensors", "new.csv", "--clases"], "did you mean --classes? (see fastnet predict --help)"),
    (["info", "net.safetensors", "--jsn"], "did you mean --json? (see fastnet info --help)"),
    (["export", "net.safetensors", "--heder", "net.h"], "did you mean --header? (see fastnet export --help)"),
    (["check", "--quik"], "(see fastnet check --help)"),
    (["profile", "--batchsize", "3"], "did you mean --batch? (see fastnet profile --help)"),
    (["bench", "--quik"], "did you mean --quick? (see fastnet bench --help)"),
    (["config", "more"], "unrecognized arguments: more (see fastnet config --help)"),
    (["--quiet", "train", "digits"], "(see fastnet --help)"),
])
def test_wrong_arguments_are_named_with_exit_code_2(fails, argv, message):
    assert message in fails(*argv)


# --- train


def test_train_reports_accuracy_and_speed_and_shows_progress_on_stderr(capsys):
    assert main(["train", "digits", *QUICK]) == 0
    out, err = capsys.readouterr()
    assert "64-30-10, sigmoid, quadratic cost, float64, 2,260 parameters" in out
    assert "1,437 rows to train on, 360 held out" in out
    assert "held-out accuracy" in out and "samples/s" in out
    assert "epoch 2/2  cost" in err and "\r" not in err


def test_train_learns_the_digits(run):
    found = report(run("train", "digits", "--epochs", 10, "--seed", 0, "--no-compare-reference", "--json"))
    assert found["accuracy"] > 0.9
    assert found["training_cost"][-1] < found["training_cost"][0]
    assert len(found["training_cost"]) == found["epochs"] == 10


def test_train_with_a_seed_gives_the_same_net_and_writes_json_alone_to_stdout(run, tmp_path):
    reports = [report(run("train", "digits", *QUICK, "--json", "--quiet", "--out", tmp_path / name)) for name in "ab"]
    assert reports[0]["training_cost"] == reports[1]["training_cost"]
    assert_array_equal(fn.load(tmp_path / "a").parameters, fn.load(tmp_path / "b").parameters)


def test_train_is_silent_on_stderr_when_quiet(capsys):
    assert main(["train", "digits", *QUICK, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_train_rewrites_one_line_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["train", "digits", *QUICK]) == 0
    assert terminal.getvalue().count("\r") == 2 and terminal.getvalue().count("\n") == 1


def test_train_times_the_reference_on_a_part_of_the_rows_and_says_so(run):
    out = run("train", "digits", "--epochs", 1, "--quiet")
    assert "pure Python" in out and "timed on" in out and "times as fast" in out
    found = report(run("train", "digits", "--epochs", 1, "--quiet", "--json"))["reference"]
    assert 1 <= found["rows"] <= 1437 and found["seconds_per_epoch"] > 0 and found["times_faster"] > 0


def test_train_names_the_classes_of_labels_that_are_words(run, iris):
    assert "0=setosa 1=virginica" in run("train", iris, *QUICK)
    found = report(run("train", iris, *QUICK, "--json"))
    assert found["classes"] == ["setosa", "virginica"]
    assert found["sizes"] == [2, 30, 2]
    assert (found["train_rows"], found["held_out_rows"]) == (48, 12)
    assert 0 <= found["accuracy"] <= 1


def test_train_takes_sizes_activations_and_precision(run, iris, tmp_path):
    run("train", iris, *QUICK, "--sizes", 2, 5, 4, 2, "--activation", "tanh", "--output", "sigmoid",
        "--dtype", "float32", "--label-column", "kind", "--out", tmp_path / "net.safetensors")
    net = fn.load(tmp_path / "net.safetensors")
    assert net.sizes == (2, 5, 4, 2) and net.activations == ("tanh", "tanh", "sigmoid") and net.dtype == np.float32


def test_train_with_no_hidden_layer_and_with_one_output_for_two_classes(run, iris):
    assert report(run("train", iris, *QUICK, "--json", "--hidden"))["sizes"] == [2, 2]
    assert report(run("train", iris, *QUICK, "--json", "--sizes", 2, 3, 1))["accuracy"] is not None


@pytest.mark.parametrize("dropout", [0.9, 7])
def test_train_refuses_dropout_where_there_is_no_hidden_layer(fails, iris, dropout):
    assert "--dropout needs a hidden layer" in fails("train", iris, *QUICK, "--hidden", "--dropout", dropout)
    assert "dropout must" in fails("train", iris, *QUICK, "--quiet", "--hidden", 3, "--dropout", 7)


def test_train_maps_whole_number_labels_to_sorted_classes(run, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.random((40, 3)), y=rng.choice([-5, 7, 100], 40))
    found = report(run("train", tmp_path / "a.npz", *QUICK, "--json"))
    assert found["classes"] == [-5, 7, 100] and found["sizes"][-1] == 3


def test_train_reports_the_held_out_cost_where_targets_are_numbers(run, tmp_path):
    x = np.linspace(-1, 1, 50)
    np.savetxt(tmp_path / "curve.csv", np.column_stack([x, x**2]), delimiter=",")
    out = run("train", tmp_path / "curve.csv", *QUICK, "--activation", "tanh")
    assert "held-out cost" in out and "accuracy" not in out
    found = report(run("train", tmp_path / "curve.csv", *QUICK, "--json", "--activation", "tanh"))
    assert found["accuracy"] is None and found["classes"] is None
    assert found["sizes"] == [1, 30, 1] and found["activations"] == ["tanh", "identity"]

    np.savez(tmp_path / "counts.npz", x=x[:, None], y=np.arange(50))
    assert report(run("train", tmp_path / "counts.npz", *QUICK, "--json", "--numbers"))["sizes"] == [1, 30, 1]


def test_train_takes_one_hot_targets_for_classes(run, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.eye(20), y=np.eye(2)[np.arange(20) % 2])
    assert report(run("train", tmp_path / "a.npz", *QUICK, "--json"))["classes"] == [0, 1]


def test_train_divides_8_bit_images_by_255_and_anything_by_what_it_is_told(run, tmp_path):
    pixels, labels = np.random.default_rng(0).integers(0, 256, (20, 4), dtype=np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "bytes.npz", x=pixels, y=labels)
    np.savez(tmp_path / "scaled.npz", x=pixels / 255, y=labels)
    np.savez(tmp_path / "floats.npz", x=pixels.astype(float), y=labels)
    costs = [report(run("train", tmp_path / name, *QUICK, "--json", *options))["training_cost"]
             for name, options in [("bytes.npz", []), ("scaled.npz", []), ("floats.npz", ["--scale-by", "255"])]]
    assert costs[0] == costs[1] == costs[2]


def test_train_holds_out_the_fraction_asked_for(run, iris):
    for fraction, rows in (("0.5", 30), ("0", 0)):
        found = report(run("train", iris, *QUICK, "--json", "--test-fraction", fraction))
        assert found["held_out_rows"] == rows and found["train_rows"] == 60 - rows
        assert (found["accuracy"] is None) == (rows == 0)


@pytest.mark.parametrize("content, options, message", [
    (None, [], "No such file or directory"),
    ("", [], "the file is empty"),
    ("1,2,0\n1,x,1\n", [], "row 2, column 2: expected a number, found 'x'"),
    ("1,2,0\n1,2,0\n", [], "all labels are 0"),
    ("1,0\n2,1\n", ["--sizes", "3", "2"], "--sizes must begin with 1"),
    ("1,0\n2,1\n", ["--sizes", "1", "3"], "--sizes must end with 2, the classes"),
    ("1,0.5\n2,1\n", ["--sizes", "1", "3"], "--sizes must end with 1, the targets"),
    ("1,0\n2,1\n", ["--label-column", "kind"], "no column is named 'kind'"),
    ("1,0\n2,1\n", ["--label-column", "none"], "nothing to learn"),
    ("1,a\n2,b\n", ["--numbers"], "the labels are words such as"),
    ("1,0\n", [], "1 rows are too few"),
    ("1,0\nnan,1\n", ["--test-fraction", "0"], "finite"),
    ("".join(f"1,{i}\n" for i in range(300)), [], "300 different labels in 300 rows"),
    ("1,0\n2,1\n", ["--activation", "sigmoit"], "sigmoit"),
    ("1,0\n2,1\n", ["--cost", "cubic"], "cubic"),
    ("1,0\n2,1\n", ["--init", "lucky"], "lucky"),
    ("1,0\n2,1\n", ["--out", "no/such/directory/net.safetensors"], "no such directory"),
], ids=repr)
def test_train_says_what_is_wrong_with_its_input(fails, tmp_path, content, options, message):
    if content is not None:
        (tmp_path / "data.csv").write_text(content)
    assert message in fails("train", tmp_path / "data.csv", "--quiet", *options)


def test_train_refuses_a_test_fraction_where_the_source_has_a_test_part(fails):
    assert "has a test part of its own" in fails("train", "digits", "--test-fraction", "0.1")


def test_train_that_diverges_fails_and_saves_nothing(fails, tmp_path):
    out = tmp_path / "net.safetensors"
    err = fails("train", "digits", "--activation", "identity", "--learning-rate", "1e300", "--out", out, code=1)
    assert "no longer finite" in err and "--learning-rate below 1e+300" in err
    assert not out.exists()


def test_ctrl_c_saves_the_net_so_far_and_exits_with_130(monkeypatch, capsys, tmp_path):
    def interrupted_fit(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(fn.Network, "fit", interrupted_fit)
    assert main(["train", "digits", "--out", str(tmp_path / "net.safetensors")]) == 130
    assert "saved" in capsys.readouterr().err
    assert fn.load(tmp_path / "net.safetensors").sizes == (64, 30, 10)


def test_train_keeps_what_it_reads_and_says_so_before_training(fails, iris, monkeypatch, tmp_path):
    monkeypatch.setattr(fn.Network, "fit", lambda *args, **options: pytest.fail("trained"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.csv").symlink_to(iris)
    for out in (iris, "./iris.csv", "link.csv"):
        assert "a path of its own" in fails("train", iris, "--out", out)
    assert iris.read_text() == IRIS_LIKE
    assert "is a directory" in fails("train", iris, "--out", tmp_path)

    for name, values in ("images-idx3", np.zeros((4, 1, 2), np.uint8)), ("labels-idx1", np.arange(4, dtype=np.uint8)):
        header = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
        (tmp_path / f"train-{name}-ubyte").write_bytes(header + values.tobytes())
    assert "a path of its own" in fails("train", tmp_path, "--out", "train-images-idx3-ubyte")


# --- predict


def test_predict_prints_outputs_that_read_back_as_the_same_numbers(run, model, tmp_path):
    path, net = model
    X = np.random.default_rng(0).random((5, 2))
    np.savetxt(tmp_path / "x.csv", X, delimiter=",")
    np.savez(tmp_path / "x.npz", X=X)
    expected = net.predict(X)
    for name in ("x.csv", "x.npz"):
        printed = np.loadtxt(io.StringIO(run("predict", path, tmp_path / name)), delimiter=",")
        assert_array_equal(printed, expected)
    assert report(run("predict", path, tmp_path / "x.csv", "--json"))["outputs"] == expected.tolist()


def test_predict_prints_labels_from_standard_input(run, model, monkeypatch):
    path, net = model
    monkeypatch.setattr(sys, "stdin", io.StringIO("a,b\n0.5,1\n-2,3\n"))
    labels = net.classify([[0.5, 1], [-2, 3]]).tolist()
    assert run("predict", path, "-", "--classes") == "".join(f"{label}\n" for label in labels)
    monkeypatch.setattr(sys, "stdin", io.StringIO("0.5,1\n-2,3\n"))
    assert report(run("predict", path, "-", "--classes", "--json"))["labels"] == labels


def test_predict_leaves_the_label_column_out_and_writes_to_a_file(run, model, iris, tmp_path):
    path, net = model
    out = tmp_path / "out.csv"
    assert run("predict", path, iris, "--label-column", "kind", "--out", out) == ""
    X, _ = datasets.read_csv(iris)
    assert_array_equal(np.loadtxt(out, delimiter=","), net.predict(X))


@pytest.mark.parametrize("content, options, message", [
    ("1,2,3\n", [], "x.csv: 3 numbers in a row, but"),
    ("1,b\n", [], "row 1, column 2"),
    (None, [], "x.csv: No such file"),
])
def test_predict_says_what_is_wrong_with_its_input(fails, model, tmp_path, content, options, message):
    if content is not None:
        (tmp_path / "x.csv").write_text(content)
    assert message in fails("predict", model[0], tmp_path / "x.csv", *options)


def test_predict_says_which_arrays_an_npz_file_should_have(fails, model, tmp_path):
    np.savez(tmp_path / "x.npz", a=np.eye(2), b=np.eye(2))
    assert "found arrays a, b; expected x, data or x_test" in fails("predict", model[0], tmp_path / "x.npz")


def test_predict_that_cannot_write_fails_with_exit_code_1(fails, model, iris, tmp_path):
    fails("predict", model[0], iris, "--label-column", "kind", "--out", tmp_path / "no" / "out.csv", code=1)


def test_predict_keeps_what_it_reads(fails, model, iris):
    path, before = model[0], model[0].read_bytes()
    for out in (path, iris):
        assert "a path of its own" in fails("predict", path, iris, "--label-column", "kind", "--out", out)
    assert path.read_bytes() == before and iris.read_text() == IRIS_LIKE


# --- export


def test_export_writes_the_files_that_the_net_writes(run, model, tmp_path):
    path, net = model
    assert run("export", path, "--c", tmp_path / "a.c", "--header", tmp_path / "a.h", "--name", "first") == ""
    assert run("export", path, "--fortran", tmp_path / "a.f90", "--selftest", tmp_path / "t.f90", "--c", tmp_path / "b.c") == ""
    net.export_c(tmp_path / "c.c", name="first", header=tmp_path / "c.h")
    net.export_fortran(tmp_path / "c.f90", name="a", selftest=tmp_path / "u.f90")
    for written, expected in (("a.c", "c.c"), ("a.h", "c.h"), ("a.f90", "c.f90"), ("t.f90", "u.f90")):
        assert (tmp_path / written).read_text() == (tmp_path / expected).read_text()
    assert "void b_value(" in (tmp_path / "b.c").read_text()


@pytest.mark.parametrize("options, message", [
    ([], "give --c FILE, --fortran FILE or both"),
    (["--header", "x.h", "--fortran", "x.f90"], "--header goes with --c"),
    (["--selftest", "x.f90", "--c", "x.c"], "--selftest goes with --fortran"),
    (["--c", "x", "--fortran", "x"], "a path of its own"),
    (["--c", "net.safetensors"], "a path of its own"),
    (["--c", "x.c", "--name", "2x"], "name must be an identifier"),
])
def test_export_says_what_is_wrong_and_writes_nothing(fails, model, monkeypatch, options, message):
    path, net = model
    monkeypatch.chdir(path.parent)
    before = sorted(path.parent.iterdir()), path.read_bytes()
    assert message in fails("export", path, *options)
    assert (sorted(path.parent.iterdir()), path.read_bytes()) == before


def test_export_that_cannot_write_fails_with_exit_code_1(fails, model, tmp_path):
    message = fails("export", model[0], "--c", tmp_path / "no" / "net.c", code=1)
    assert f"{tmp_path / 'no'}: No such directory" in message and "Errno" not in message
    assert "No such file" in fails("export", tmp_path / "none", "--c", tmp_path / "net.c")


# --- info, check, config


def test_info_describes_the_net(run, model):
    out = run("info", model[0])
    assert "2-3-2" in out and "sigmoid, sigmoid" in out and "17" in out and "ok" in out
    found = report(run("info", model[0], "--json"))
    assert found["sizes"] == [2, 3, 2] and found["n_parameters"] == 17 and found["checksum_ok"] is True


def test_info_of_a_damaged_file_fails_with_exit_code_1(run, model):
    path, _ = model
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    assert "damaged" in run("info", path, code=1)
    assert report(run("info", path, "--json", code=1))["checksum_ok"] is False


@pytest.mark.parametrize("command", ["info", "predict"])
def test_a_model_that_is_no_net_or_is_not_there_is_bad_input(fails, tmp_path, iris, command):
    rest = [iris] if command == "predict" else []
    assert "iris.csv" in fails(command, iris, *rest)
    assert "No such file" in fails(command, tmp_path / "none", *rest)


def test_check_passes_and_covers_both_precisions_and_every_activation(run):
    found = report(run("check", "--json"))
    assert found["ok"] and all(check["ok"] for check in found["checks"])
    assert {check["dtype"] for check in found["checks"]} == {"float64", "float32"}
    used = {check[key] for check in found["checks"] for key in ("activation", "output")}
    assert used >= set(reference.ACTIVATIONS) - {"softmax"}
    assert f"all {len(found['checks'])} checks passed" in run("check")


def test_check_fails_when_a_gradient_is_wrong(run, monkeypatch):
    gradient = reference.gradient

    def wrong_gradient(*args, **kwargs):
        right = gradient(*args, **kwargs)
        right.nabla_b[-1][0] *= 1.001
        return right

    monkeypatch.setattr(reference, "gradient", wrong_gradient)
    assert "FAIL" in run("check", code=1)
    assert report(run("check", "--json", code=1))["ok"] is False


def test_check_fails_when_an_epoch_is_wrong(run, monkeypatch):
    sgd_epoch = reference.sgd_epoch

    def wrong_epoch(w, b, X, Y, eta, *args, **kwargs):
        return sgd_epoch(w, b, X, Y, 1.001 * eta, *args, **kwargs)

    monkeypatch.setattr(reference, "sgd_epoch", wrong_epoch)
    found = report(run("check", "--json", code=1))
    assert not any(check["ok"] for check in found["checks"] if check["dtype"] == "float64")


def test_check_fails_when_there_is_no_number():
    assert np.isnan(_cli_check._error(np.array([np.nan, 1.0]), np.array([1.0, 1.0]), "float64"))


def test_config_prints_something(run):
    assert run("config").strip()


# --- as a process


def fastnet(*argv, **options):
    return subprocess.run([sys.executable, "-m", "fastnet", *map(str, argv)], capture_output=True, text=True,
                          timeout=120, **options)


def test_the_process_returns_the_exit_code_and_keeps_stdout_for_results(tmp_path):
    done = fastnet("train", "digits", *QUICK, "--json", "--out", "net.safetensors", cwd=tmp_path)
    assert done.returncode == 0 and report(done.stdout)["out"] == "net.safetensors"
    assert "epoch 2/2" in done.stderr

    X = datasets.digits().x_test[:2]
    rows = "\n".join(",".join(map(repr, row)) for row in X.tolist())
    done = fastnet("predict", "net.safetensors", "-", input=rows, cwd=tmp_path)
    assert done.returncode == 0
    assert_allclose(np.loadtxt(io.StringIO(done.stdout), delimiter=","), fn.load(tmp_path / "net.safetensors")(X))

    done = fastnet("train", "nothing", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("fastnet: error: no such file") and done.stdout == ""


@pytest.mark.skipif(os.name != "posix", reason="pipes that break, as POSIX has them")
def test_a_reader_that_leaves_early_is_met_without_a_traceback(tmp_path, model):
    (tmp_path / "x.csv").write_text("0.5,1\n" * 50_000)
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}    # it hides the break
    with subprocess.Popen([sys.executable, "-m", "fastnet", "predict", model[0], tmp_path / "x.csv"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=buffered) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_train_takes_a_cost_with_its_parameters_and_the_file_keeps_it(run, tmp_path):
    out = tmp_path / "net.safetensors"
    found = report(run("train", "digits", "--epochs", "3", "--seed", "0", "--learning-rate", "0.1", "--output", "softmax", "--no-compare-reference",
                       "--cost", "categorical_cross_entropy(ignore_nan=True)", "--json", "--quiet", "--out", out))
    assert found["cost"] == "categorical_cross_entropy(ignore_nan=True)" and found["accuracy"] > 0.5
    assert fn.load(out).cost_function == fn.costs.CategoricalCrossEntropy(ignore_nan=True)
    assert found["cost"] in run("info", out)


def test_train_makes_two_outputs_a_target_where_the_cost_wants_means_and_variances(run, tmp_path):
    table = tmp_path / "curve.csv"
    table.write_text("".join(f"{x / 10},{(x / 10)**2}\n" for x in range(40)))
    found = report(run("train", table, "--numbers", "--cost", "gaussian_nll", "--learning-rate", "0.01", "--json", "--quiet"))
    assert found["sizes"] == [1, 30, 2] and found["cost"] == "gaussian_nll"


@pytest.mark.parametrize("cost, message", [("hubert", "did you mean 'huber'"), ("huber(width=1)", "no parameter 'width'")])
def test_train_refuses_a_cost_that_there_is_not(fails, cost, message):
    assert message in fails("train", "digits", "--cost", cost)


@pytest.mark.parametrize("options", [["--optimizer", "adam", "--l2", "1e-4", "--dropout", "0.1", "--schedule", "cosine", "--learning-rate", "0.02"],
                                     ["--optimizer", "lbfgs", "--epochs", "60", "--cost", "cross_entropy"], ["--patience", "2", "--schedule", "plateau", "--threads", "1"]], ids=str)
def test_train_takes_the_options_of_fit(options, capsys):
    assert main(["train", "digits", "--epochs", "6", "--seed", "0", "--json", "--quiet", *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["accuracy"] > 0.7 and report["reference"] is None


def test_train_refuses_a_bad_option_of_fit(capsys):
    assert main(["train", "digits", "--quiet", "--dropout", "1.5"]) == 2
    assert main(["train", "digits", "--quiet", "--optimizer", "adan"]) == 2
    assert "did you mean 'adam'" in capsys.readouterr().err


# --- profile and bench


@pytest.fixture
def short(monkeypatch, tmp_path):
    from fastnet import _measure, _model, _roof
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(_measure, "SECONDS", 1e-5)
    monkeypatch.setattr(_roof, "SECONDS", 1e-4)
    monkeypatch.setattr(_roof, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(_model, "_kept", {})
    monkeypatch.setattr(_model, "CALIBRATION", [((10, 20, 3), 1), ((10, 20, 3), 10)])


def test_profile_prints_explanation_and_table_and_writes_what_it_is_asked_to(run, short, model, tmp_path):
    path, _ = model
    out = run("profile", path, "--batch", 5, "--dtype", "float32", "--trace", tmp_path / "trace.json")
    assert "path minibatch, batch 5, float32" in out and "ms on the clock" in out and "fit minibatch [2, 3, 2] float32 batch 5" in out
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    found = report(run("profile", "--sizes", 10, 20, 1, "--density", 0.2, "--json"))
    assert found["explain"]["layers"][0]["forward"] == "nonzeros" and found["profile"]["rows"]


def test_profile_draws(run, short, tmp_path):
    pytest.importorskip("matplotlib")
    run("profile", "--sizes", 3, 4, 2, "--plot", tmp_path / "profile.png")
    assert (tmp_path / "profile.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("argv, message", [
    ([], "give either MODEL or --sizes"),
    (["net.safetensors", "--sizes", "2", "1"], "give either MODEL or --sizes"),
    (["nowhere.safetensors"], "nowhere.safetensors: No such file"),
    (["--sizes", "2", "zero"], "--sizes: expected a whole number from 1; got 'zero'"),
    (["--sizes", "2", "1", "--density", "2"], "--density: expected a number above 0, at most 1; got 2.0"),
    (["--sizes", "2", "1", "--activation", "step"], "activation must be"),
])
def test_what_profile_is_not_given_rightly_is_named(fails, argv, message):
    assert message in fails("profile", *argv)


def test_profile_keeps_the_net_it_reads(fails, model):
    path, before = model[0], model[0].read_bytes()
    assert "a path of its own" in fails("profile", path, "--trace", path)
    assert "a path of its own" in fails("profile", path, "--plot", path)
    assert "a path of its own" in fails("profile", path, "--plot", "x", "--trace", "x")
    assert path.read_bytes() == before


def test_profile_writes_no_half_trace(fails, short, tmp_path):
    message = fails("profile", "--sizes", 2, 3, 1, "--trace", tmp_path / "no" / "trace.json", code=1)
    assert "No such directory" in message and not (tmp_path / "no").exists()


def test_bench_measures_in_a_process_with_one_thread_in_every_pool(monkeypatch):
    pytest.importorskip("threadpoolctl")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.setenv("XLA_FLAGS", "--xla_mine")
    before = dict(os.environ)
    code = ("import json, os, scipy.linalg.cython_blas, threadpoolctl\n"
            "print(json.dumps([[pool['num_threads'] for pool in threadpoolctl.threadpool_info()], os.environ['XLA_FLAGS'],\n"
            "                  len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else 1]))")
    pools, flags, processors = json.loads(_cli_bench.in_one_thread(code))
    assert pools and set(pools) == {1} and processors == 1 and flags == "--xla_mine --xla_cpu_multi_thread_eigen=false"
    assert os.environ == before


def test_bench_measures_in_that_process(fails, run, monkeypatch):
    codes = []
    monkeypatch.setattr(_cli_bench, "measure", lambda quick: pytest.fail("measured here"))
    monkeypatch.setattr(_cli_bench, "in_one_thread", lambda code: codes.append(code) or '{"config": {"level": "x"}, "results": []}')
    assert "one thread" in run("bench") and "one thread" in run("bench", "--quick")
    assert "measure(False)" in codes[0] and "measure(True)" in codes[1]
    monkeypatch.undo()
    monkeypatch.setattr(_cli_bench, "STARTED", "raise SystemExit(3)\n")
    assert "exit code 3" in fails("bench", "--quick", code=1)


def test_bench_compares_what_is_installed(run):
    found = report(run("bench", "--quick", "--json"))
    assert [result["sizes"] for result in found["results"]] == [[784, 30, 10], [10, 64, 64, 1]]
    for result in found["results"]:
        assert not result["wrong"] and {"fastnet", "BLAS", "numpy"} <= result["step_us"].keys()
        assert all(time > 0 for time in result["step_us"].values())
    assert "fastnet ahead" in run("bench", "--quick")


# -- data as users have them --------------------------------------------------

@pytest.fixture
def table(tmp_path):
    """Two well separated classes far from 1, as columns."""
    rng = np.random.default_rng(0)
    kind = np.arange(80) % 2
    columns = {"length": 1000 + 100 * kind + 5 * rng.standard_normal(80), "kind": np.array(["Iris, setosa", "virginica"])[kind],
               "width": 1e-3 * (kind + 0.1 * rng.standard_normal(80))}
    return columns


def as_text(columns, delimiter=",", head=True):
    lines = [delimiter.join(columns)] * head
    return "\n".join(lines + [delimiter.join(f'"{cell}"' if isinstance(cell, str) else repr(float(cell)) for cell in row)
                              for row in zip(*columns.values())]) + "\n"


def write_table(columns, kind, path):
    if kind == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet
        parquet.write_table(pyarrow.table(columns), path)
    elif kind == "csv.gz":
        import gzip
        path.write_bytes(gzip.compress(as_text(columns).encode()))
    elif kind == "npz":
        np.savez(path, x=np.stack([columns["length"], columns["width"]], 1), y=columns["kind"])
    else:
        path.write_text(as_text(columns))


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "npz"])
def test_a_table_is_scaled_learned_and_predicted_by_the_names_of_its_classes(run, tmp_path, table, kind):
    path, out = tmp_path / f"table.{kind}", tmp_path / "net.safetensors"
    write_table(table, kind, path)
    column = [] if kind == "npz" else ["--label-column", "kind"]
    found = report(run("train", path, *column, "--scale", "standardize", "--hidden", "4", "--seed", "1", "--epochs", "60", "--json",
                       "--quiet", "--out", out))
    assert found["accuracy"] == 1 and found["scale"] == "standardize"
    net = fn.load(out)
    assert net.classes == ("Iris, setosa", "virginica") and net.scaling.inputs is not None
    lines = run("predict", out, path, "--classes", *column).splitlines()
    assert [line.strip('"') for line in lines] == table["kind"].tolist() and lines[0] == '"Iris, setosa"'
    labels = report(run("predict", out, path, "--classes", "--json", *column))["labels"]
    assert labels == table["kind"].tolist()
    text = run("info", out)
    assert "inputs 2" in text and "Iris, setosa, virginica" in text


def test_labels_that_are_bools_come_back_as_bools(run, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet
    x = np.random.default_rng(0).random(60)
    pyarrow.parquet.write_table(pa.table({"a": x, "k": pa.array((x > 0.5).tolist())}), tmp_path / "b.parquet")
    assert "0=False 1=True" in run("train", tmp_path / "b.parquet", *QUICK, "--out", tmp_path / "net.safetensors")
    assert fn.load(tmp_path / "net.safetensors").classes == (False, True)
    assert set(run("predict", tmp_path / "net.safetensors", tmp_path / "b.parquet", "--label-column", "k", "--classes").split()) <= {"False", "True"}


def test_whole_number_labels_come_back_as_they_were(run, tmp_path):
    path, out = tmp_path / "table.csv", tmp_path / "net"
    path.write_text("".join(f"{i / 40},{7 if i < 20 else 12}\n" for i in range(40)))
    run("train", path, *QUICK, "--out", out)
    assert fn.load(out).classes == (7, 12)
    assert set(run("predict", out, path, "--label-column", "1", "--classes").split()) <= {"7", "12"}


def test_quantities_are_scaled_too_and_come_back_in_their_units(run, tmp_path):
    path, out = tmp_path / "curve.csv", tmp_path / "net"
    path.write_text("".join(f"{x},{3000 + 2 * x}.5\n" for x in range(500, 700)))
    run("train", path, "--scale", "minmax", "--optimizer", "adam", "--epochs", "200", "--seed", "1", "--activation", "tanh", "--quiet", "--out", out)
    outputs = np.array(run("predict", out, path, "--label-column", "1").split(), float)
    assert np.abs(outputs - (3000.5 + 2 * np.arange(500, 700))).max() < 30


def test_header_and_delimiter_can_be_told(run, fails, tmp_path):
    path, out = tmp_path / "numbers.txt", tmp_path / "net"
    path.write_text("10|20|30\n" + "".join(f"{i % 2}|{i}|{i % 2}\n" for i in range(20)))       # a header of numbers
    found = report(run("train", path, "--header", "yes", "--delimiter", "|", *QUICK, "--json", "--out", out, "--test-fraction", "0"))
    assert found["train_rows"] == 20 and found["classes"] == [0, 1]
    assert len(run("predict", out, path, "--header", "yes", "--label-column", "1").splitlines()) == 20
    assert "no column is named 'kind'" in fails("train", path, "--header", "yes", "--label-column", "kind")
    tabs = tmp_path / "tabs.txt"
    tabs.write_text("".join(f"{i % 2}\t{i}\t{i % 2}\n" for i in range(20)))
    run("train", tabs, "--delimiter", "tab", "--header", "no", *QUICK)
    assert "expected auto, yes or no; got 'perhaps'" in fails("train", path, "--header", "perhaps")
    assert "expected one character" in fails("train", path, "--delimiter", "::")


@pytest.mark.parametrize("cell, message", [
    ("", "row 82, column 1: expected a number, found ''"), ("oops", "row 82, column 1: expected a number, found 'oops'"),
    ("nan", "row 82, column 1: expected a finite number, found 'nan'"), ("-inf", "row 82, column 1: expected a finite number, found '-inf'")])
def test_a_bad_cell_in_the_last_row_of_a_csv_file_is_found_before_training(fails, tmp_path, table, cell, message, monkeypatch):
    monkeypatch.setattr("fastnet.network.Network.fit", None)
    path = tmp_path / "table.csv"
    path.write_text(as_text(table) + f"{cell},virginica,1.0\n")
    assert message in fails("train", path, "--label-column", "kind", *QUICK)


def test_a_bad_target_in_the_last_row_is_found_too(fails, tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("x,y\n" + "".join(f"{i},{i}.5\n" for i in range(30)) + "31,inf\n")
    assert "row 32, column 2: expected a label, found 'inf'" in fails("train", path, "--numbers", *QUICK)


def test_a_bad_value_in_the_last_row_of_other_files_is_found_too(fails, tmp_path, table):
    X = np.stack([table["length"], table["width"]], 1)
    X[-1, 1] = np.nan
    np.savez(tmp_path / "table.npz", x=X, y=np.arange(80) % 2)
    assert "x_train: row 80, column 2 is nan; expected finite numbers" in fails("train", tmp_path / "table.npz", *QUICK)
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet
    path = tmp_path / "table.parquet"
    parquet.write_table(pyarrow.table({"x": pyarrow.array([1.0] * 9 + [None]), "kind": ["a", "b"] * 5}), path)
    assert "row 10, column 'x': the cell is empty" in fails("train", path, *QUICK)
    parquet.write_table(pyarrow.table({"x": ["u"] * 10, "kind": ["a", "b"] * 5}), path)
    assert "column 'x' must hold numbers; it holds string, such as 'u'" in fails("train", path, *QUICK)
    path.write_bytes(b"PAR1 no")
    assert "not a Parquet file, or damaged" in fails("train", path, *QUICK)


@pytest.mark.parametrize("kind", ["csv", "npz"])
@pytest.mark.parametrize("options", [(), ("--scale", "standardize"), ("--patience", "2"), ("--test-fraction", "0")], ids=str)
def test_a_number_too_large_for_the_net_is_found_before_training_by_its_row_in_the_file(kind, options, fails, tmp_path):
    X, y = np.random.default_rng(0).random((80, 3)), np.arange(80) % 2
    X[-1, 1] = -1e300
    path = tmp_path / f"table.{kind}"
    if kind == "csv":
        np.savetxt(path, np.column_stack([X, y]), delimiter=",")
    else:
        np.savez(path, x=X, y=y)
    says = f"{path}: x_train: row 80, column 2 is -1e+300, too large for float32"
    assert says in fails("train", path, *QUICK, "--dtype", "float32", *options)
    X[-1, 1], y = 1, y * 1e39
    np.savez(tmp_path / "y.npz", x=X, y=y)
    assert "y_train: row 2 is 1e+39, too large for float32" in fails("train", tmp_path / "y.npz", *QUICK, "--dtype", "float32", "--numbers", *options)


def test_parquet_without_pyarrow_says_so(fails, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "table.parquet"
    path.write_bytes(b"PAR1")
    assert "Parquet files need pyarrow, which is not installed" in fails("train", path, *QUICK)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_images_of_an_idx_file_are_predicted_as_they_were_learned(run, tmp_path, suffix):
    import gzip
    import struct
    pack = gzip.compress if suffix else bytes
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (30, 2, 2), np.uint8), (np.arange(30) % 3).astype(np.uint8)
    (tmp_path / f"train-images-idx3-ubyte{suffix}").write_bytes(pack(bytes([0, 0, 8, 3]) + struct.pack(">3I", 30, 2, 2) + images.tobytes()))
    (tmp_path / f"train-labels-idx1-ubyte{suffix}").write_bytes(pack(bytes([0, 0, 8, 1]) + struct.pack(">I", 30) + labels.tobytes()))
    for options, X in (([], images.reshape(30, 4) / 255), (["--scale", "minmax"], images.reshape(30, 4))):
        run("train", tmp_path, *QUICK, *options, "--out", tmp_path / "net")
        text = run("predict", tmp_path / "net", tmp_path / f"train-images-idx3-ubyte{suffix}")
        assert_allclose(np.array([line.split(",") for line in text.split()], float), fn.load(tmp_path / "net")(X), rtol=1e-12)


def test_a_scale_that_there_is_not_is_refused(fails, iris):
    assert "scale must be one of standardize, minmax, maxabs; got 'log'" in fails("train", iris, "--scale", "log", *QUICK)
