"""What this fastnet is and runs on: for bug reports and for benchmarks' headings."""

import platform
import sys

import numpy as np

from fastnet._core import kernels
from fastnet._version import __version__


def config():
    """Versions, the instruction level in use and those at hand, build facts; a flat dict of str."""
    import scipy
    return {
        "fastnet": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu level": kernels.level(),
        "cpu levels": " ".join(kernels.LEVELS),
        "compiler": kernels.COMPILER,
        "compile flags": kernels.COMPILE_FLAGS,
        "blas": "scipy.linalg.cython_blas, loaded" if "scipy.linalg.cython_blas" in sys.modules
                else "scipy.linalg.cython_blas, at first need",
    }


def show_config():
    """Print versions, the CPU level in use (FASTNET_CPU selects one), BLAS and build flags.

    Examples
    --------
    >>> import fastnet as fn
    >>> fn.show_config()  # doctest: +ELLIPSIS
    fastnet        ...
    """
    for name, value in config().items():
        print(f"{name:<14} {value}")
