"""What fastnet.h calls a model, made from a net: its layers, activations and cost, without parameters."""

from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from libc.stddef cimport size_t
from libc.stdint cimport uintptr_t

import numpy as np

from fastnet._core.capsule cimport capsule_of
from fastnet._core.costs cimport set_cost
from fastnet._core.kernels cimport F32, F64, N_ACTIVATIONS, Model, api


cdef class ModelCore:
    """A model in memory of its own."""

    cdef Model* model
    cdef object bound                      # what its cost points to

    def _make(self, tuple sizes not None, tuple activation not None, object bound not None, dtype):
        """Once, by __init__: others may know where the model lies."""
        cdef size_t[:] size = np.array(sizes, np.uintp)
        cdef int[:] code = np.array(activation, np.intc)
        cdef size_t n_layers = len(activation), n_bytes = api.model_bytes(n_layers)
        cdef int error
        if self.model != NULL:
            raise TypeError("a TrainingModel can't be changed; make a new one")
        self.model = <Model*>PyMem_RawCalloc(1, n_bytes)
        if self.model == NULL:
            raise MemoryError("no memory for a model")
        cdef int[:] known = np.where(np.asarray(code) < N_ACTIVATIONS, code, 0).astype(np.intc)
        cdef Py_ssize_t l
        error = api.model_init(self.model, n_bytes, F32 if dtype == np.float32 else F64, n_layers, &size[0], &known[0], 0, 0)
        if error:
            raise ValueError(api.error_text(error).decode())
        for l in range(<Py_ssize_t>n_layers):
            self.model.layout.activation[l] = code[l]          # the user's own among them
        set_cost(&self.model.layout.cost, bound)
        self.bound = bound

    def __dealloc__(self):
        PyMem_RawFree(self.model)

    def _check_made(self):
        """Before it is told where the model lies, or what it is: nobody may take NULL for a model."""
        if self.model == NULL:
            raise TypeError("the model has no layers yet: __init__ was not called")

    @property
    def _address(self):
        self._check_made()
        return <uintptr_t>self.model

    @property
    def _capsule(self):
        """The model in a capsule that keeps this object alive."""
        self._check_made()
        return capsule_of(self, self.model, "fastnet_model")
