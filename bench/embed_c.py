"""What a call on a frozen net costs compiled code, beside the kernel that it ends in; and two threads beside one.

A few lines of C and of Cython, compiled here, call one net on one sample over and over: the kernel by its
address in the table of kernels ("kernel"), fastnet_eval_* through the table of the capsule ("C") and through
cimport ("Cython"), and its checked twin ("checked").  Sides take turns; the medians of the turns' ratios count.
Threads: POSIX threads, no Python, each with a work space of its own on the same net; the same calls in each.
Needs a C compiler ($CC or cc), Cython and setuptools, and fastnet_kernels.h, of the checkout or as installed.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import environment  # noqa: F401  (before NumPy: one BLAS thread)
import numpy as np

import fastnet as fn

NETS = [(4, 8, 3), (2, 16, 16, 1), (10, 64, 64, 1), (784, 30, 10)]
KERNELS = [Path(__file__).resolve().parent.parent / "src_c", Path(fn.__file__).parent / "include"]    # fastnet_kernels.h

HEADER = """
#include <pthread.h>
#include "fastnet_python.h"
#include "fastnet_kernels.h"

#define LOOPS(REAL, P)                                                                                             \\
    static void kernel_##P(size_t n, const fastnet_net *net, const REAL *x, REAL *y, void *work)                   \\
    {                                                                                                              \\
        const fastnet_kernels_##P *kernels = net->kernels;                                                         \\
        const fastnet_data data = {.x = x, .m = 1};                                                                \\
        const void *row[1];                                                                                        \\
        REAL *aligned = (REAL *)(((uintptr_t)work + 63) / 64 * 64);                                                \\
        for (size_t i = 0; i < n; i++)                                                                             \\
            kernels->predict(net, &data, 1, y, aligned, row);                                                      \\
    }                                                                                                              \\
    static void plain_##P(size_t n, const fastnet_net *net, const REAL *x, REAL *y, void *work)                    \\
    {                                                                                                              \\
        for (size_t i = 0; i < n; i++)                                                                             \\
            fastnet_eval_##P(net, 1, x, y, work);                                                                  \\
    }                                                                                                              \\
    static void checked_##P(size_t n, const fastnet_net *net, const REAL *x, REAL *y, void *work)                  \\
    {                                                                                                              \\
        const size_t n_x = fastnet_net_n_inputs(net), n_y = fastnet_net_n_outputs(net);                            \\
        const size_t bytes = fastnet_workspace_size_##P(net, 1);                                                   \\
        for (size_t i = 0; i < n; i++)                                                                             \\
            fastnet_eval_##P##_checked(net, 1, x, n_x, y, n_y, work, bytes);                                       \\
    }
LOOPS(float, f32)
LOOPS(double, f64)

typedef struct { size_t n; const fastnet_net *net; const double *x; double *y; void *work; } share;
static void *run(void *given)
{
    share *s = given;
    plain_f64(s->n, s->net, s->x, s->y, s->work);
    return NULL;
}
/* n calls in each of k <= 8 threads; y and work hold what each needs, y_step and work_step apart. */
static int together(size_t k, size_t n, const fastnet_net *net, const double *x, double *y, size_t y_step, char *work, size_t work_step)
{
    pthread_t thread[8];
    share s[8];
    for (size_t i = 0; i < k; i++) {
        s[i] = (share){n, net, x, y + i * y_step, work + i * work_step};
        if (pthread_create(&thread[i], NULL, run, &s[i]))
            return -1;
    }
    for (size_t i = 0; i < k; i++)
        pthread_join(thread[i], NULL);
    return 0;
}
"""

MODULE = '''
# cython: language_level=3
from fastnet.embed.capi cimport fastnet_eval_f32, fastnet_eval_f64, fastnet_net, fastnet_net_of
from libc.stdint cimport uintptr_t
cdef extern from "loops.h":
    int import_fastnet() except -1
    void kernel_f32(size_t n, const fastnet_net* net, const float* x, float* y, void* work) noexcept
    void plain_f32(size_t n, const fastnet_net* net, const float* x, float* y, void* work) noexcept
    void checked_f32(size_t n, const fastnet_net* net, const float* x, float* y, void* work) noexcept
    void kernel_f64(size_t n, const fastnet_net* net, const double* x, double* y, void* work) noexcept
    void plain_f64(size_t n, const fastnet_net* net, const double* x, double* y, void* work) noexcept
    void checked_f64(size_t n, const fastnet_net* net, const double* x, double* y, void* work) noexcept
    int run_together "together"(size_t k, size_t n, const fastnet_net* net, const double* x, double* y, size_t y_step,
                                char* work, size_t work_step) except -1 nogil
import_fastnet()
ctypedef void (*loop_f32)(size_t n, const fastnet_net* net, const float* x, float* y, void* work) noexcept
ctypedef void (*loop_f64)(size_t n, const fastnet_net* net, const double* x, double* y, void* work) noexcept

cdef void cython_f32(size_t n, const fastnet_net* net, const float* x, float* y, void* work) noexcept nogil:
    cdef size_t i
    for i in range(n):
        fastnet_eval_f32(net, 1, x, y, work)

cdef void cython_f64(size_t n, const fastnet_net* net, const double* x, double* y, void* work) noexcept nogil:
    cdef size_t i
    for i in range(n):
        fastnet_eval_f64(net, 1, x, y, work)

def calls(side, f, size_t n, uintptr_t x, uintptr_t y, uintptr_t work):
    """n calls on one sample by one side."""
    cdef const fastnet_net* net = fastnet_net_of(f)
    cdef int which = ("kernel", "C", "Cython", "checked").index(side)
    cdef loop_f32[4] f32
    cdef loop_f64[4] f64
    f32[0], f32[1], f32[2], f32[3] = kernel_f32, plain_f32, cython_f32, checked_f32
    f64[0], f64[1], f64[2], f64[3] = kernel_f64, plain_f64, cython_f64, checked_f64
    if f.dtype.itemsize == 4:
        f32[which](n, net, <float*>x, <float*>y, <void*>work)
    else:
        f64[which](n, net, <double*>x, <double*>y, <void*>work)

def together(f, size_t k, size_t n, uintptr_t x, uintptr_t y, size_t y_step, uintptr_t work, size_t work_step):
    cdef const fastnet_net* net = fastnet_net_of(f)
    with nogil:
        run_together(k, n, net, <double*>x, <double*>y, y_step, <char*>work, work_step)
'''
SIDES = ("kernel", "C", "Cython", "checked")


def compiled(folder):
    """The loops as an extension module."""
    folder = Path(folder)
    (folder / "loops.h").write_text(HEADER)
    (folder / "embed_loops.pyx").write_text(MODULE)
    root = Path(fn.__file__).resolve().parent.parent
    subprocess.run([sys.executable, "-m", "cython", "-3", "-I", root, "embed_loops.pyx"], cwd=folder, check=True)
    library = folder / f"embed_loops{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = [f"-I{path}" for path in (sysconfig.get_path("include"), fn.get_include(), *KERNELS, folder)]
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-pthread", *include, "embed_loops.c", "-o", library],
                   cwd=folder, check=True)
    spec = importlib.util.spec_from_file_location("embed_loops", library)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ratios(loops, f, x, y, n, turns):
    """ns of the kernel, and the median over turns of each side's time over the kernel's in that turn."""
    work = np.zeros(f.ctypes.workspace_size(f.address, 1) + 64, np.uint8)
    found = []
    for turn in range(turns):
        order = SIDES[turn % 4:] + SIDES[:turn % 4]            # nobody always follows the same side
        found.append({side: seconds(lambda: loops.calls(side, f, n, x.ctypes.data, y.ctypes.data, work.ctypes.data)) for side in order})
        np.testing.assert_allclose(y, f(x), rtol=1e-4)
    kernel = statistics.median(turn["kernel"] for turn in found) / n * 1e9
    return kernel, {side: statistics.median(turn[side] / turn["kernel"] for turn in found) for side in SIDES[1:]}


def threads(loops, f, x, n, turns):
    """How many times as many calls two threads make in a second."""
    y_step, work_step = f.sizes[-1] + 16, f.ctypes.workspace_size(f.address, 1) + 128      # cache lines of their own
    y, work = np.zeros(2 * y_step), np.zeros(2 * work_step, np.uint8)

    def run(k):
        return seconds(lambda: loops.together(f, k, n, x.ctypes.data, y.ctypes.data, y_step, work.ctypes.data, work_step))
    return statistics.median(2 * run(1) / run(2) for _ in range(turns))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="few calls: does it run?")
    parser.add_argument("--no-threads", action="store_true", help="one thread only")
    args = parser.parse_args()
    turns, work = (2, 2e5) if args.quick else (args.turns, 3e6)
    with tempfile.TemporaryDirectory() as folder:
        loops = compiled(folder)
    print("one sample a call: ns of the kernel, and the other sides over it")
    for dtype in (np.float32, np.float64):
        for sizes in NETS:
            f = fn.Network(sizes, dtype=dtype, seed=0).freeze()
            x, y = np.random.default_rng(0).random(sizes[0]).astype(dtype), np.empty(sizes[-1], dtype)
            n = int(work / (f.parameters.size + 500)) + 1         # some 0.2 ms: most turns are left alone by others
            kernel, over = ratios(loops, f, x, y, n, turns)
            line = "  ".join(f"{side} x{ratio:.2f}" for side, ratio in over.items())
            if dtype == np.float64 and not args.no_threads:
                line += f"   two threads x{threads(loops, f, x, 30 * n, turns // 10 + 1):.2f} the calls of one"
            print(f"  {np.dtype(dtype).name} {str(list(sizes)):18} {kernel:7.0f}   {line}", flush=True)


if __name__ == "__main__":
    main()
