"""Fixtures of the whole suite."""

import os
import shutil
import subprocess
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from fastnet._core import kernels

hypothesis.settings.register_profile("fastnet", deadline=None)     # how long an example takes is the machine's affair
hypothesis.settings.load_profile("fastnet")


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


@pytest.fixture(params=kernels.LEVELS)
def level(request):
    """Runs the test with the kernels of every instruction level that this processor has."""
    before = kernels.level()
    kernels.select_level(request.param)
    yield request.param
    kernels.select_level(before)


@pytest.fixture(params=["plain", "fast"])
def path(request, monkeypatch):
    """Runs the test with the fast paths off and on."""
    monkeypatch.setenv("FASTNET_PATH", request.param)
    return request.param


@pytest.fixture(scope="session")
def libfastnet(tmp_path_factory):
    """Where libfastnet is installed: what FASTNET_LIBRARY names, else built from the sources beside the tests."""
    if given := os.environ.get("FASTNET_LIBRARY"):
        return Path(given)
    sources = Path(__file__).resolve().parent.parent / "src_c"
    if not sources.is_dir() or not shutil.which("make") or not shutil.which("cc"):
        pytest.skip("libfastnet needs its sources, make and cc; or FASTNET_LIBRARY, where it is installed")
    folder = tmp_path_factory.mktemp("libfastnet")
    done = subprocess.run(["make", "-s", "-C", sources, "install", f"BUILD={folder / 'build'}", f"PREFIX={folder / 'installed'}"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "installed"
