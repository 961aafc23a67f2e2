"""What is installed: declarations for other compiled code, data, licences, the command; no sources."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastnet as fn
from fastnet._core import kernels

PACKAGE = Path(fn.__file__).parent
IN_PLACE = (PACKAGE.parent / "setup.py").exists()

installed = pytest.mark.skipif(IN_PLACE, reason="a build in place: there is no installed distribution to look at")


def files():
    return {str(path).replace("\\", "/") for path in importlib.metadata.files("fastnet-dense")}


@pytest.mark.parametrize("name", ["py.typed", "__init__.pyi", "_core/__init__.pxd", "_core/types.pxd", "_core/kernels.pxd",
                                  "_core/backprop.pxd", "_core/layout.pxd", "embed/capi.pxd", "embed/include/fastnet.h",
                                  "embed/include/fastnet_python.h", "datasets/digits.npz", "datasets/README.md"])
def test_the_package_holds(name):
    assert (PACKAGE / name).is_file()
    assert IN_PLACE or f"fastnet/{name}" in files()


@installed
def test_an_installed_package_holds_the_header_and_no_sources_of_compiled_modules():
    assert "fastnet/include/fastnet_kernels.h" in files()
    assert not [name for name in files() if name.endswith((".pyx", ".c", ".inc"))]
    assert not [name for name in files() if name.startswith(("tests/", "bench/", "src_c/", "docs/", "examples/"))]


@installed
def test_the_distribution_says_what_the_package_is():
    about = importlib.metadata.metadata("fastnet-dense")
    assert about["Version"] == fn.__version__
    assert about["License-Expression"] == "MIT"
    assert {"LICENSE", "fastnet/datasets/README.md"} == set(about.get_all("License-File"))
    needs = {re.match(r"\w+", line)[0] for line in about.get_all("Requires-Dist") if "extra" not in line}
    assert needs == {"numpy", "scipy"}


@installed
def test_the_command_is_installed_and_says_the_version():
    command = shutil.which("fastnet", path=str(Path(sys.executable).parent))
    result = subprocess.run([command, "config"], capture_output=True, text=True, check=True)
    assert result.stdout.split("\n")[0].split() == ["fastnet", fn.__version__]


@installed
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("readelf"), reason="looks into ELF files with readelf")
@pytest.mark.skipif("-g" in kernels.COMPILE_FLAGS.split(), reason="built with FASTNET_DEBUG_SYMBOLS=1")
def test_compiled_modules_carry_no_debug_symbols():
    modules = sorted((PACKAGE / "_core").glob("*.so"))
    assert modules
    for module in modules:
        assert ".debug_info" not in subprocess.run(["readelf", "-S", "-W", module], capture_output=True, text=True).stdout


# -- builds for people with their own profilers ---------------------------------------

SETUP = Path(__file__).resolve().parent.parent / "setup.py"
VARIABLES = ("FASTNET_DEBUG", "FASTNET_DEBUG_SYMBOLS", "FASTNET_TRACE")
here = pytest.mark.skipif(not SETUP.exists(), reason="setup.py is not beside the tests")


@pytest.fixture
def setup_with(monkeypatch):
    """setup.py as it reads the environment, with these variables of its own set and no other."""
    pytest.importorskip("Cython")
    monkeypatch.chdir(SETUP.parent)                          # it looks for sources from there

    def read(*variables):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name in variables:
            monkeypatch.setenv(name, "1")
        spec = importlib.util.spec_from_file_location("fastnet_setup", SETUP)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return read


@here
@pytest.mark.skipif(sys.platform == "win32", reason="no symbols asked for there")
def test_a_build_with_symbols_differs_in_nothing_else(setup_with):
    plain, symbols = setup_with(), setup_with("FASTNET_DEBUG_SYMBOLS")
    assert set(symbols.compile_args()) - set(plain.compile_args()) == {"-g"}
    assert set(plain.compile_args()) < set(symbols.compile_args()) and "-O3" in symbols.compile_args()
    assert not symbols.link_args() and symbols.DIRECTIVES == plain.DIRECTIVES
    built = {extension.name: extension for extension in symbols.extensions()}
    assert "fastnet._core.kernels" in built and all("-g" in extension.extra_compile_args for extension in built.values())


@here
def test_a_build_that_reports_lines_says_so_to_cython_and_to_the_compiler(setup_with):
    macro = "CYTHON_TRACE_NOGIL", "1"
    plain, trace = setup_with(), setup_with("FASTNET_TRACE")
    assert trace.DIRECTIVES == plain.DIRECTIVES | {"linetrace": True} and not plain.DIRECTIVES["linetrace"]
    assert all(macro in extension.define_macros for extension in trace.extensions())
    assert not any(macro in extension.define_macros for extension in plain.extensions())
    assert trace.compile_args() == plain.compile_args()


SOURCE = """
cdef double twice(double x) noexcept nogil:
    return 2 * x

def call(double x):
    cdef double y
    with nogil:
        y = twice(x)
    return y
"""
RUN = """
import sys
import small
seen = set()
def trace(frame, event, argument):
    if event == "line" and frame.f_code.co_filename.endswith("small.pyx"):
        seen.add(frame.f_lineno)
    return trace
sys.settrace(trace)
assert small.call(3) == 6
sys.settrace(None)
print(*sorted(seen))
"""


@here
@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="lines are reported to sys.monitoring there, not to sys.settrace")
@pytest.mark.parametrize("variables, lines", [(("FASTNET_TRACE",), "3 7 8 9"), ((), "")], ids=["FASTNET_TRACE", "no variable"])
def test_lines_are_reported_with_and_without_the_gil_only_where_asked_for(setup_with, tmp_path, variables, lines):
    read = setup_with(*variables)
    (tmp_path / "small.pyx").write_text(SOURCE)
    (tmp_path / "setup.py").write_text(f"""
from Cython.Build import cythonize
from setuptools import Extension, setup
setup(ext_modules=cythonize([Extension("small", ["small.pyx"], define_macros={list(read.extensions())[0].define_macros})],
                            compiler_directives={read.DIRECTIVES}))
""")
    for command in (["setup.py", "-q", "build_ext", "--inplace"], ["-c", RUN]):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                              env={**os.environ, "CFLAGS": "-O0"})
        assert done.returncode == 0, done.stderr
    assert done.stdout.split() == lines.split()
