"""Fixtures of the whole suite."""

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
