"""Builds the compiled core: Cython modules in fastnet/_core, C kernels in src_c.

Everything else is said in pyproject.toml.
"""

import os
import sys
from glob import glob
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "freethreading_compatible": False,
}

# -fno-trapping-math lets gcc vectorise the activations; unlike -ffast-math neither flag
# changes a result or the state of the processor.
COMPILE_ARGS = (
    ["/O2"] if sys.platform == "win32"
    else ["-O3", "-std=c11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast",
          "-fvisibility=hidden"]
)


def extensions():
    """One extension per .pyx; only `kernels` is linked with the C kernels."""
    for source in sorted(glob("fastnet/_core/*.pyx")):
        name = Path(source).stem
        yield Extension(
            f"fastnet._core.{name}",
            [source] + (sorted(glob("src_c/*.c")) if name == "kernels" else []),
            include_dirs=["src_c", np.get_include()],
            depends=sorted(glob("src_c/*.inc") + glob("src_c/*.h")),
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"),
                           ("FASTNET_COMPILE_FLAGS", '"%s"' % " ".join(COMPILE_ARGS))],
            extra_compile_args=COMPILE_ARGS,
        )


setup(ext_modules=cythonize(
    list(extensions()),
    compiler_directives=DIRECTIVES,
    nthreads=os.cpu_count() or 1,
    annotate=bool(os.environ.get("FASTNET_ANNOTATE")),
))
