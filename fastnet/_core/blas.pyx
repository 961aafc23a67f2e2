"""Matrix products on row-major arrays, through scipy's BLAS.

scipy.linalg costs far more to import than all of fastnet, so it is imported at the first
`load()`, not with this module: the routines are taken from `scipy.linalg.cython_blas` as
function pointers.  This is the only module that knows scipy's BLAS.

BLAS is column-major.  A row-major matrix is the transpose of a column-major one, so
C = A B is asked for as Cᵀ = Bᵀ Aᵀ: operands swapped, nothing copied.
"""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdlib cimport calloc, free

from fastnet._core.types cimport real

ctypedef void (*sgemm_t)(char*, char*, int*, int*, int*, float*, float*, int*, float*, int*, float*, float*, int*) noexcept nogil
ctypedef void (*dgemm_t)(char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*) noexcept nogil
ctypedef void (*sgemv_t)(char*, int*, int*, float*, float*, int*, float*, int*, float*, float*, int*) noexcept nogil
ctypedef void (*dgemv_t)(char*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*) noexcept nogil
ctypedef void (*sger_t)(int*, int*, float*, float*, int*, float*, int*, float*, int*) noexcept nogil
ctypedef void (*dger_t)(int*, int*, double*, double*, int*, double*, int*, double*, int*) noexcept nogil

cdef sgemm_t sgemm = NULL
cdef dgemm_t dgemm = NULL
cdef sgemv_t sgemv = NULL
cdef dgemv_t dgemv = NULL
cdef sger_t sger = NULL
cdef dger_t dger = NULL


cdef int load() except -1:
    """Import scipy's BLAS, once.  Raises ImportError if it is not what this module was written for."""
    global sgemm, dgemm, sgemv, dgemv, sger, dger
    if dger != NULL:
        return 0
    from scipy.linalg import cython_blas
    capsules = cython_blas.__pyx_capi__
    sgemm = <sgemm_t>routine(capsules, "sgemm", 13)
    dgemm = <dgemm_t>routine(capsules, "dgemm", 13)
    sgemv = <sgemv_t>routine(capsules, "sgemv", 11)
    dgemv = <dgemv_t>routine(capsules, "dgemv", 11)
    sger = <sger_t>routine(capsules, "sger", 9)
    warm_up[float]()
    warm_up[double]()
    dger = <dger_t>routine(capsules, "dger", 9)    # last: it says that all are there
    return 0


cdef void* routine(dict capsules, str name, int n_arguments) except NULL:
    """Address of one BLAS routine, its signature checked: every dimension must be a 32-bit int."""
    if name not in capsules:
        raise ImportError(f"scipy.linalg.cython_blas has no {name}; fastnet needs scipy >= 1.11")
    capsule = capsules[name]
    cdef const char* signature = PyCapsule_GetName(capsule)
    arguments = signature.decode().partition("(")[2].rstrip(")").split(",")
    kinds = {argument.strip() for argument in arguments}
    if len(arguments) != n_arguments or "int *" not in kinds:
        raise ImportError(f"scipy.linalg.cython_blas.{name} has the signature {signature.decode()}; "
                          f"fastnet needs {n_arguments} arguments and 32-bit integers (an LP64 build of scipy)")
    return PyCapsule_GetPointer(capsule, signature)


cdef int warm_up(real* dummy=NULL) except -1:
    """One larger product: until then OpenBLAS has not touched its buffers and runs 2-4 times slower."""
    cdef Py_ssize_t m = 768, n = 64, k = 384
    cdef real* memory = <real*>calloc(m * k + k * n + m * n, sizeof(real))
    if memory == NULL:
        raise MemoryError("no memory for BLAS")
    gemm(False, False, m, n, k, <real>1, memory, memory + m * k, <real>0, memory + m * k + k * n)
    free(memory)
    return 0


cdef void gemm(
    bint transpose_a, bint transpose_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    real alpha, const real* a, const real* b, real beta, real* c,
) noexcept nogil:
    """C = alpha op(A) op(B) + beta C."""
    cdef char ta = b"T" if transpose_a else b"N"
    cdef char tb = b"T" if transpose_b else b"N"
    cdef int rows = <int>m, columns = <int>n, inner = <int>k
    cdef int lda = rows if transpose_a else inner
    cdef int ldb = inner if transpose_b else columns
    if real is float:
        sgemm(&tb, &ta, &columns, &rows, &inner, &alpha, <real*>b, &ldb, <real*>a, &lda, &beta, c, &columns)
    else:
        dgemm(&tb, &ta, &columns, &rows, &inner, &alpha, <real*>b, &ldb, <real*>a, &lda, &beta, c, &columns)


cdef void gemv(
    bint transpose_a, Py_ssize_t m, Py_ssize_t n,
    real alpha, const real* a, const real* x, real beta, real* y,
) noexcept nogil:
    """y = alpha op(A) x + beta y."""
    cdef char ta = b"N" if transpose_a else b"T"
    cdef int rows = <int>m, columns = <int>n, one = 1
    if real is float:
        sgemv(&ta, &columns, &rows, &alpha, <real*>a, &columns, <real*>x, &one, &beta, y, &one)
    else:
        dgemv(&ta, &columns, &rows, &alpha, <real*>a, &columns, <real*>x, &one, &beta, y, &one)


cdef void ger(Py_ssize_t m, Py_ssize_t n, real alpha, const real* x, const real* y, real* a) noexcept nogil:
    """A += alpha x yᵀ."""
    cdef int rows = <int>m, columns = <int>n, one = 1
    if real is float:
        sger(&columns, &rows, &alpha, <real*>y, &one, <real*>x, &one, a, &columns)
    else:
        dger(&columns, &rows, &alpha, <real*>y, &one, <real*>x, &one, a, &columns)
