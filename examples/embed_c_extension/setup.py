"""Builds ensemble.c in place."""

import fastnet
from setuptools import Extension, setup

setup(name="ensemble", ext_modules=[Extension(
    "ensemble", ["ensemble.c"], include_dirs=[fastnet.get_include()],
    extra_compile_args=["-std=c99", "-Wall", "-Wextra", "-pthread"], extra_link_args=["-pthread"])])
