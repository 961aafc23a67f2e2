/* An extension module that calls frozen nets: with every argument checked, and from threads of its own. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "fastnet_python.h"

enum { MOST_THREADS = 64, CHUNKS = 64, ROWS = 32 };

/* -- apply(f, x, y): the arrays are buffers of doubles ------------------------------------- */

static PyObject *apply(PyObject *self, PyObject *args)
{
    PyObject *frozen;
    Py_buffer x, y;
    (void)self;
    if (!PyArg_ParseTuple(args, "Oy*w*", &frozen, &x, &y))
        return NULL;
    const fastnet_net *net = fastnet_net_of(frozen);
    int code = FASTNET_OK;
    if (net) {
        const size_t n_in = fastnet_net_n_inputs(net), m = (size_t)x.len / sizeof(double) / n_in;
        const size_t n_bytes = fastnet_net_precision(net) == FASTNET_F64 ? fastnet_workspace_size_f64(net, m) : 0;
        void *workspace = malloc(n_bytes + 1);
        Py_BEGIN_ALLOW_THREADS
        code = fastnet_eval_f64_checked(net, m, x.buf, (size_t)x.len / sizeof(double), y.buf,
                                        (size_t)y.len / sizeof(double), workspace, n_bytes);
        Py_END_ALLOW_THREADS
        free(workspace);
        if (code)
            PyErr_SetString(PyExc_ValueError, fastnet_error_text(code));
    }
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    if (!net || code)
        return NULL;
    Py_RETURN_NONE;
}

/* -- mean(f, n, threads): chunks of samples, each with a generator of its own ---------------- */

typedef struct {
    const fastnet_net *net;
    size_t n;                 /* samples of a chunk */
    size_t first, step;       /* chunks of this thread */
    double *sums;             /* (CHUNKS, n_out) */
    int failed;
} share;

static double draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) / 4503599627370496.0 - 1;
}

static void *work(void *given)
{
    share *s = given;
    const size_t p = fastnet_net_n_inputs(s->net), n = fastnet_net_n_outputs(s->net);
    double *x = malloc(ROWS * p * sizeof *x), *y = malloc(ROWS * n * sizeof *y);
    void *workspace = malloc(fastnet_workspace_size_f64(s->net, ROWS));
    s->failed = !x || !y || !workspace;
    for (size_t chunk = s->first; chunk < CHUNKS && !s->failed; chunk += s->step) {
        uint64_t state = chunk + 1;
        for (size_t done = 0; done < s->n; done += ROWS) {
            const size_t m = s->n - done < ROWS ? s->n - done : ROWS;
            for (size_t i = 0; i < m * p; i++)
                x[i] = draw(&state);
            fastnet_eval_f64(s->net, m, x, y, workspace);
            for (size_t i = 0; i < m * n; i++)
                s->sums[chunk * n + i % n] += y[i];
        }
    }
    free(x);
    free(y);
    free(workspace);
    return NULL;
}

/* Adds up each chunk in `threads` threads; 0, or -1 where memory or threads are missing. */
static int run(const fastnet_net *net, size_t n, size_t threads, double *sums)
{
    pthread_t thread[MOST_THREADS];
    share shares[MOST_THREADS];
    size_t started = 0;
    int failed = 0;
    for (; started < threads; started++) {
        shares[started] = (share){net, n, started, threads, sums, 0};
        if (pthread_create(&thread[started], NULL, work, &shares[started]))
            break;
    }
    failed = started < threads;
    for (size_t i = 0; i < started; i++) {
        pthread_join(thread[i], NULL);
        failed |= shares[i].failed;
    }
    return failed ? -1 : 0;
}

static PyObject *mean(PyObject *self, PyObject *args)
{
    PyObject *frozen;
    Py_ssize_t n, threads;
    (void)self;
    if (!PyArg_ParseTuple(args, "Onn", &frozen, &n, &threads))
        return NULL;
    const fastnet_net *net = fastnet_net_of(frozen);
    if (!net)
        return NULL;
    if (fastnet_net_precision(net) != FASTNET_F64 || n < 1 || threads < 1 || threads > MOST_THREADS) {
        PyErr_Format(PyExc_ValueError, "f must be a float64 net, n and threads positive and threads at most %d", MOST_THREADS);
        return NULL;
    }
    const size_t n_out = fastnet_net_n_outputs(net);
    double *sums = calloc(CHUNKS * n_out, sizeof *sums);
    int failed = !sums;
    if (sums) {
        Py_BEGIN_ALLOW_THREADS         /* the caller's reference keeps the net */
        failed = run(net, (size_t)n, (size_t)threads, sums);
        Py_END_ALLOW_THREADS
    }
    PyObject *result = failed ? PyErr_NoMemory() : PyList_New((Py_ssize_t)n_out);
    for (size_t j = 0; j < n_out && result; j++) {
        double sum = 0;
        for (size_t chunk = 0; chunk < CHUNKS; chunk++)
            sum += sums[chunk * n_out + j];
        PyObject *number = PyFloat_FromDouble(sum / CHUNKS / (double)n);
        if (number)
            PyList_SET_ITEM(result, (Py_ssize_t)j, number);
        else
            Py_CLEAR(result);
    }
    free(sums);
    return result;
}

static PyMethodDef methods[] = {
    {"apply", apply, METH_VARARGS, "apply(f, x, y): y = f(x) for contiguous arrays of float64."},
    {"mean", mean, METH_VARARGS, "mean(f, n, threads): mean outputs over 64 n inputs drawn from (-1, 1)."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "ensemble", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_ensemble(void)
{
    if (import_fastnet() < 0)
        return NULL;
    return PyModule_Create(&definition);
}
