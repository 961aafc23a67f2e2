"""What is installed: declarations for other compiled code, data, licences, the command; no sources."""

import importlib.metadata
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
