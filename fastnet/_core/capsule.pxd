"""Pointers for other code, in capsules that keep what they point into alive."""

from cpython.pycapsule cimport PyCapsule_GetContext, PyCapsule_New, PyCapsule_SetContext
from cpython.ref cimport Py_DECREF, Py_INCREF


cdef inline object capsule_of(object owner, void* pointer, const char* name):
    """`pointer` lies in memory of the owner's."""
    capsule = PyCapsule_New(pointer, name, release)
    Py_INCREF(owner)
    PyCapsule_SetContext(capsule, <void*>owner)
    return capsule


cdef inline void release(object capsule) noexcept:
    Py_DECREF(<object>PyCapsule_GetContext(capsule))
