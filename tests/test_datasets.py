"""Data sets: what is read is what was written, and what cannot be read is named, with its place."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from fastnet import datasets
from fastnet.datasets import csv_files

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(values):
    code = IDX_CODES[values.dtype.str[1:]]
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def write(tmp_path):
    """Write a file into a fresh directory and return its path."""
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
    return write


# --- digits


def test_digits_have_the_documented_shapes_types_and_range():
    x_train, y_train, x_test, y_test = datasets.digits()
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == ((1437, 64), (1437,), (360, 64), (360,))
    assert x_train.dtype == x_test.dtype == np.float64
    assert y_train.dtype == y_test.dtype == np.int64
    assert x_train.min() == 0 and x_train.max() == 1
    assert_array_equal(x_train * 16, np.round(x_train * 16))


def test_digits_are_split_with_each_digit_in_proportion():
    split = datasets.digits()
    train, test = np.bincount(split.y_train), np.bincount(split.y_test)
    assert_array_equal(train + test, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])    # as UCI documents them
    assert np.abs(test - (train + test) * 360 / 1797).max() < 1


def test_digits_can_be_changed_without_changing_the_next_copy():
    datasets.digits().x_train[:] = -1
    assert datasets.digits().x_train.min() == 0


# --- IDX


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("dtype", IDX_CODES)
def test_read_idx_returns_what_was_written(write, dtype, compress):
    values = np.arange(24, dtype=dtype).reshape(2, 3, 4) - np.array(5, dtype)
    read = datasets.read_idx(write("values.any", compress(idx_bytes(values))))
    assert read.dtype == np.dtype(dtype) and read.dtype.isnative
    assert_array_equal(read, values)


def test_read_idx_reads_an_empty_array(write):
    assert datasets.read_idx(write("none", idx_bytes(np.empty((0, 28, 28), "u1")))).shape == (0, 28, 28)


LABELS = idx_bytes(np.arange(5, dtype="u1"))
CLAIMS_4_BILLION_ROWS = struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 28, 28) + bytes(4)


@pytest.mark.parametrize("content, message", [
    (b"", "an empty file"),
    (b"\x89PNG....", "not an IDX file"),
    (b"\0\0\x07\x01" + bytes(8), "unknown IDX type 0x07"),
    (b"\0\0\x08\x00", "no dimensions"),
    (b"\0\0\x08\x03\0\0", "ends inside its header"),
    (LABELS[:-1], r"shape \(5,\) of uint8, 5 bytes; the file holds at most 4"),
    (LABELS + b"!", "goes on after"),
    (CLAIMS_4_BILLION_ROWS, "holds at most 4"),
    (gzip.compress(CLAIMS_4_BILLION_ROWS), "holds at most"),
    (gzip.compress(LABELS[:-1]), "ends after 4"),
    (gzip.compress(LABELS + b"!"), "goes on after"),
    (gzip.compress(LABELS)[:-9], "damaged gzip file"),
    (gzip.compress(LABELS)[:-8] + bytes(8), "damaged gzip file"),
    (b"\x1f\x8b nothing of the kind", "damaged gzip file"),
    (struct.pack(">BBBB3I", 0, 0, 8, 3, 0, 2**32 - 1, 2**32 - 1), "NumPy has no array of shape"),
    (struct.pack(">BBBB255I", 0, 0, 8, 255, *[1] * 255) + b"!", "NumPy has no array of shape"),
], ids=str)
def test_read_idx_names_the_file_and_what_is_wrong_with_it(write, content, message):
    with pytest.raises(ValueError, match=message) as raised:
        datasets.read_idx(write("broken-idx", content))
    assert "broken-idx" in str(raised.value)


def test_read_idx_unpacks_no_more_of_a_gzip_bomb_than_its_header_claims(write, monkeypatch):
    bomb = write("bomb.gz", gzip.compress(LABELS + bytes(50_000_000)))
    unpacked = 0
    read = gzip.GzipFile.read

    def counting_read(self, size=-1):
        nonlocal unpacked
        data = read(self, size)
        unpacked += len(data)
        return data

    monkeypatch.setattr(gzip.GzipFile, "read", counting_read)
    with pytest.raises(ValueError, match="goes on after"):
        datasets.read_idx(bomb)
    assert unpacked == len(LABELS) + 1


@given(st.binary(max_size=64))
def test_read_idx_raises_nothing_but_value_error_on_any_bytes(tmp_path_factory, tail):
    path = tmp_path_factory.getbasetemp() / "fuzz-idx"
    path.write_bytes(b"\0\0" + tail)
    try:
        datasets.read_idx(path)
    except ValueError as error:
        assert "fuzz-idx" in str(error)


IMAGES = np.arange(2 * 3 * 2, dtype="u1").reshape(2, 3, 2) * 20


TRAIN = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]


def mnist_like(write, names, images=IMAGES, labels=np.array([7, 3], "u1")):
    for name in names:
        content = idx_bytes(images if "images" in name else labels)
        write(name, gzip.compress(content) if name.endswith(".gz") else content)


@pytest.mark.parametrize("spelling", ["{}-{}-idx{}-ubyte", "{}-{}-idx{}-ubyte.gz", "{}-{}.idx{}-ubyte"])
@pytest.mark.parametrize("prefix, test", [("", "t10k"), ("emnist-digits-", "test")])
def test_read_idx_directory_knows_the_names_of_mnist_and_its_relatives(write, tmp_path, spelling, prefix, test):
    write("README.txt", "not data")
    mnist_like(write, [prefix + spelling.format(part, kind, ndim)
                       for part in ("train", test) for kind, ndim in (("images", 3), ("labels", 1))])
    split = datasets.read_idx_directory(tmp_path)
    assert_array_equal(split.x_train, IMAGES.reshape(2, 6))
    assert split.x_train.dtype == np.uint8 and split.y_train.dtype == np.int64
    assert split.y_test.tolist() == [7, 3]


def test_read_idx_directory_scales_pixels_on_request_and_has_no_test_part_where_there_is_none(write, tmp_path):
    mnist_like(write, TRAIN)
    split = datasets.read_idx_directory(tmp_path, scale=True)
    assert_array_equal(split.x_train, IMAGES.reshape(2, 6) / 255)
    assert split.x_test is None and split.y_test is None


def test_read_idx_directory_takes_the_plain_file_when_its_compressed_copy_lies_beside_it(write, tmp_path):
    mnist_like(write, TRAIN)
    write("train-images-idx3-ubyte.gz", b"never opened")
    assert len(datasets.read_idx_directory(tmp_path).x_train) == 2


@pytest.mark.parametrize("names, options, message", [
    ([], {}, "no train images and no train labels; .* found no IDX files"),
    (["train-labels-idx1-ubyte"], {}, "no train images; .* found train-labels-idx1-ubyte"),
    (TRAIN + ["t10k-labels-idx1-ubyte"], {}, "must come together"),
    (["a-train-images-idx3-ubyte", "b-train-images-idx3-ubyte"], {}, "two files hold the train images"),
    (TRAIN, {"labels": np.array([1, 2, 3], "u1")}, "2 images, .* 3 lab"),
    (TRAIN, {"labels": np.array([1, 2], "f4")}, "labels must be integers"),
    (TRAIN, {"images": np.array([1, 2], "u1")}, "images must have shape"),
    (TRAIN, {"images": IMAGES.astype("f4")}, "for 8-bit images"),
])
def test_read_idx_directory_says_what_it_misses(write, tmp_path, names, options, message):
    mnist_like(write, names, **options)
    with pytest.raises(ValueError, match=message):
        datasets.read_idx_directory(tmp_path, scale=True)


# --- npz


@pytest.mark.parametrize("names", [("x_train", "y_train"), ("X_Train", "Y_TRAIN"), ("X", "Y"), ("data", "target")])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_read_npz_takes_the_usual_names_in_any_case(tmp_path, names, save):
    path = tmp_path / "a.npz"
    save(path, **{names[0]: IMAGES, names[1]: np.array([[0], [1]], "u1"), "extra": [1]})
    x, y, x_test, y_test = datasets.read_npz(path)
    assert_array_equal(x, IMAGES.reshape(2, 6))
    assert x.dtype == np.uint8 and y.dtype == np.int64 and y.tolist() == [0, 1]
    assert x_test is None and y_test is None


def test_read_npz_reads_a_test_part_targets_and_words(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x_train=np.eye(3), y_train=np.ones((3, 2)), x_test=np.eye(3)[:1], y_test=np.ones((1, 2)))
    split = datasets.read_npz(path)
    assert split.y_train.shape == (3, 2) and split.y_test.shape == (1, 2) and split.y_train.dtype == np.float64
    np.savez(path, x=np.eye(2), y=["no", "yes"])
    assert datasets.read_npz(path).y_train.tolist() == ["no", "yes"]


@pytest.mark.parametrize("arrays, message", [
    ({"images": [[1]], "labels": [1]}, "found arrays images, labels; expected x_train and y_train"),
    ({}, "found arrays none"),
    ({"x_train": [[1]], "y_train": [1], "x_test": [[1]]}, "x_test and y_test must come together"),
    ({"x": [[1]], "X": [[1]], "y": [1]}, "differ only in case"),
    ({"x": [1, 2], "y": [1, 2]}, r"x must have shape \(m, n\), one sample per row; got shape \(2,\)"),
    ({"x": [[1j]], "y": [1]}, "x must hold real numbers; got complex128"),
    ({"x": [[1]], "y": [1, 2]}, "y must have a row for each of the 1 rows"),
    ({"x": [[1]], "y": [1j]}, "y must hold numbers or text"),
    ({"x": np.array([[{}]]), "y": [1]}, "Object arrays cannot be loaded"),
    ({"x_train": [[1]], "y_train": [1], "x_test": [[1, 2]], "y_test": [1]}, "differ in width: 1 and 2"),
])
def test_read_npz_says_what_is_wrong(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message) as raised:
        datasets.read_npz(tmp_path / "a.npz")
    assert "a.npz" in str(raised.value)


def test_read_npz_believes_no_claim_the_file_cannot_hold(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**32, 784)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", header.getvalue() + bytes(8))
        file.writestr("y.npy", header.getvalue() + bytes(8))
    with pytest.raises(ValueError, match="the file holds 8"):
        datasets.read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("damage", [
    lambda b: b[:-30], lambda b: b"PK\3\4" + bytes(40), lambda b: b"hello", lambda b: b"",
    lambda b: b[:60] + bytes(100) + b[160:],
], ids=["truncated", "zip magic alone", "text", "empty", "zeros inside"])
def test_read_npz_names_a_damaged_file(tmp_path, write, damage):
    np.savez_compressed(tmp_path / "a.npz", x=np.random.default_rng(0).random((20, 3)), y=np.arange(20))
    with pytest.raises(ValueError, match="b.npz"):
        datasets.read_npz(write("b.npz", damage((tmp_path / "a.npz").read_bytes())))


# --- csv


@pytest.mark.parametrize("content, options", [
    ("1,2,0\n3,4,1\n", {}),
    ("1,2,0\n3,4,1", {}),
    ("a,b,y\n1,2,0\n3,4,1\n", {}),
    ("\ufeffa,b,y\r\n1,2,0\r\n\r\n3,4,1\r\n", {}),
    ("1,2,0\r3,4,1\r", {}),
    ('"a","b,c","y"\n"1",2,0\n3,4,"1"\n', {}),
    ("\n\n1;2;0\n3;4;1\n", {}),
    ("1\t2\t0\n3\t4\t1\n", {}),
    ("1|2|0\n3|4|1\n", {}),
    ("  1  2 0 \n 3 4   1\n", {}),
    (" 1 , 2 , 0\n3, 4, 1\n", {}),
    ("0,1,2\n1,3,4\n", {"label_column": 0}),
    ("1,0,2\n3,1,4\n", {"label_column": -2}),
    ("a,b,kind\n1,2,0\n3,4,1\n", {"label_column": "kind"}),
    ("5,6,7\n1,2,0\n3,4,1\n", {"header": True}),
    ("5,6,kind\n1,2,0\n3,4,1\n", {"label_column": "kind"}),
    ("1:2:0\n3:4:1\n", {"delimiter": ":"}),
], ids=repr)
def test_read_csv_finds_its_way_through_the_usual_spellings(write, content, options):
    for path in (write("a.csv", content), write("a.csv.gz", gzip.compress(content.encode()))):
        X, y = datasets.read_csv(path, **options)
        assert X.dtype == np.float64 and X.tolist() == [[1, 2], [3, 4]]
        assert y.dtype == np.int64 and y.tolist() == [0, 1]


@pytest.mark.parametrize("labels, expected", [
    (["2", "-1"], np.array([2, -1])),
    (["2.0", "1e2"], np.array([2, 100])),
    (["0.5", "1"], np.array([0.5, 1.0])),
    (["1e300", "1"], np.array([1e300, 1.0])),
    (["yes", "no"], np.array(["yes", "no"])),
    (["1", "no"], np.array(["1", "no"])),
    (["1_0", "2_0"], np.array(["1_0", "2_0"])),
    (["été", "日本"], np.array(["été", "日本"])),
])
def test_read_csv_labels_are_int64_if_whole_float64_if_numbers_and_words_otherwise(write, labels, expected):
    X, y = datasets.read_csv(write("a.csv", "".join(f"1.5,{label}\n" for label in labels)))
    assert_array_equal(y, expected, strict=True)
    assert X.tolist() == [[1.5], [1.5]]


def test_read_csv_without_labels_reads_every_column(write):
    X, y = datasets.read_csv(write("a.csv", "1,2\n3,4\n"), label_column=None)
    assert X.tolist() == [[1, 2], [3, 4]] and y is None


def test_read_csv_reads_from_an_open_text_file():
    X, y = datasets.read_csv(io.StringIO("1,2,a\n"))
    assert X.tolist() == [[1, 2]] and y.tolist() == ["a"]


@pytest.mark.parametrize("content, options, message", [
    ("", {}, "the file is empty"),
    ("\n \r\n", {}, "the file is empty"),
    ("\ufeff", {}, "the file is empty"),
    ("a,b\n", {}, "no rows after the header"),
    ("1,2,0\n3,x,1\n", {}, "row 2, column 2: expected a number, found 'x'"),
    ("a,b,y\n\n1,2,0\n3,x,1\n", {}, "row 4, column 2: expected a number, found 'x'"),
    ("0,1,2\n1,3,oops\n", {"label_column": 0}, "row 2, column 3: expected a number, found 'oops'"),
    ("1,,0\n", {}, "row 1, column 2: expected a number, found ''"),
    ("1,1_000,0\n", {}, "row 1, column 2: expected a number, found '1_000'"),
    ("a,2,0\n3,4,1\n", {}, "row 1, column 1: expected a number, found 'a'"),
    ("a,b,0\n3,?,1\n", {}, r"row 2, column 2: .* found '\?' \(the first row was taken for a header\)"),
    ("1,2,0\n3,4\n", {}, "row 2 has 2 cells, the first row 3"),
    ("1,2,0\n3,4,5,1\n", {}, "row 2 has 4 cells, the first row 3"),
    ("a,b\n1,2,0\n3,4,5\n", {}, "row 2 has 3 cells, the first row 2"),
    ("1,2,a\n3,4,\n", {}, "row 2, column 3: the label is empty"),
    ("1,2\n", {"label_column": 2}, "label_column is 2, but there are 2 columns"),
    ("1,2\n", {"label_column": -3}, "label_column is -3, but there are 2 columns"),
    ("a,b\n1,2\n", {"label_column": "c"}, "no column is named 'c'; the first row holds a, b"),
    ("a,a\n1,2\n", {"label_column": "a"}, "several columns are named 'a'"),
    ("a,b\n1,2\n", {"label_column": "a", "header": False}, "header=False says there are none"),
    ("1\n2\n", {}, "the only column is the label column"),
    ('1,"2\n3,4\n', {}, "row 2: unexpected end of data"),
    (b"caf\xe9,1\n", {}, "not UTF-8 text: byte 0xe9 at offset 3"),
    (b"\x1f\x8b\x08 no", {}, "damaged gzip file"),
    ("1,2\n", {"header": "yes"}, "header must be"),
    ("1,2\n", {"delimiter": "::"}, "delimiter must be"),
], ids=repr)
def test_read_csv_says_what_it_found_and_where(write, content, options, message):
    with pytest.raises(ValueError, match=message):
        datasets.read_csv(write("a.csv", content), **options)


def test_read_csv_refuses_a_label_column_of_the_wrong_kind(write):
    for wrong in (1.5, True, [0]):
        with pytest.raises(TypeError, match="label_column"):
            datasets.read_csv(write("a.csv", "1,2\n"), label_column=wrong)


@given(st.lists(st.tuples(st.floats(), st.floats(), st.floats()), min_size=1, max_size=6))
def test_the_compiled_reader_and_the_csv_module_read_the_same_numbers(rows):
    text = "".join(",".join(map(repr, row)) + "\n" for row in rows)
    fast, _ = csv_files.read_csv(io.StringIO(text), label_column=None)
    slow, _ = csv_files._read_cells(text, ",", False, None, 3, "text", "")
    assert_array_equal(fast, slow)
    assert_array_equal(fast, np.array(rows))


# --- load


def test_load_tells_the_kind_of_a_source_from_its_name(write, tmp_path):
    assert len(datasets.load("digits").x_train) == 1437
    csv = datasets.load(write("a.CSV", "1,2,0\n3,4,1\n"), label_column=0)
    assert csv.x_train.tolist() == [[2, 0], [4, 1]] and csv.x_test is None
    assert datasets.load(str(write("a.b.tsv.gz", gzip.compress(b"1\t2\t0\n")))).y_train.tolist() == [0]
    np.savez(tmp_path / "a.npz", x=IMAGES, y=[0, 1])
    assert datasets.load(tmp_path / "a.npz", scale=True).x_train.max() == IMAGES.max() / 255
    mnist_like(write, TRAIN)
    assert datasets.load(tmp_path).x_train.dtype == np.uint8


def test_load_says_which_sources_there_are(write):
    with pytest.raises(FileNotFoundError, match="comes with fastnet is 'digits'"):
        datasets.load("digit")
    with pytest.raises(ValueError, match="expected 'digits', an .npz file"):
        datasets.load(write("a.xlsx", b""))
    with pytest.raises(TypeError):
        datasets.load(3)


# -- Parquet -----------------------------------------------------------------

@pytest.mark.parametrize("labels, dtype", [(["a", "b", "b"], "<U1"), ([3, 1, 2], "int64"), ([0.5, 1, 2], "float64"), ([True, False, True], "bool")])
def test_read_parquet_keeps_kinds_of_inputs_and_labels(tmp_path, labels, dtype):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet
    path = tmp_path / "table.parquet"
    pixels = {"p": pyarrow.array([0, 128, 255], pyarrow.uint8()), "q": pyarrow.array([1, 2, 3], pyarrow.uint8())}
    parquet.write_table(pyarrow.table({"kind": labels, **pixels}), path)
    X, y = datasets.read_parquet(path, "kind")
    assert X.dtype == np.uint8 and X.tolist() == [[0, 1], [128, 2], [255, 3]]
    assert y.dtype == dtype and y.tolist() == labels
    assert datasets.read_parquet(path, 0)[1].tolist() == datasets.load(path, label_column=-3).y_train.tolist() == labels
    parquet.write_table(pyarrow.table({**pixels, "r": [0.5, 1.5, 2.5], "s": [True, False, True]}), path)
    X, y = datasets.read_parquet(path, None)
    assert X.dtype == np.float64 and X[1].tolist() == [128, 2, 1.5, 0] and y is None
    for column, message in ((4, "label_column is 4, but there are 4 columns"), ("t", "no column is named 't'; there are p, q, r, s")):
        with pytest.raises(ValueError, match=message):
            datasets.read_parquet(path, column)


def test_decimals_of_parquet_are_numbers(tmp_path):
    pyarrow, Decimal = pytest.importorskip("pyarrow"), pytest.importorskip("decimal").Decimal
    from pyarrow import parquet
    path = tmp_path / "prices.parquet"
    prices = pyarrow.array([Decimal("1.25"), Decimal("-0.50")], pyarrow.decimal128(10, 2))
    parquet.write_table(pyarrow.table({"a": prices, "b": [1, 2], "price": prices}), path)
    X, y = datasets.read_parquet(path)
    assert X.tolist() == [[1.25, 1], [-0.5, 2]] and y.tolist() == [1.25, -0.5]
