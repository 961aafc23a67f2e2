"""FANN through ctypes: incremental training is online SGD, batch training of pieces is mini-batch SGD.

Its sigmoid is 1 / (1 + exp(-2 s z)) with steepness s = ½, its error function is set to linear (the
default scales errors by a tangent).  In training it clips activations to [0.01, 0.99] before taking σ';
the data keep within.  FANN_TRAIN_BATCH divides the learning rate by the batch's samples.
"""

import ctypes
from ctypes.util import find_library
from itertools import repeat
from pathlib import Path

import numpy as np

import workloads

NAME, OUTPUT = "FANN", "sigmoid"
INCREMENTAL, BATCH = 0, 1
SIGMOID, LINEAR_ERROR = 3, 0
VALUE = {"float32": ctypes.c_float, "float64": ctypes.c_double}


def library(dtype):
    name = {"float32": "floatfann", "float64": "doublefann"}[dtype]
    found = find_library(name)
    if not found:
        raise OSError(f"lib{name} is not installed")
    lib = ctypes.CDLL(found)
    pointer, unsigned, code, value = ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, VALUE[dtype]
    for result, function, *arguments in (
            (pointer, "create_standard_array", unsigned, pointer), (pointer, "create_train", unsigned, unsigned, unsigned),
            (pointer, "run", pointer, pointer), (ctypes.c_float, "train_epoch", pointer, pointer),
            (None, "set_learning_rate", pointer, ctypes.c_float), (None, "set_learning_momentum", pointer, ctypes.c_float),
            (None, "set_training_algorithm", pointer, code), (None, "set_train_error_function", pointer, code),
            (None, "set_activation_function_hidden", pointer, code), (None, "set_activation_function_output", pointer, code),
            (None, "set_activation_steepness_hidden", pointer, value), (None, "set_activation_steepness_output", pointer, value),
            (None, "destroy", pointer), (None, "destroy_train", pointer)):
        function = getattr(lib, f"fann_{function}")
        function.restype, function.argtypes = result, arguments
    return lib


def version():
    """As the files say: the library itself does not tell."""
    for dtype in VALUE:
        library(dtype)
    files = [path.resolve().name for path in Path("/usr/lib").glob("*/libfloatfann.so.*")]
    return max(files).partition(".so.")[2] if files else find_library("floatfann")


class Data(ctypes.Structure):
    """The public beginning of struct fann_train_data: rows lie one after another behind row 0."""

    _fields_ = [("errno_f", ctypes.c_int), ("error_log", ctypes.c_void_p), ("errstr", ctypes.c_void_p),
                ("num_data", ctypes.c_uint), ("num_input", ctypes.c_uint), ("num_output", ctypes.c_uint),
                ("input", ctypes.POINTER(ctypes.c_void_p)), ("output", ctypes.POINTER(ctypes.c_void_p))]


class Head(ctypes.Structure):
    """The public beginning of struct fann.  (fann_set_weight_array searches the net for every weight: hours.)"""

    _fields_ = [("errno_f", ctypes.c_int), ("error_log", ctypes.c_void_p), ("errstr", ctypes.c_void_p),
                ("learning_rate", ctypes.c_float), ("learning_momentum", ctypes.c_float),
                ("connection_rate", ctypes.c_float), ("network_type", ctypes.c_int),
                ("first_layer", ctypes.c_void_p), ("last_layer", ctypes.c_void_p),
                ("total_neurons", ctypes.c_uint), ("num_input", ctypes.c_uint), ("num_output", ctypes.c_uint),
                ("weights", ctypes.c_void_p)]


class Net:
    """A net of FANN's with the common start; its weights go neuron by neuron, the bias last."""

    def __init__(self, sizes, dtype, start):
        self.lib, self.sizes = library(dtype), sizes
        self.ann = self.lib.fann_create_standard_array(len(sizes), (ctypes.c_uint * len(sizes))(*sizes))
        for layers in ("hidden", "output"):
            getattr(self.lib, f"fann_set_activation_function_{layers}")(self.ann, SIGMOID)
            getattr(self.lib, f"fann_set_activation_steepness_{layers}")(self.ann, 0.5)
        head = ctypes.cast(self.ann, ctypes.POINTER(Head)).contents
        if (head.num_input, head.num_output) != (sizes[0], sizes[-1]) or not head.weights:
            raise RuntimeError("this FANN lays out its nets in another way")
        self.weights = np.ctypeslib.as_array(ctypes.cast(head.weights, ctypes.POINTER(VALUE[dtype])), (len(start),))
        self.weights[:] = np.concatenate([np.column_stack(layer).ravel() for layer in workloads.layers_of(start, sizes)])

    def parameters(self):
        parts, at = [], 0
        for p, n in zip(self.sizes, self.sizes[1:]):
            rows = self.weights[at:at + n * (p + 1)].reshape(n, p + 1)
            parts += [rows[:, :p].ravel(), rows[:, p]]
            at += n * (p + 1)
        return np.concatenate(parts).astype(float)

    def __del__(self):
        self.lib.fann_destroy(self.ann)


class Train(Net):
    def __init__(self, sizes, dtype, X, Y, batch_size, eta, start):
        self.pieces = []
        super().__init__(sizes, dtype, start)
        self.lib.fann_set_train_error_function(self.ann, LINEAR_ERROR)
        self.lib.fann_set_learning_rate(self.ann, eta)
        self.lib.fann_set_learning_momentum(self.ann, 0)
        self.lib.fann_set_training_algorithm(self.ann, INCREMENTAL if batch_size == 1 else BATCH)
        rows = len(X) if batch_size == 1 else batch_size
        self.pieces = [self.piece(X[i:i + rows], Y[i:i + rows]) for i in range(0, len(X), rows)]

    def piece(self, X, Y):
        data = self.lib.fann_create_train(len(X), X.shape[1], Y.shape[1])
        view = ctypes.cast(data, ctypes.POINTER(Data)).contents
        if (view.num_data, view.num_input, view.num_output) != (len(X), X.shape[1], Y.shape[1]):
            raise RuntimeError("this FANN lays out its training data in another way")
        for source, rows in ((X, view.input), (Y, view.output)):
            ctypes.memmove(rows[0], np.ascontiguousarray(source).ctypes.data, source.nbytes)
        return data

    def run(self, epochs):
        train_epoch, ann = self.lib.fann_train_epoch, self.ann
        for _ in range(epochs):
            for piece in self.pieces:
                train_epoch(ann, piece)

    def __del__(self):
        for piece in self.pieces:
            self.lib.fann_destroy_train(piece)
        super().__del__()


class Infer(Net):
    """One sample a call; FANN has no call for a batch."""

    def __init__(self, sizes, dtype, X, start):
        super().__init__(sizes, dtype, start)
        self.X, self.dtype = X, dtype

    def run(self, count):
        run, ann, x = self.lib.fann_run, self.ann, self.X.ctypes.data
        for _ in repeat(None, count):
            run(ann, x)

    def outputs(self):
        out = self.lib.fann_run(self.ann, self.X.ctypes.data)
        return np.ctypeslib.as_array(ctypes.cast(out, ctypes.POINTER(VALUE[self.dtype])), (self.sizes[-1],)).copy()


train = Train


def infer(sizes, dtype, X, start):
    return Infer(sizes, dtype, X, start) if X.ndim == 1 else None
