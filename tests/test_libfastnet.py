"""libfastnet: saved nets opened, evaluated and differentiated in C and Fortran, with no Python; damaged files refused."""

import ctypes
import json
import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers import ACTIVATIONS, error_in_eps, random_net

import fastnet as fn
from fastnet._core import kernels
from fastnet.embed import capi, ctypes_calls

SOURCES = Path(__file__).resolve().parent.parent / "src_c"
sources = pytest.mark.skipif(not SOURCES.is_dir(), reason="the sources are not beside the tests")


def run(*command, code=0, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=500, **options)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def flags(prefix, *options):
    """What pkg-config says of the installed library."""
    if not shutil.which("pkg-config"):
        pytest.skip("pkg-config is not installed")
    environment = os.environ | {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    return run("pkg-config", *options, "fastnet", env=environment).split()


class Library:
    """The shared library, through ctypes."""

    def __init__(self, prefix):
        header = (prefix / "include" / "fastnet.h").read_text(encoding="utf-8")
        self.codes = {name: int(number) for name, number in re.findall(r"FASTNET_ERROR_(\w+) = (\d+)", header)}
        path = next(path for path in (prefix / "lib").glob("libfastnet.*") if path.suffix in (".so", ".dylib"))
        self.c = ctypes.CDLL(str(path))
        self.c.fastnet_open.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
        self.c.fastnet_open_memory.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
        self.c.fastnet_close.argtypes = [ctypes.c_void_p]
        self.c.fastnet_close.restype = None
        for name in ("open_message", "error_text"):
            getattr(self.c, f"fastnet_{name}").restype = ctypes.c_char_p
        for name in ("net_n_layers", "net_n_inputs", "net_n_outputs", "net_n_parameters"):
            getattr(self.c, f"fastnet_{name}").restype = ctypes.c_size_t

    def open(self, source):
        """The net in a file or in bytes, or (code, message)."""
        handle = ctypes.c_void_p(1)
        if isinstance(source, bytes):
            code = self.c.fastnet_open_memory(source, len(source), ctypes.byref(handle))
        else:
            code = self.c.fastnet_open(os.fsencode(source), ctypes.byref(handle))
        message = self.c.fastnet_open_message().decode("ascii")
        assert bool(code) == bool(message) == (not handle.value)
        return (code, message) if code else Opened(self.c, handle)


class Opened:
    """An open net, called with NumPy arrays."""

    def __init__(self, c, handle):
        self.c, self.handle = c, handle
        self.bits = c.fastnet_net_precision(handle)
        self.dtype = np.dtype(f"float{self.bits}")
        self.n_in, self.n_out = c.fastnet_net_n_inputs(handle), c.fastnet_net_n_outputs(handle)

    def __del__(self):
        self.c.fastnet_close(self.handle)

    def call(self, name, out, X, *others):
        function = getattr(self.c, f"fastnet_{name}_f{self.bits}")
        function.argtypes = ctypes_calls.argument_types([*ctypes_calls.NET[name]], False)
        size = getattr(self.c, f"fastnet_workspace_size_f{self.bits}")
        size.restype, size.argtypes = ctypes.c_size_t, [ctypes.c_void_p, ctypes.c_size_t]
        m = len(X)
        work = np.full(size(self.handle, m), 0xff, np.uint8)
        assert function(self.handle, m, *(array.ctypes.data for array in (X, *others, out)), work.ctypes.data) == 0
        return out

    def __call__(self, X):
        return self.call("eval", np.empty((len(X), self.n_out), self.dtype), X)

    def jacobian(self, X):
        return self.call("jacobian", np.empty((len(X), self.n_out, self.n_in), self.dtype), X)

    def jvp(self, X, V):
        return self.call("jvp", np.empty((len(X), self.n_out), self.dtype), X, V)

    def vjp(self, X, U):
        return self.call("vjp", np.empty((len(X), self.n_in), self.dtype), X, U)


@pytest.fixture(scope="module")
def library(libfastnet):
    return Library(libfastnet)


def saved(net, folder, name="net.safetensors"):
    net.save(folder / name)
    return (folder / name).read_bytes()


def same_compiler():
    """Whether the library here was built by what built the package: else the last bits may differ."""
    done = subprocess.run(["cc", "-dumpfullversion"], capture_output=True, text=True)
    return kernels.COMPILER == f"gcc {done.stdout.strip()}"


def parts(data):
    """Header and data of a file."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8:8 + length]), data[8 + length:]


def file_of(header, data, checked=True, text=None):
    """A file again; with the checksum that its metadata and data have, if it is to be right."""
    meta = header.get("__metadata__")
    if checked and meta:
        words = "".join(meta[key] + "\n" for key in ("format", "format_version", "fastnet_version", "sizes", "activations", "cost", "dtype"))
        header = header | {"__metadata__": meta | {"checksum": f"crc32:{zlib.crc32(data, zlib.crc32(words.encode())):08x}"}}
    text = json.dumps(header) if text is None else text
    encoded = text.encode()
    return len(encoded).to_bytes(8, "little") + encoded + data


# -- values ----------------------------------------------------------------------------

@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax"])
def test_an_opened_net_is_the_frozen_net_to_the_bit(name, level, dtype, rng, tmp_path, library, monkeypatch):
    monkeypatch.setenv("FASTNET_CPU", level)
    for sizes in ((4, 9, 3), (1, 1), (20, 7, 33), (5, 70, 2)):
        net = random_net(rng, sizes, dtype)
        net = fn.Network(sizes, activation=[*net.activations[:-1], name], dtype=dtype, init=net.parameters)
        opened, frozen = library.open(saved(net, tmp_path)), net.freeze()
        assert (opened.n_in, opened.n_out, opened.dtype) == (sizes[0], sizes[-1], dtype)
        for m in (1, 5):
            X, V, U = (rng.standard_normal((m, n)).astype(dtype) for n in (sizes[0], sizes[0], sizes[-1]))
            pairs = [(opened(X), frozen(X) if m > 1 else frozen(X[0])[None]), (opened.jacobian(X), frozen.jacobian(X)),
                     (opened.jvp(X, V), frozen.jvp(X, V)), (opened.vjp(X, U), frozen.vjp(X, U))]
            for found, expected in pairs:
                assert (found == expected).all() if same_compiler() else error_in_eps(found, expected, dtype) < 100, (sizes, m)
        X = rng.standard_normal((40, sizes[0])).astype(dtype)      # here the package may take another path
        assert error_in_eps(opened(X), frozen(X), dtype) <= 100


def test_a_level_that_is_not_there_is_an_error(rng, tmp_path, library, monkeypatch):
    data = saved(fn.Network([2, 1], seed=0), tmp_path)
    monkeypatch.setenv("FASTNET_CPU", "avx1024")
    code, message = library.open(data)
    assert code == library.codes["LEVEL"] and "avx1024" in message


def test_checked_functions_and_questions_are_there(tmp_path, library):
    opened = library.open(saved(fn.Network([3, 8, 2], seed=0), tmp_path))
    assert library.c.fastnet_net_n_layers(opened.handle) == 2
    assert library.c.fastnet_net_n_parameters(opened.handle) == 50
    x, y = np.zeros(3), np.zeros(2)
    assert library.c.fastnet_eval_f64_checked(opened.handle, ctypes.c_size_t(1), ctypes.c_void_p(x.ctypes.data), ctypes.c_size_t(2),
                                              ctypes.c_void_p(y.ctypes.data), ctypes.c_size_t(2), None, ctypes.c_size_t(0)) == library.codes["SIZE"]
    assert all(library.c.fastnet_error_text(code) != b"unknown error code" for code in library.codes.values())


# -- files -----------------------------------------------------------------------------

def test_members_may_come_in_any_order_with_others_among_the_metadata(dtype, rng, tmp_path, library):
    net = random_net(rng, (3, 5, 2), dtype)
    header, data = parts(saved(net, tmp_path))
    header["__metadata__"]["note"] = "a \"note\" with \\ and \n"
    turned = dict(reversed(header.items()))
    turned["weights.1"] = dict(reversed(turned["weights.1"].items()))
    file = file_of(turned, data, text=json.dumps(turned, indent=3) + " \n\t ")
    X = rng.standard_normal((3, 3)).astype(dtype)
    assert error_in_eps(library.open(file)(X), net(X), dtype) < 100


def test_a_file_written_again_by_the_safetensors_library_opens(rng, tmp_path, library):
    safetensors = pytest.importorskip("safetensors.numpy")
    net = random_net(rng, (3, 5, 2), np.dtype("float64"))
    saved(net, tmp_path)
    metadata = parts((tmp_path / "net.safetensors").read_bytes())[0]["__metadata__"]
    again = safetensors.save(safetensors.load_file(tmp_path / "net.safetensors"), metadata=metadata)
    found = library.open(again)
    if isinstance(found, tuple):                     # that library orders tensors by size: then the order is not ours
        assert "not as the sizes need it" in found[1] or "checksum" in found[1]
        with pytest.raises(ValueError):
            (tmp_path / "again.safetensors").write_bytes(again)
            fn.load(tmp_path / "again.safetensors")


def changed(header, **metadata):
    return header | {"__metadata__": {**header["__metadata__"], **metadata}}


REFUSED = {
    "another version": (lambda h, d: file_of(changed(h, format_version="2"), d), "VERSION", "format_version must be 1"),
    "no fastnet file": (lambda h, d: file_of(changed(h, format="pt"), d), "FORMAT", "without fastnet's metadata"),
    "no metadata": (lambda h, d: file_of({k: v for k, v in h.items() if k[0] != "_"}, d), "FORMAT", "without fastnet's metadata"),
    "metadata twice": (lambda h, d: file_of(h, d, text=json.dumps(h).replace("{", '{"__metadata__":{},', 1)), "DAMAGED", "occurs twice"),
    "a key twice": (lambda h, d: file_of(h, d, text=json.dumps(h).replace('"sizes"', '"cost": "mae", "sizes"')), "DAMAGED", "cost occurs twice"),
    "an unknown activation": (lambda h, d: file_of(changed(h, activations="tanh,mish"), d), "ACTIVATION", "mish"),
    "softmax below": (lambda h, d: file_of(changed(h, activations="softmax,tanh"), d), "ACTIVATION", "layer 1 .*outputs only"),
    "another dtype": (lambda h, d: file_of(changed(h, dtype="float16"), d), "FORMAT", "float16"),
    "sizes beyond the data": (lambda h, d: file_of(changed(h, sizes="3,9999999999999999,2"), d), "DAMAGED", "layer 1"),
    "sizes that overflow": (lambda h, d: file_of(changed(h, sizes="4294967296,4294967296,2"), d), "DAMAGED", "layer 0"),
    "fewer activations": (lambda h, d: file_of(changed(h, activations="tanh"), d), "DAMAGED", "1 activations for 3 layers"),
    "a hole in the data": (lambda h, d: file_of(h, d + b"\0" * 8), "DAMAGED", "sizes need 32 values, 33 are there"),
    "data cut off": (lambda h, d: file_of(h, d[:-8]), "DAMAGED", "truncated"),
    "another shape": (lambda h, d: file_of(h | {"weights.0": h["weights.0"] | {"shape": [3, 5]}}, d), "DAMAGED", "weights.0 is not"),
    "a tensor less": (lambda h, d: file_of({k: v for k, v in h.items() if k != "biases.1"}, d), "DAMAGED", "need 4 tensors; 3"),
    "a tensor more": (lambda h, d: file_of(h | {"weights.2": h["weights.0"]}, d), "DAMAGED", "weights.2 is none"),
    "a leading zero": (lambda h, d: file_of(h, d, text=json.dumps(h).replace("[0, 120]", "[00, 120]")), "DAMAGED", "byte .*leading zeros"),
    "depth": (lambda h, d: file_of(h, d, text="[" * 100_000), "DAMAGED", "byte 0 .*an object"),
    "depth inside": (lambda h, d: file_of(h, d, text='{"a":' * 100_000), "DAMAGED", "byte .*dtype, shape"),
    "a number beyond 2^64": (lambda h, d: file_of(h, d, text=json.dumps(h).replace("120]", "18446744073709551616]")), "DAMAGED", "2\\^64"),
    "a wrong checksum": (lambda h, d: file_of(h, d[:-1] + b"x", checked=False), "DAMAGED", "checksum"),
    "nothing": (lambda h, d: b"", "FORMAT", "0 bytes"),
    "a length beyond all": (lambda h, d: b"\xff" * 16, "FORMAT", "header of 18446744073709551615 bytes"),
    "many members": (lambda h, d: file_of(changed(h, **{f"k{i}": "" for i in range(300)}), d), "DAMAGED", "more than 256"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_such_a_file_is_refused_with_code_and_reason(case, tmp_path, library):
    change, code, message = REFUSED[case]
    header, data = parts(saved(fn.Network([3, 5, 2], activation="tanh", seed=0), tmp_path))
    found, text = library.open(change(header, data))
    assert found == library.codes[code] and re.search(message, text), text


def test_a_path_that_is_no_file_is_refused(tmp_path, library):
    for path, message in ((tmp_path / "missing", "No such file"), (tmp_path, "not a regular file")):
        code, text = library.open(path)
        assert code == library.codes["FILE"] and message in text and str(path) in text
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert library.open(tmp_path / "pipe")[0] == library.codes["FILE"]
    (tmp_path / "cut").write_bytes(saved(fn.Network([3, 5, 2], seed=0), tmp_path)[:-1])
    assert "cut: damaged" in library.open(tmp_path / "cut")[1]
    handle = ctypes.c_void_p(1)
    assert library.c.fastnet_open(None, ctypes.byref(handle)) == library.c.fastnet_open(b"x", None) == library.codes["NULL"]


def test_every_cut_and_every_flipped_bit_is_refused(tmp_path, library):
    data = saved(fn.Network([2, 3, 1], seed=0), tmp_path)
    assert all(isinstance(library.open(data[:n]), tuple) for n in range(len(data)))
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert isinstance(library.open(bytes(flipped)), tuple), bit


def test_what_python_refuses_is_refused_and_what_opens_is_what_python_loads(rng, tmp_path, library):
    header, data = parts(saved(fn.Network([2, 3, 1], seed=0), tmp_path))
    text, opened = file_of(header, data), 0
    path = tmp_path / "changed.safetensors"
    for _ in range(600):
        changed = bytearray(text)
        at = int(rng.integers(8, len(text) - len(data)))
        changed[at:at + int(rng.integers(0, 3))] = bytes(rng.choice(list(b' 0123456789,:"{}[]\\abz\n'), int(rng.integers(0, 3))))
        changed[:8] = (len(changed) - len(data) - 8).to_bytes(8, "little")
        path.write_bytes(changed)
        found = library.open(bytes(changed))
        if isinstance(found, Opened):
            opened += 1
            assert error_in_eps(found(np.ones((1, 2))), fn.load(path)(np.ones((1, 2))), np.float64) < 100
    assert opened > 0


# -- the library -----------------------------------------------------------------------

def test_only_the_functions_of_the_header_are_visible(libfastnet, library):
    if not shutil.which("nm"):
        pytest.skip("nm is not installed")
    lines = run("nm", "-D", "--defined-only", libfastnet / "lib" / "libfastnet.so").split("\n")
    names = {line.split()[-1] for line in lines if line.strip()}
    assert names == {*capi.ADDRESSES, "fastnet_open", "fastnet_open_memory", "fastnet_open_message", "fastnet_close"}


@sources
def test_the_library_is_compiled_from_what_the_package_is_with_the_same_flags():
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    printed = run("make", "-s", "-C", SOURCES, "print-sources").split()
    assert {Path(name).name for name in printed} >= {path.name for path in SOURCES.glob("*.c")}
    assert {Path(name).name for name in printed if "libfastnet/" in name} == {
        path.name for path in (SOURCES / "libfastnet").glob("*.c")} - {"fuzz_open.c"}
    wanted = run("make", "-s", "-C", SOURCES, "print-flags").split()
    assert wanted == [flag for flag in kernels.COMPILE_FLAGS.split() if flag not in ("-g", "-fsanitize=address,undefined",
                                                                                    "-fno-omit-frame-pointer")]


@sources
def test_cmake_compiles_the_same_files_with_the_same_flags(tmp_path):
    if not shutil.which("cmake"):
        pytest.skip("cmake is not installed")
    run("cmake", "-S", SOURCES, "-B", tmp_path, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    commands = json.loads((tmp_path / "compile_commands.json").read_text())
    made = {str(Path(name).resolve()) for name in run("make", "-s", "-C", SOURCES, "print-sources", cwd=SOURCES).split()
            if Path(name).is_absolute()} or {str((SOURCES / name).resolve()) for name in run("make", "-s", "-C", SOURCES, "print-sources").split()}
    assert {str(Path(command["file"]).resolve()) for command in commands} == made
    for flag in run("make", "-s", "-C", SOURCES, "print-flags").split():
        assert all(f" {flag} " in command["command"] for command in commands), flag


PROGRAM = Path(__file__).resolve().parent / "libfastnet_threads.c"


@pytest.mark.parametrize("tool", ["plain", "sanitizers", "valgrind"])
def test_eight_threads_get_the_same_bits_nothing_is_allocated_and_all_is_freed(tool, dtype, rng, tmp_path, libfastnet):
    for program in ["cc"] + ["valgrind"] * (tool == "valgrind"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    saved(fn.Network([8, 40, 40, 3], activation="gelu", dtype=dtype, init="lecun", seed=0), tmp_path)
    options = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"] if tool == "sanitizers" else ["-DCOUNT"]
    wrap = [] if tool == "sanitizers" else [f"-Wl,--wrap={name}" for name in ("malloc", "calloc", "realloc", "free")]
    run("cc", "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *options, *flags(libfastnet, "--cflags"), PROGRAM, "-o",
        tmp_path / "threads", libfastnet / "lib" / "libfastnet.a", *wrap, "-lm", "-pthread")
    before = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full"] if tool == "valgrind" else []
    assert "the same bits" in run(*before, tmp_path / "threads", tmp_path / "net.safetensors", 3 if tool == "valgrind" else 200)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_fortran_module_opens_evaluates_and_differentiates(dtype, rng, tmp_path, libfastnet):
    if not shutil.which("gfortran"):
        pytest.skip("gfortran is not installed")
    net = fn.Network([3, 9, 2], activation="tanh", dtype=dtype, init="lecun", seed=0)
    saved(net, tmp_path)
    text = (Path(__file__).resolve().parent / "libfastnet_calls.f90").read_text()
    single = dtype == "float32"
    (tmp_path / "main.f90").write_text(text.replace("REAL_KIND", "c_float" if single else "c_double").replace("_FP", "_f32" if single else "_f64"))
    module = flags(libfastnet, "--variable=includedir")[0] + "/fastnet.f90"
    run("gfortran", "-std=f2008", "-Wall", "-Wextra", "-Werror", module, "main.f90", "-o", "main", *flags(libfastnet, "--libs"),
        f"-Wl,-rpath,{libfastnet / 'lib'}", cwd=tmp_path)
    lines = run("./main", cwd=tmp_path).splitlines()
    assert "No such file" in lines[0] and lines[1] == "an array does not have the length that m samples need"
    found = np.array(" ".join(lines[2:]).split(), float)
    X, V, U = np.array([[0.1, 0.2, 0.3], [-0.4, 0.5, 0.6]], dtype), np.ones((2, 3), dtype), np.array([[1, 2], [1, 2]], dtype)
    expected = np.concatenate([part.ravel() for part in (net(X), net.jacobian(X), net.jvp(X, V), net.vjp(X, U))])
    assert error_in_eps(found, expected, dtype) < 100


@sources
def test_mutated_files_never_crash_it(rng, tmp_path):
    """Under AddressSanitizer and UBSan, some seconds; `make fuzz` in src_c takes longer."""
    for program in ("make", "cc"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    for i, (dtype, name) in enumerate((("float32", "tanh"), ("float64", "sin"))):
        saved(fn.Network([2, 3, 2], activation=[name, "softmax"], dtype=dtype, seed=0), tmp_path, f"{i}.safetensors")
    saved(fn.Network([1, 1], seed=0), tmp_path, "2.safetensors")
    text = run("make", "-C", SOURCES, "fuzz", f"BUILD={tmp_path}", "SECONDS=5", "SEED=1",
               f"CORPUS={' '.join(str(tmp_path / f'{i}.safetensors') for i in range(3))}")
    runs, opened = map(int, re.search(r"(\d+) inputs, (\d+) of them opened", text).groups())
    assert runs > 1000 and 0.05 * runs < opened < 0.95 * runs
