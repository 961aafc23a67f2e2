"""Builds the compiled core: Cython modules in fastnet/_core, C kernels in src_c.

Everything else is said in pyproject.toml.  Variables of the environment:
FASTNET_ANNOTATE=1 writes Cython's annotated HTML, FASTNET_DEBUG_SYMBOLS=1 keeps symbols, FASTNET_TRACE=1 reports
lines of Cython to line_profiler and coverage, FASTNET_DEBUG=1 builds with bounds checks and sanitizers.
"""

import os
import sys
from glob import glob
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

DEBUG = bool(os.environ.get("FASTNET_DEBUG"))
SYMBOLS = DEBUG or bool(os.environ.get("FASTNET_DEBUG_SYMBOLS"))
TRACE = bool(os.environ.get("FASTNET_TRACE"))

DIRECTIVES = {"language_level": 3, "boundscheck": DEBUG, "wraparound": False, "cdivision": True,
              "initializedcheck": DEBUG, "linetrace": TRACE}


def compile_args():
    """-fno-trapping-math lets gcc vectorise the activations; unlike -ffast-math neither it nor
    contraction to fused multiply-adds changes the state of the processor.  clang-cl takes the
    same flags with /clang: before them."""
    flags = Path("src_c/flags.txt").read_text(encoding="ascii").split()      # libfastnet is compiled with them too
    if sys.platform == "win32":
        return [f"/clang:{flag}" for flag in flags]
    if SYMBOLS:
        flags.append("-g")
    if DEBUG:
        flags += ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    return flags


def link_args():
    if DEBUG and sys.platform != "win32":
        return ["-fsanitize=address,undefined"]
    return [] if SYMBOLS or sys.platform in ("darwin", "win32") else ["-Wl,--strip-debug"]


def extensions():
    """One extension per .pyx; only `kernels` is linked with the C kernels."""
    for source in sorted(glob("fastnet/_core/*.pyx") + glob("fastnet/embed/*.pyx")):
        name = Path(source).stem
        yield Extension(
            ".".join(Path(source).with_suffix("").parts),
            [source] + (sorted(glob("src_c/*.c")) if name == "kernels" else []),
            include_dirs=["src_c", "fastnet/embed/include", np.get_include()],
            depends=sorted(glob("src_c/*.inc") + glob("src_c/*.h")) + ["fastnet/embed/include/fastnet.h"],
            libraries=["m"] if name == "kernels" and sys.platform != "win32" else [],      # sin of huge arguments
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"),
                           ("FASTNET_COMPILE_FLAGS", '"%s"' % " ".join(compile_args()))]
            + ([("FASTNET_BY_TABLE", None)] if name == "capi" else [])
            + ([("CYTHON_TRACE_NOGIL", "1")] if TRACE else []),     # functions without the GIL too: they take it, each line
            extra_compile_args=compile_args(),
            extra_link_args=link_args(),
        )


class BuildWithHeaders(build_py):
    """Puts the header that the installed .pxd files name into the package."""

    def run(self):
        super().run()
        if not self.editable_mode:
            include = Path(self.build_lib, "fastnet", "include")
            self.mkpath(str(include))
            self.copy_file("src_c/fastnet_kernels.h", str(include))


class BuildWithClang(build_ext):
    """Compiles extensions side by side; with clang-cl on Windows: the kernels' vector types are gcc's and clang's, not MSVC's.

    setuptools knows cl.exe only and takes no CC there.  Never run so far: see [tool.cibuildwheel].
    """

    def build_extensions(self):
        if sys.platform == "win32":
            self.compiler.initialize()
            self.compiler.cc = "clang-cl"
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()


if __name__ == "__main__":             # cythonize's workers may import this file again
    setup(
        cmdclass={"build_py": BuildWithHeaders, "build_ext": BuildWithClang},
        ext_modules=cythonize(list(extensions()), compiler_directives=DIRECTIVES, nthreads=os.cpu_count() or 1,
                              annotate=bool(os.environ.get("FASTNET_ANNOTATE")), force="--force" in sys.argv))
