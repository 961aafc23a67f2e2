"""The functions of fastnet.h as ctypes functions, with their argument types: `f.ctypes`, `model.ctypes`."""

import ctypes
from types import SimpleNamespace

from fastnet.embed import capi

OWNER, COUNT, ARRAY, RATE = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_double

# Arrays of each function, in order: those of a length, then single numbers as they stand among them.
NET = {"eval": "xy", "jacobian": "xj", "value_and_jacobian": "xyj", "jvp": "xvo", "vjp": "xuo"}
MODEL = {"model_eval": "pxa", "model_value_and_gradient": "pxyCg", "model_vjp": "pxug", "model_sgd_step": "pxyRC"}


def argument_types(arrays, checked):
    """(net or model, m, arrays ..., workspace): checked, the length of an array follows it."""
    types = [OWNER, COUNT]
    for array in arrays:
        types += [RATE] if array == "R" else [ARRAY] if array == "C" or not checked else [ARRAY, COUNT]
    return types + ([ARRAY, COUNT] if checked else [ARRAY])


def function(name, result, types):
    return ctypes.CFUNCTYPE(result, *types)(capi.ADDRESSES[name])


def functions(owner, names, workspace, dtype):
    """The functions of one precision without prefix and suffix, beside their checked twins."""
    precision = "f32" if dtype.itemsize == 4 else "f64"
    found = SimpleNamespace(owner=ctypes.c_void_p(owner), error_text=error_text,
                            workspace_size=function(f"fastnet_{workspace}_{precision}", COUNT, [OWNER, COUNT]))
    for name, arrays in names.items():
        short = name.removeprefix("model_")
        setattr(found, short, function(f"fastnet_{name}_{precision}", ctypes.c_int, argument_types(arrays, False)))
        setattr(found, f"{short}_checked",
                function(f"fastnet_{name}_{precision}_checked", ctypes.c_int, argument_types(arrays, True)))
    return found


def error_text(code):
    """What an error code means."""
    return function("fastnet_error_text", ctypes.c_char_p, [ctypes.c_int])(code).decode()


def net_functions(address, dtype):
    return functions(address, NET, "workspace_size", dtype)


def model_functions(address, dtype):
    return functions(address, MODEL, "model_workspace_size", dtype)
