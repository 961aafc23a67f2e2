"""Builds pendulum.pyx in place."""

from Cython.Build import cythonize
from setuptools import Extension, setup

setup(name="pendulum", ext_modules=cythonize([Extension("pendulum", ["pendulum.pyx"])], language_level=3))
