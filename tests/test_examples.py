"""Every example is built and run, in a directory of its own, as a reader would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NEEDS = {"embed_c_extension": "cc", "embed_c_standalone": "cc", "embed_cpp": "c++", "embed_cython": "cc",
         "embed_fortran": "gfortran"}                                     # compiled ones
BY_LIBRARY = ["embed_c_standalone", "embed_cpp", "embed_fortran"]         # with a program for libfastnet too


@pytest.mark.parametrize("example", sorted(path.parent.name for path in EXAMPLES.glob("*/run.py")))
def test_an_example_runs(example, tmp_path):
    compiler = NEEDS.get(example)
    if compiler and not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    done = subprocess.run([sys.executable, EXAMPLES / example / "run.py", tmp_path / "built"], capture_output=True, text=True,
                          cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["built"]


@pytest.mark.parametrize("example", BY_LIBRARY)
def test_an_example_runs_by_libfastnet(example, tmp_path, libfastnet):
    for program in (NEEDS[example], "pkg-config"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    if not (EXAMPLES / example).is_dir():
        pytest.skip("the examples are not beside the tests")
    environment = os.environ | {"PKG_CONFIG_PATH": str(libfastnet / "lib" / "pkgconfig")}
    done = subprocess.run([sys.executable, EXAMPLES / example / "run.py", tmp_path / "built"], capture_output=True, text=True,
                          cwd=tmp_path, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "libfastnet" in done.stdout and "left out" not in done.stdout


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not beside the tests")
def test_the_examples_are_there_and_say_what_they_are():
    assert NEEDS.keys() <= {path.name for path in EXAMPLES.iterdir()}
    assert all((path.parent / "README.md").exists() for path in EXAMPLES.glob("*/run.py"))
