"""The C surface as other compiled code meets it: signatures that stay, versions that fit, calls that allocate nothing."""

import ctypes
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import fastnet as fn
from fastnet.embed import capi

RECORD = Path(__file__).with_name("capi_signatures.json")
INCLUDE = Path(fn.get_include())

compiler = pytest.mark.skipif(not shutil.which("cc"), reason="cc is not installed")
linux = pytest.mark.skipif(sys.platform != "linux", reason="preloads a library")


# -- signatures ----------------------------------------------------------------------------

def signatures():
    """What cimport sees: names and C types of the functions that capi exports."""
    name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
    return {name: name_of(capsule).decode() for name, capsule in capi.__pyx_capi__.items()}


def test_signatures_are_only_ever_added_to():
    """The record grows with the functions: `python tests/test_capi.py` appends what is new to it."""
    record, found = json.loads(RECORD.read_text(encoding="utf-8")), signatures()
    assert {name: found.get(name) for name in record["cython"]} == record["cython"]
    assert list(capi.ADDRESSES)[:len(record["table"])] == record["table"]
    new = found.keys() - record["cython"].keys(), set(capi.ADDRESSES) - set(record["table"])
    assert new == (set(), set()), "not yet in the record"


def test_the_header_cython_and_the_table_have_the_same_functions():
    converters = {"fastnet_net_of", "fastnet_model_of"}
    assert signatures().keys() - converters == capi.ADDRESSES.keys()
    assert len(set(capi.ADDRESSES.values())) == len(capi.ADDRESSES)


def test_the_codes_of_cython_are_those_of_the_header():
    header = (INCLUDE / "fastnet.h").read_text(encoding="utf-8")
    pxd = (INCLUDE.parent / "capi.pxd").read_text(encoding="utf-8")
    codes = [re.findall(r"\b(FASTNET_(?:OK|ERROR_\w+|F32|F64)) = (\d+)", text) for text in (header, pxd)]
    assert dict(codes[0]) == dict(codes[1]) and len(codes[0]) == 19


@compiler
@pytest.mark.parametrize("command", [["cc", "-x", "c", "-std=c99"], ["cc", "-x", "c", "-std=c11"], ["clang", "-x", "c", "-std=c99"],
                                     ["c++", "-x", "c++", "-std=c++11"], ["clang++", "-x", "c++", "-std=c++17"]], ids=" ".join)
@pytest.mark.parametrize("header", ["fastnet.h", "fastnet_python.h"])
def test_headers_compile_without_a_warning(command, header):
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    python = ["-isystem", sysconfig.get_path("include")]
    done = subprocess.run([*command, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", *python, f"-I{INCLUDE}", "-"],
                          input=f'#include "{header}"\nint main(void) {{ return 0; }}\n', capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# -- versions --------------------------------------------------------------------------------

MODULE = """
#include <Python.h>
#include "fastnet_python.h"
static PyObject *outputs(PyObject *self, PyObject *frozen)
{
    const fastnet_net *net = fastnet_net_of(frozen);
    (void)self;
    return net ? PyLong_FromSize_t(fastnet_net_n_outputs(net)) : NULL;
}
static PyObject *again(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    if (import_fastnet() < 0)
        return NULL;
    Py_RETURN_NONE;
}
static PyMethodDef methods[] = {{"outputs", outputs, METH_O, ""}, {"again", again, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "NAME", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_NAME(void)
{
    return import_fastnet() < 0 ? NULL : PyModule_Create(&definition);
}
"""


def extension(folder, name, old="", new=""):
    """An extension module compiled against a copy of the headers, changed."""
    include = folder / f"{name}_include"
    shutil.copytree(INCLUDE, include)
    header = include / "fastnet.h"
    text = header.read_text(encoding="utf-8")
    assert old in text
    header.write_text(text.replace(old, new, 1), encoding="utf-8")
    (folder / f"{name}.c").write_text(MODULE.replace("NAME", name), encoding="utf-8")
    library = folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}", f"-I{include}", f"{name}.c", "-o", library],
                   cwd=folder, check=True)
    spec = importlib.util.spec_from_file_location(name, library)
    return importlib.util.module_from_spec(spec)


@compiler
def test_an_extension_of_this_version_is_served(tmp_path):
    module = extension(tmp_path, "fitting")
    f = fn.Network([2, 3, 4]).freeze()
    assert module.outputs(f) == module.outputs(f.capsule) == 4
    assert module.again() is None
    for wrong in (None, 3, fn.TrainingModel(fn.Network([1, 1])), fn.TrainingModel(fn.Network([1, 1])).capsule):
        with pytest.raises(TypeError, match="expected an object with a capsule named fastnet_net; got "):
            module.outputs(wrong)

    class Fails:
        @property
        def capsule(self):
            raise MemoryError("on purpose")

    with pytest.raises(MemoryError, match="on purpose"):
        module.outputs(Fails())


@compiler
def test_another_version_is_an_import_error(tmp_path):
    with pytest.raises(ImportError, match="compiled for version 99 of fastnet's C API; the installed fastnet has version 1"):
        extension(tmp_path, "other", "#define FASTNET_API_VERSION 1", "#define FASTNET_API_VERSION 99")


@compiler
def test_a_function_that_the_installed_package_has_not_is_an_import_error(tmp_path):
    with pytest.raises(ImportError, match=r"compiled for a newer fastnet, whose table of functions has \d+ bytes; that of the "
                                          r"installed fastnet has \d+"):
        extension(tmp_path, "newer", "FASTNET_MODEL_FUNCTIONS(X, double, f64)",
                  "FASTNET_MODEL_FUNCTIONS(X, double, f64) X(int, not_yet, (void))")


@compiler
def test_a_header_with_fewer_functions_is_served(tmp_path):
    module = extension(tmp_path, "older", "    FASTNET_MODEL_FUNCTIONS(X, double, f64)\n", "\n")
    assert module.outputs(fn.Network([2, 3, 4]).freeze()) == 4


# -- allocations -----------------------------------------------------------------------------

SHIM = """
#define _GNU_SOURCE
#include <stddef.h>
#include <string.h>
#include <dlfcn.h>
size_t allocations = 0;
static char early[4096];      /* dlsym may ask for memory before malloc is known */
static size_t used = 0;
static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }
void *malloc(size_t n)
{
    static void *(*real)(size_t);
    if (!real) real = next("malloc");
    allocations++;
    return real(n);
}
void *calloc(size_t m, size_t n)
{
    static void *(*real)(size_t, size_t);
    static int looking;
    if (!real) {
        if (looking) { used += m * n; return early + used - m * n; }
        looking = 1;
        real = next("calloc");
        looking = 0;
    }
    allocations++;
    return real(m, n);
}
void *realloc(void *p, size_t n)
{
    static void *(*real)(void *, size_t);
    if (!real) real = next("realloc");
    allocations++;
    return real(p, n);
}
int posix_memalign(void **p, size_t a, size_t n)
{
    static int (*real)(void **, size_t, size_t);
    if (!real) real = next("posix_memalign");
    allocations++;
    return real(p, a, n);
}
void *aligned_alloc(size_t a, size_t n)
{
    static void *(*real)(size_t, size_t);
    if (!real) real = next("aligned_alloc");
    allocations++;
    return real(a, n);
}
"""

LOOP = """
#include <stdlib.h>
#include "fastnet.h"
extern size_t allocations;
#define CALLS(P, REAL)                                                                                              \\
    size_t count_##P(const fastnet_api *api, const fastnet_net *net, const fastnet_model *model, size_t m, size_t n, \\
                     const REAL *x, REAL *y, REAL *jacobian, REAL *parameters, REAL *gradient, void *work)          \\
    {                                                                                                               \\
        const size_t before = allocations;                                                                          \\
        double cost;                                                                                                \\
        for (size_t i = 0; i < n; i++) {                                                                            \\
            api->eval_##P(net, m, x, y, work);                                                                      \\
            api->value_and_jacobian_##P(net, m, x, y, jacobian, work);                                              \\
            api->jvp_##P(net, m, x, x, y, work);                                                                    \\
            api->vjp_##P(net, m, x, y, gradient, work);                                                             \\
            api->model_eval_##P(model, m, parameters, x, y, work);                                                  \\
            api->model_value_and_gradient_##P(model, m, parameters, x, y, &cost, gradient, work);                   \\
            api->model_sgd_step_##P(model, m, parameters, x, y, 0.01, &cost, work);                                 \\
        }                                                                                                           \\
        return allocations - before;                                                                                \\
    }
CALLS(f32, float)
CALLS(f64, double)
size_t count_of_two(void)      /* that the shim counts at all */
{
    const size_t before = allocations;
    void *volatile a = malloc(10);
    void *volatile b = calloc(3, 7);
    free(a);
    free(b);
    return allocations - before;
}
"""

COUNT = """
import ctypes, sys
import numpy as np
import fastnet as fn
from fastnet.embed import capi
loop = ctypes.CDLL(sys.argv[1])
loop.count_of_two.restype = ctypes.c_size_t
print("shim", loop.count_of_two())
pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
api = pointer_of(capi._C_API, b"fastnet.embed.capi._C_API")
for dtype, name in (("float32", "f32"), ("float64", "f64")):
    for sizes in [(10, 64, 64, 1), (3, 200, 5)]:
        net = fn.Network(sizes, activation="gelu", dtype=dtype, seed=0)
        f, model = net.freeze(), fn.TrainingModel(net)
        for m in (1, 40):
            x, y = np.random.default_rng(0).random((m, sizes[0])).astype(dtype), np.empty((m, sizes[-1]), dtype)
            jacobian, gradient = np.empty((m, sizes[-1], sizes[0]), dtype), np.empty(net.n_parameters, dtype)
            work = np.empty(max(f.ctypes.workspace_size(f.address, m), model.ctypes.workspace_size(model.address, m)), np.uint8)
            count = loop["count_" + name]
            count.restype, count.argtypes = ctypes.c_size_t, [ctypes.c_void_p] * 3 + [ctypes.c_size_t] * 2 + [ctypes.c_void_p] * 6
            arrays = [array.ctypes.data for array in (x, y, jacobian, net.parameters, gradient, work)]
            print(name, sizes, m, count(api, f.address, model.address, m, 200, *arrays))
"""


@linux
@compiler
def test_a_call_allocates_nothing(tmp_path):
    """Counted by a library that stands before libc's allocator, in a process of its own."""
    for name, source in {"shim": SHIM, "loop": LOOP}.items():
        (tmp_path / f"{name}.c").write_text(source, encoding="utf-8")
        subprocess.run(["cc", "-O1", "-std=gnu11", "-shared", "-fPIC", "-fno-builtin", f"-I{INCLUDE}", f"{name}.c", "-o", f"{name}.so",
                        "-ldl"], cwd=tmp_path, check=True)
    done = subprocess.run([sys.executable, "-c", COUNT, str(tmp_path / "loop.so")], capture_output=True, text=True,
                          env={**os.environ, "LD_PRELOAD": str(tmp_path / "shim.so")})
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first == "shim 2"
    assert len(lines) == 8 and all(line.split()[-1] == "0" for line in lines), done.stdout


if __name__ == "__main__":
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    record["cython"] = dict(sorted((signatures() | record["cython"]).items()))
    record["table"] += [name for name in capi.ADDRESSES if name not in record["table"]]
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
