/* fastnet.h for Python extension modules: the functions of the installed package, found at run time.
 *
 *     #include <Python.h>
 *     #include "fastnet_python.h"          // include directory: fastnet.get_include()
 *
 * Call import_fastnet() in the module's init function, and in every source file that includes this
 * header before its first call; it is cheap and may be repeated.  It returns 0, or -1 with ImportError
 * set.  After that everything of fastnet.h may be called, without Python's lock too. */
#ifndef FASTNET_PYTHON_H
#define FASTNET_PYTHON_H

#include <Python.h>

#if defined(FASTNET_H) && !defined(FASTNET_BY_TABLE)
#error "fastnet_python.h takes the place of fastnet.h: include one of them"
#endif
#ifndef FASTNET_BY_TABLE
#define FASTNET_BY_TABLE
#endif
#include "fastnet.h"

#define FASTNET_POINTER(type, name, arguments) static type(*fastnet_##name) arguments;
FASTNET_FUNCTIONS(FASTNET_POINTER)
#undef FASTNET_POINTER

static inline void fastnet_use(const fastnet_api *table)
{
#define FASTNET_ASSIGN(type, name, arguments) fastnet_##name = table->name;
    FASTNET_FUNCTIONS(FASTNET_ASSIGN)
#undef FASTNET_ASSIGN
}

static inline int import_fastnet(void)
{
    PyObject *module = PyImport_ImportModule("fastnet.embed.capi");
    PyObject *capsule = module ? PyObject_GetAttrString(module, "_C_API") : NULL;
    const fastnet_api *table = capsule ? (const fastnet_api *)PyCapsule_GetPointer(capsule, "fastnet.embed.capi._C_API") : NULL;
    Py_XDECREF(capsule);               /* the table itself is static */
    Py_XDECREF(module);
    if (!table)
        return -1;
    if (table->version != FASTNET_API_VERSION) {
        PyErr_Format(PyExc_ImportError,
                     "this module was compiled for version %zu of fastnet's C API; the installed fastnet has version %zu",
                     (size_t)FASTNET_API_VERSION, table->version);
        return -1;
    }
    if (table->size < sizeof *table) {
        PyErr_Format(PyExc_ImportError,
                     "this module was compiled for a newer fastnet, whose table of functions has %zu bytes; that of the "
                     "installed fastnet has %zu",
                     sizeof *table, table->size);
        return -1;
    }
    fastnet_use(table);
    return 0;
}

/* What lies in a capsule of this name, or in the attribute `capsule` of any other object; NULL with TypeError set where
 * there is none, or with what looking for it raised. */
static inline const void *fastnet_from_capsule(PyObject *object, const char *name)
{
    const void *found;
    PyObject *capsule = object;
    if (PyCapsule_CheckExact(object))
        Py_INCREF(object);
    else
        capsule = PyObject_GetAttrString(object, "capsule");
    found = capsule && PyCapsule_IsValid(capsule, name) ? PyCapsule_GetPointer(capsule, name) : NULL;
    Py_XDECREF(capsule);
    if (!found && (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_AttributeError)))
        PyErr_Format(PyExc_TypeError, "expected an object with a capsule named %s; got %.80s", name, Py_TYPE(object)->tp_name);
    return found;
}

/* The net of a FrozenNetwork or of its capsule, valid as long as that object lives; NULL with TypeError set. */
static inline const fastnet_net *fastnet_net_of(PyObject *frozen)
{
    return (const fastnet_net *)fastnet_from_capsule(frozen, "fastnet_net");
}

/* The model of a TrainingModel or of its capsule, likewise. */
static inline const fastnet_model *fastnet_model_of(PyObject *model)
{
    return (const fastnet_model *)fastnet_from_capsule(model, "fastnet_model");
}

#endif
