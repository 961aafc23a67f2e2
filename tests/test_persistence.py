"""Saving and loading: every bit comes back, and no file, however damaged, does harm."""

import json
import os
import struct
import tracemalloc
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnet as fn
from fastnet.persistence import describe, encode_header, in_byte_order

DTYPES = ["float32", "float64"]
CHECKSUMMED = ["format", "format_version", "fastnet_version", "sizes", "activations", "cost", "dtype"]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A path to write to, shared by the examples of a hypothesis test."""
    return tmp_path_factory.mktemp("persistence") / "scratch.safetensors"


@pytest.fixture
def saved(tmp_path):
    """A small network on disk."""
    path = tmp_path / "net.safetensors"
    fn.Network([2, 3, 1], activation="tanh", output="sigmoid", seed=0).save(path)
    return path


def bits(net):
    return net.parameters.tobytes()


def parts(path):
    """(header, data) of a file, read as the documentation of `save` says."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8:8 + length]), content[8 + length:]


def write(path, header, data):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)


def overwrite(file, place, byte):
    file.seek(place)
    file.write(bytes([byte]))


def seal(header, data):
    """Give `header` the checksum that fits what it says, true or not."""
    metadata = header["__metadata__"]
    described = "".join(metadata[key] + "\n" for key in CHECKSUMMED).encode()
    metadata["checksum"] = f"crc32:{zlib.crc32(data, zlib.crc32(described)):08x}"


def refusal(path, reader=fn.load):
    """The one ValueError that a bad file gives, from which the path has been taken off."""
    with pytest.raises(ValueError) as caught:
        reader(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)[len(f"{path}: "):]


def claim(sizes):
    """A header, consistent in itself, for a file that need not exist; the checksum is that of no data."""
    header = {"__metadata__": {
        "format": "fastnet", "format_version": "1", "fastnet_version": "1.0", "sizes": ",".join(map(str, sizes)),
        "activations": ",".join(["relu"] * (len(sizes) - 1)), "cost": "quadratic", "dtype": "float64"}}
    end = 0
    for l, (p, n) in enumerate(zip(sizes, sizes[1:])):
        for name, shape, count in ((f"weights.{l}", [n, p], n * p), (f"biases.{l}", [n], n)):
            header[name] = {"dtype": "F64", "shape": shape, "data_offsets": [end, end + 8 * count]}
            end += 8 * count
    seal(header, b"")
    return header


# Round trips.

@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(1, 1), (2, 3, 1), (1, 1, 1, 1), (5, 7, 4, 3)], ids=str)
def test_a_network_comes_back_bit_for_bit(sizes, dtype, tmp_path):
    net = fn.Network(sizes, activation="tanh", output="sigmoid", dtype=dtype, seed=1)
    net.save(tmp_path / "net")
    same = fn.load(tmp_path / "net")
    assert (same.sizes, same.activations, same.cost_name, same.dtype) == \
           (net.sizes, net.activations, net.cost_name, net.dtype)
    assert bits(same) == bits(net)


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 12), min_size=2, max_size=6), dtype=st.sampled_from(DTYPES), data=st.data())
def test_any_bit_pattern_comes_back_in_any_network(sizes, dtype, data, scratch):
    net = fn.Network(sizes, dtype=dtype, seed=0)
    raw = np.random.default_rng(data.draw(st.integers(0, 2**32))).bytes(net.parameters.nbytes)
    net.parameters.view(np.uint8)[:] = np.frombuffer(raw, np.uint8)
    net.save(scratch)
    assert bits(fn.load(scratch)) == raw


@pytest.mark.parametrize("dtype, patterns", [
    ("float32", [0x7FC00001, 0x7F800001, 0xFFFFFFFF, 0x80000000, 0x00000001, 0x807FFFFF, 0x7F800000, 0xFF800000]),
    ("float64", [0x7FF8000000000001, 0x7FF0000000000001, 0xFFFFFFFFFFFFFFFF, 1 << 63, 1, 0x800FFFFFFFFFFFFF,
                 0x7FF0000000000000, 0xFFF0000000000000]),
])
def test_nan_payloads_signed_zeros_subnormals_and_infinities_come_back(dtype, patterns, tmp_path):
    net = fn.Network([1, 4], dtype=dtype, seed=0)
    unsigned = net.parameters.view(f"u{net.dtype.itemsize}")
    unsigned[:] = patterns
    net.save(tmp_path / "net")
    assert bits(fn.load(tmp_path / "net")) == unsigned.tobytes()


def test_every_name_of_a_network_comes_back(tmp_path):
    net = fn.Network([3, 4, 5, 2], activation=["relu", "tanh", "identity"], seed=0)
    net.save(tmp_path / "net")
    same = fn.load(tmp_path / "net")
    assert same.activations == ("relu", "tanh", "identity")
    assert same.cost_name == "quadratic"


def test_saving_twice_gives_the_same_bytes(saved, tmp_path):
    fn.load(saved).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


def test_numbers_are_little_endian_whatever_the_array():
    values = [1.5, -0.0, float("nan"), 5e-324]
    for order in "<>":
        stored = in_byte_order(np.array(values, f"{order}f8"), "<")
        assert stored.tobytes() == struct.pack("<4d", *values)
        assert in_byte_order(stored, "=").tobytes() == struct.pack("=4d", *values)


# The format, as documented.

@pytest.mark.parametrize("dtype, code", [("float32", "F32"), ("float64", "F64")])
def test_the_file_is_what_the_documentation_says(dtype, code, tmp_path):
    path = tmp_path / "net"
    net = fn.Network([2, 3, 1], dtype=dtype, seed=0)
    net.save(path)
    header, data = parts(path)
    k = net.dtype.itemsize
    metadata = header.pop("__metadata__")
    assert data == bits(net)
    assert (path.stat().st_size - len(data)) % 64 == 0
    assert metadata.pop("checksum").startswith("crc32:")
    assert metadata == {"format": "fastnet", "format_version": "1", "fastnet_version": fn.__version__, "sizes": "2,3,1",
                        "activations": "sigmoid,sigmoid", "cost": "quadratic", "dtype": dtype}
    assert list(header.items()) == [
        ("weights.0", {"dtype": code, "shape": [3, 2], "data_offsets": [0, 6 * k]}),
        ("biases.0", {"dtype": code, "shape": [3], "data_offsets": [6 * k, 9 * k]}),
        ("weights.1", {"dtype": code, "shape": [1, 3], "data_offsets": [9 * k, 12 * k]}),
        ("biases.1", {"dtype": code, "shape": [1], "data_offsets": [12 * k, 13 * k]}),
    ]


def test_the_checksum_is_the_crc_32_of_the_documentation(saved):
    header, data = parts(saved)
    metadata = header["__metadata__"]
    crc = 0xFFFFFFFF
    for byte in "".join(metadata[key] + "\n" for key in CHECKSUMMED).encode() + data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    assert metadata["checksum"] == f"crc32:{crc ^ 0xFFFFFFFF:08x}"


def test_the_header_is_ascii_without_escapes(saved):
    content = saved.read_bytes()
    header = content[8:8 + struct.unpack_from("<Q", content)[0]]
    assert header.isascii() and b"\\" not in header


@pytest.mark.parametrize("name", ["", "my cost", "a,b", 'say "hi"', "back\\slash", "café", "two\nlines", "x" * 65])
def test_a_name_that_the_format_cannot_hold_is_not_saved(name):
    net = SimpleNamespace(sizes=(1, 1), activations=("tanh",), cost_function=SimpleNamespace(to_text=lambda: name), dtype=np.dtype("float64"),
                          scaling=None, classes=None)
    with pytest.raises(ValueError, match="net cannot be saved: cost"):
        encode_header(net, bytes(16))


def test_the_order_of_keys_and_further_metadata_do_not_matter(saved):
    net = fn.load(saved)
    header, data = parts(saved)
    header["__metadata__"]["author"] = "Anna Müller"
    header["__metadata__"] = dict(reversed(header["__metadata__"].items()))
    shuffled = {name: dict(reversed(member.items())) for name, member in reversed(header.items())}
    write(saved, shuffled, data)
    assert bits(fn.load(saved)) == bits(net)


def test_describe_tells_what_a_file_holds(saved):
    description = describe(saved)
    checksum = description.pop("checksum")
    assert checksum == parts(saved)[0]["__metadata__"]["checksum"]
    assert description == {
        "format": "fastnet", "format_version": "1", "fastnet_version": fn.__version__, "sizes": (2, 3, 1),
        "activations": ("tanh", "sigmoid"), "cost": "quadratic", "dtype": "float64",
        "n_parameters": 13, "checksum_ok": True,
    }


def test_describe_reports_a_wrong_checksum_and_load_refuses_it(saved):
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    assert describe(saved)["checksum_ok"] is False
    assert "checksum" in refusal(saved)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_safetensors_package_reads_the_same_arrays(dtype, tmp_path):
    safetensors = pytest.importorskip("safetensors")
    numpy_side = pytest.importorskip("safetensors.numpy")
    net = fn.Network([4, 3, 2], dtype=dtype, seed=0)
    net.save(tmp_path / "net")
    arrays = numpy_side.load_file(tmp_path / "net")
    assert arrays.keys() == {"weights.0", "biases.0", "weights.1", "biases.1"}
    for l in range(2):
        np.testing.assert_array_equal(arrays[f"weights.{l}"], net.weights[l], strict=True)
        np.testing.assert_array_equal(arrays[f"biases.{l}"], net.biases[l], strict=True)
    with safetensors.safe_open(tmp_path / "net", "numpy") as file:
        assert file.metadata()["sizes"] == "4,3,2"


def test_tensors_that_the_safetensors_package_has_sorted_are_refused_not_misread(saved):
    numpy_side = pytest.importorskip("safetensors.numpy")
    metadata = parts(saved)[0]["__metadata__"]
    numpy_side.save_file(numpy_side.load_file(saved), saved, metadata)
    assert "tensor weights.0 must be" in refusal(saved)


# Damage.

@pytest.mark.parametrize("reader", [fn.load, describe])
def test_a_file_cut_anywhere_is_refused(saved, reader):
    for length in reversed(range(saved.stat().st_size)):
        os.truncate(saved, length)
        assert refusal(saved, reader).startswith(("truncated", "too short"))


def test_a_flipped_bit_anywhere_is_found(saved):
    with open(saved, "r+b", buffering=0) as file:    # in place: rewriting the file 6000 times is slow
        for place, byte in enumerate(saved.read_bytes()):
            for bit in range(8):
                overwrite(file, place, byte ^ 1 << bit)
                refusal(saved)
            overwrite(file, place, byte)
    fn.load(saved)


@pytest.mark.parametrize("extra", [b"\0", b" ", b"{}", bytes(1000)], ids=len)
@pytest.mark.parametrize("reader", [fn.load, describe])
def test_bytes_after_the_end_are_refused(saved, extra, reader):
    saved.write_bytes(saved.read_bytes() + extra)
    assert "too long" in refusal(saved, reader)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200))
def test_random_bytes_are_refused(content, scratch):
    scratch.write_bytes(content)
    refusal(scratch)
    write(scratch, b"{" + content, b"")
    refusal(scratch)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=10)


@settings(max_examples=200, deadline=None)
@given(value=json_values, where=st.sampled_from(
    [(), ("__metadata__",), ("__metadata__", "sizes"), ("__metadata__", "dtype"), ("weights.0",),
     ("weights.0", "shape"), ("weights.0", "data_offsets"), ("biases.1", "dtype")]))
def test_any_json_in_place_of_a_part_of_the_header_is_refused(value, where, scratch):
    header, data = claim([2, 3, 1]), bytes(13 * 8)
    seal(header, data)
    inner = header
    for key in where[:-1]:
        inner = inner[key]
    if where:
        inner[where[-1]] = value
    else:
        header = value
    write(scratch, header, data)
    refusal(scratch)


def test_what_is_too_much_for_a_header_is_named(tmp_path):
    net = fn.Network([1, 40_000], init=np.zeros(80_000))
    net.classes = [f"a class with a name of its own, {i}" for i in range(40_000)]
    with pytest.raises(ValueError, match="net has 40000 classes, whose names take [0-9]+ bytes, too many for a header"):
        net.save(tmp_path / "net")
    with pytest.raises(ValueError, match="net has 8001 layers, too many for a header"):
        fn.Network([1] * 8001, seed=0).save(tmp_path / "net")


@pytest.mark.parametrize("change, reason", [
    ({"format": "pt"}, "not a fastnet file: format must be 'fastnet'; got 'pt'"),
    ({"format_version": "3", "fastnet_version": "9.0"}, "written by fastnet '9.0'"),
    ({"activations": "tanh,swoosh"}, "swoosh"),
    ({"cost": "happiness"}, "happiness"),
    ({"activations": "tanh"}, "1 activations for 3 layers"),
    ({"sizes": "2"}, "sizes '2' does not fit"),
    ({"sizes": "2,0,1"}, "sizes '2,0,1' does not fit"),
    ({"sizes": "2,+3,1"}, "does not fit"),
    ({"sizes": "2,٣,1"}, "does not fit"),
    ({"sizes": "2,3,1\n"}, "does not fit"),
    ({"sizes": "9" * 100_000}, "does not fit"),
    ({"sizes": "3,2,1"}, "tensor weights.0 must be"),
    ({"sizes": "2,3,1,1", "activations": "tanh,tanh,tanh"}, "need 6 tensors; got 4"),
    ({"dtype": "float32"}, "tensor weights.0 must be"),
    ({"dtype": "float16"}, "dtype 'float16' does not fit"),
])
def test_metadata_that_does_not_fit_is_refused_although_the_checksum_does(saved, change, reason):
    header, data = parts(saved)
    header["__metadata__"].update(change)
    seal(header, data)
    write(saved, header, data)
    assert reason in refusal(saved)


@pytest.mark.parametrize("name, member", [
    ("weights.0", {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 48]}),
    ("weights.0", {"dtype": "F64", "shape": [2, 3], "data_offsets": [0, 48]}),
    ("weights.0", {"dtype": "F64", "shape": [3, 2], "data_offsets": [False, 48]}),
    ("weights.0", {"dtype": "F64", "shape": [3, 2]}),
    ("weights.0", {"dtype": "F64", "shape": [3, 2], "data_offsets": [0, 48], "note": ""}),
    ("biases.0", {"dtype": "F64", "shape": [3], "data_offsets": [40, 64]}),                # overlaps weights.0
    ("biases.0", {"dtype": "F64", "shape": [3], "data_offsets": [-24, 0]}),
    ("biases.0", {"dtype": "F64", "shape": [3], "data_offsets": [2**64 - 24, 2**64]}),
    ("biases.1", {"dtype": "F64", "shape": [True], "data_offsets": [96, 104]}),
    ("biases.2", {"dtype": "F64", "shape": [0], "data_offsets": [104, 104]}),              # one too many
])
def test_a_tensor_that_is_not_where_it_belongs_is_refused(saved, name, member):
    header, data = parts(saved)
    header[name] = member
    write(saved, header, data)
    refusal(saved)
    refusal(saved, describe)


def test_exchanged_tensors_are_refused(saved):
    header, data = parts(saved)
    header["weights.0"]["data_offsets"], header["biases.0"]["data_offsets"] = [24, 72], [0, 24]
    write(saved, header, data)
    assert "tensor weights.0 must be" in refusal(saved)


def test_a_renamed_tensor_is_refused(saved):
    header, data = parts(saved)
    header["bias.1"] = header.pop("biases.1")
    write(saved, header, data)
    assert refusal(saved) == "tensor biases.1 is missing"


@pytest.mark.parametrize("key", [*CHECKSUMMED, "checksum"])
def test_missing_metadata_is_refused(saved, key):
    header, data = parts(saved)
    del header["__metadata__"][key]
    write(saved, header, data)
    assert key in refusal(saved)


@pytest.mark.parametrize("header, reason", [
    (b'{"__metadata__":{"format":"fastnet","format":"fastnet"}}', "a key occurs twice"),
    (b'{"weights.0":1,"weights.0":1}', "a key occurs twice"),
    (b'{"__metadata__":{"format":"fastnet","sizes":[2,3,1]}}', "metadata must be strings"),
    (b'{"w":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}', "without fastnet's metadata"),
    (b'[1]', "not a JSON object"),
    (b'', "not a JSON object"),
    (b'{"a":1.0}', "number out of place"),
    (b'{"a":NaN}', "number out of place"),
    (b'{"a":' + b"9" * 500_000 + b"}", "number out of place"),
    (b'{"a":"\xff"}', "not valid"),
    (b'{"a":' + b"[" * 1_000_000, "recursion"),
    (b'{"a":' * 200_000, "recursion"),
    (b'{"a":"' + b"x" * (1 << 20) + b'"}', "at most 1048576 allowed"),
], ids=lambda value: value[:24] if isinstance(value, str) else None)
def test_a_header_that_is_not_ours_is_refused(saved, header, reason):
    write(saved, header, bytes(8))
    assert reason in refusal(saved)
    assert reason in refusal(saved, describe)


@pytest.mark.parametrize("depth", range(50, 1000, 50))
def test_nesting_of_any_depth_is_refused(saved, depth):
    header, data = parts(saved)
    encoded = json.dumps(header).replace('"shape": [3, 2]', f'"shape": {"[" * depth}{"]" * depth}').encode()
    write(saved, encoded, data)
    refusal(saved)


@pytest.mark.parametrize("header", [
    claim([30_000, 30_000]), claim([10**8, 10**9]), claim([10**15, 10**15, 10**15]),
    {"__metadata__": {**claim([1, 1])["__metadata__"], "sizes": ",".join("1" * 100_001),
                      "activations": ",".join("r" * 100_000)}},
], ids=["7 GB", "beyond memory", "beyond 64 bits", "100,000 layers"])
def test_a_claim_of_a_huge_network_allocates_nothing(saved, header):
    write(saved, header, bytes(64))
    tracemalloc.start()
    try:
        for reader in (fn.load, describe):
            refusal(saved, reader)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20    # the header's JSON, parsed, and the traceback
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [2**20 + 1, 10**9, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_huge_header_length_is_refused(saved, length):
    saved.write_bytes(struct.pack("<Q", length) + saved.read_bytes()[8:])
    assert f"header of {length} bytes" in refusal(saved)
