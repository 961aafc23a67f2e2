/* fastnet from C and C++: a trained net as functions, and the training of one, over the caller's memory.
 *
 * In a Python extension module include fastnet_python.h instead, which finds these functions in the
 * installed package.  docs/embedding.md has examples of both.
 *
 * What holds for every function below: row-major arrays without padding, a sample a row; float in *_f32,
 * double in *_f64; no Python lock is needed, and any number of threads may call at once, each with a work
 * space of its own.  Nothing is allocated, and nothing global is read or changed, but where a net is opened
 * or a model made: these ask for the processor's instructions, opening for FASTNET_CPU and memory too.
 *
 * Functions come in two kinds.  The plain ones check nothing: what they are given must be right.  Those
 * named *_checked take the length of every array, in values, and of the work space, in bytes, and return
 * an error code, with nothing written, instead of touching memory that they should not. */
#ifndef FASTNET_H
#define FASTNET_H

#include <stddef.h>

#define FASTNET_API_VERSION 1    /* of the signatures below; functions are appended without a new one */

#ifndef FASTNET_PUBLIC
#define FASTNET_PUBLIC           /* how a library that defines these functions shows them */
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A trained net, packed; never changed while it lives. */
typedef struct fastnet_net fastnet_net;

/* What a net computes and what it is trained to make small, without its parameters: layers, activations,
 * cost.  Never changed once made. */
typedef struct fastnet_model fastnet_model;

enum { FASTNET_F32 = 32, FASTNET_F64 = 64 };     /* precisions, in bits */

/* What functions return; fastnet_error_text has a sentence for each.  Codes are never renumbered. */
enum {
    FASTNET_OK = 0,
    FASTNET_ERROR_NULL = 1,           /* a pointer is NULL that must not be */
    FASTNET_ERROR_PRECISION = 2,      /* a net or model of the other precision, or neither F32 nor F64 */
    FASTNET_ERROR_SIZE = 3,           /* an array is not as long as m samples need, or m = 0 in training */
    FASTNET_ERROR_WORKSPACE = 4,      /* a work space or the memory of a model is too small */
    FASTNET_ERROR_ALIGNMENT = 5,      /* an array does not start at a multiple of its values' size */
    FASTNET_ERROR_OVERLAP = 6,        /* something that is written overlaps something else */
    FASTNET_ERROR_LAYERS = 7,         /* no layers, a layer of no neurons, or more parameters than memory has addresses */
    FASTNET_ERROR_ACTIVATION = 8,     /* no such activation, or softmax below the outputs */
    FASTNET_ERROR_COST = 9,           /* no such cost, a parameter that it cannot have, or outputs that it does not fit */
    FASTNET_ERROR_RATE = 10,          /* a learning rate that is NaN or infinite */
    FASTNET_ERROR_FILE = 11,          /* a file that cannot be read */
    FASTNET_ERROR_FORMAT = 12,        /* not a file that net.save wrote */
    FASTNET_ERROR_VERSION = 13,       /* one that a newer fastnet wrote, in a way that this one cannot read */
    FASTNET_ERROR_DAMAGED = 14,       /* cut off, changed, or not consistent in itself */
    FASTNET_ERROR_MEMORY = 15,        /* no memory */
    FASTNET_ERROR_LEVEL = 16          /* FASTNET_CPU names no instruction level of this processor */
};

/* Every function: X(type, name without fastnet_, (arguments)).  Append only: the position is the place in
 * fastnet_api.  What they do stands below. */
#define FASTNET_FUNCTIONS(X)                                                                              \
    X(const char *, error_text, (int code))                                                               \
    X(int, net_precision, (const fastnet_net *net))                                                       \
    X(size_t, net_n_layers, (const fastnet_net *net))                                                     \
    X(size_t, net_size, (const fastnet_net *net, size_t layer))                                           \
    X(size_t, net_n_inputs, (const fastnet_net *net))                                                     \
    X(size_t, net_n_outputs, (const fastnet_net *net))                                                    \
    X(size_t, net_n_parameters, (const fastnet_net *net))                                                 \
    FASTNET_NET_FUNCTIONS(X, float, f32)                                                                  \
    FASTNET_NET_FUNCTIONS(X, double, f64)                                                                 \
    X(int, activation_code, (const char *name))                                                           \
    X(int, cost_code, (const char *name))                                                                 \
    X(size_t, model_bytes, (size_t n_layers))                                                             \
    X(int, model_init, (fastnet_model *model, size_t n_bytes, int precision, size_t n_layers,             \
                        const size_t *sizes, const int *activations, int cost, double cost_parameter))    \
    X(int, model_precision, (const fastnet_model *model))                                                 \
    X(size_t, model_n_layers, (const fastnet_model *model))                                               \
    X(size_t, model_size, (const fastnet_model *model, size_t layer))                                     \
    X(size_t, model_n_inputs, (const fastnet_model *model))                                               \
    X(size_t, model_n_outputs, (const fastnet_model *model))                                              \
    X(size_t, model_n_targets, (const fastnet_model *model))                                              \
    X(size_t, model_n_parameters, (const fastnet_model *model))                                           \
    FASTNET_MODEL_FUNCTIONS(X, float, f32)                                                                \
    FASTNET_MODEL_FUNCTIONS(X, double, f64)

/* A trained net, asked.
 *
 *   net_precision                FASTNET_F32 or FASTNET_F64
 *   net_n_layers                 layers of weights; net_size(net, l) neurons of layer l, 0 <= l <= n_layers,
 *                                the input being layer 0; n_inputs and n_outputs are the first and the last
 *   net_n_parameters             weights and biases
 *
 * Of NULL, and of layers that are not there, all of this is 0.
 *
 *   x (m, n_in)   y (m, n_out)   jacobian (m, n_out, n_in) = dy/dx
 *   v (m, n_in)   out (m, n_out) = dy/dx v            u (m, n_out)   out (m, n_in) = u' dy/dx
 *
 *   workspace_size(net, m)       bytes of work space that any call on m samples, or fewer, takes, at any address
 *   eval                         y
 *   jacobian                     the Jacobian; value_and_jacobian gives y too, unless that is NULL
 *   jvp, vjp                     products with the Jacobian, of one vector a sample
 *
 * Nothing that is written may overlap anything else.  All but workspace_size return 0.  m = 0 does nothing. */
#define FASTNET_NET_FUNCTIONS(X, REAL, P)                                                                 \
    X(size_t, workspace_size_##P, (const fastnet_net *net, size_t m))                                     \
    X(int, eval_##P, (const fastnet_net *net, size_t m, const REAL *x, REAL *y, void *workspace))         \
    X(int, jacobian_##P, (const fastnet_net *net, size_t m, const REAL *x, REAL *jacobian,                \
                          void *workspace))                                                               \
    X(int, value_and_jacobian_##P, (const fastnet_net *net, size_t m, const REAL *x, REAL *y,             \
                                    REAL *jacobian, void *workspace))                                     \
    X(int, jvp_##P, (const fastnet_net *net, size_t m, const REAL *x, const REAL *v, REAL *out,           \
                     void *workspace))                                                                    \
    X(int, vjp_##P, (const fastnet_net *net, size_t m, const REAL *x, const REAL *u, REAL *out,           \
                     void *workspace))                                                                    \
    X(int, eval_##P##_checked, (const fastnet_net *net, size_t m, const REAL *x, size_t n_x, REAL *y,     \
                                size_t n_y, void *workspace, size_t n_bytes))                             \
    X(int, jacobian_##P##_checked, (const fastnet_net *net, size_t m, const REAL *x, size_t n_x,          \
                                    REAL *jacobian, size_t n_jacobian, void *workspace, size_t n_bytes))  \
    X(int, value_and_jacobian_##P##_checked, (const fastnet_net *net, size_t m, const REAL *x,            \
                                              size_t n_x, REAL *y, size_t n_y, REAL *jacobian,            \
                                              size_t n_jacobian, void *workspace, size_t n_bytes))        \
    X(int, jvp_##P##_checked, (const fastnet_net *net, size_t m, const REAL *x, size_t n_x,               \
                               const REAL *v, size_t n_v, REAL *out, size_t n_result, void *workspace,    \
                               size_t n_bytes))                                                           \
    X(int, vjp_##P##_checked, (const fastnet_net *net, size_t m, const REAL *x, size_t n_x,               \
                               const REAL *u, size_t n_u, REAL *out, size_t n_result, void *workspace,    \
                               size_t n_bytes))

/* Training, for codes that own their loop: the parameters, the samples and the work space are the caller's.
 *
 *   activation_code, cost_code   the number behind a name of Python ("tanh", "huber"); -1: there is none
 *   model_bytes(n_layers)        memory that a model with so many layers of weights takes
 *   model_init                   makes a model in the caller's memory, aligned as for a pointer:
 *                                sizes (n_layers + 1,) neurons, input first; activations (n_layers,) codes;
 *                                cost_parameter is delta of huber, tau of quantile and 0 for every other cost.
 *                                Checked; returns an error code.  Nothing has to be freed but the memory.
 *   model_n_targets              values desired of a sample: as many as outputs, or half as many (gaussian_nll)
 *
 * parameters (n_parameters,): per layer the weights, (neurons, inputs) row-major, then the biases, as Python's
 * net.parameters.  x (m, n_in), y (m, n_targets) what is desired.
 *
 *   model_workspace_size         bytes of work space for m samples, or fewer, at any address; (size_t)-1 where
 *                                that is more than memory has addresses
 *   model_eval                   a (m, n_out): the outputs
 *   model_value_and_gradient     cost, unless that is NULL: the mean over the samples; gradient (n_parameters,) of it
 *   model_vjp                    gradient = sum over samples of u' da/dparameters, u (m, n_out): for costs of the
 *                                caller's own, u = dC/da
 *   model_sgd_step               parameters -= rate * gradient, with no gradient array; cost, unless NULL, before it
 *
 * m > 0.  All but model_workspace_size return 0.  A cost that is NaN or infinite is the caller's to notice. */
#define FASTNET_MODEL_FUNCTIONS(X, REAL, P)                                                               \
    X(size_t, model_workspace_size_##P, (const fastnet_model *model, size_t m))                           \
    X(int, model_eval_##P, (const fastnet_model *model, size_t m, const REAL *parameters, const REAL *x,  \
                            REAL *a, void *workspace))                                                    \
    X(int, model_value_and_gradient_##P, (const fastnet_model *model, size_t m, const REAL *parameters,   \
                                          const REAL *x, const REAL *y, double *cost, REAL *gradient,     \
                                          void *workspace))                                               \
    X(int, model_vjp_##P, (const fastnet_model *model, size_t m, const REAL *parameters, const REAL *x,   \
                           const REAL *u, REAL *gradient, void *workspace))                               \
    X(int, model_sgd_step_##P, (const fastnet_model *model, size_t m, REAL *parameters, const REAL *x,    \
                                const REAL *y, double rate, double *cost, void *workspace))               \
    X(int, model_eval_##P##_checked, (const fastnet_model *model, size_t m, const REAL *parameters,       \
                                      size_t n_parameters, const REAL *x, size_t n_x, REAL *a,            \
                                      size_t n_a, void *workspace, size_t n_bytes))                       \
    X(int, model_value_and_gradient_##P##_checked, (const fastnet_model *model, size_t m,                 \
                                                    const REAL *parameters, size_t n_parameters,          \
                                                    const REAL *x, size_t n_x, const REAL *y, size_t n_y, \
                                                    double *cost, REAL *gradient, size_t n_gradient,      \
                                                    void *workspace, size_t n_bytes))                     \
    X(int, model_vjp_##P##_checked, (const fastnet_model *model, size_t m, const REAL *parameters,        \
                                     size_t n_parameters, const REAL *x, size_t n_x, const REAL *u,       \
                                     size_t n_u, REAL *gradient, size_t n_gradient, void *workspace,      \
                                     size_t n_bytes))                                                     \
    X(int, model_sgd_step_##P##_checked, (const fastnet_model *model, size_t m, REAL *parameters,         \
                                          size_t n_parameters, const REAL *x, size_t n_x, const REAL *y,  \
                                          size_t n_y, double rate, double *cost, void *workspace,         \
                                          size_t n_bytes))

#ifndef FASTNET_BY_TABLE
#define FASTNET_DECLARE(type, name, arguments) FASTNET_PUBLIC type fastnet_##name arguments;
FASTNET_FUNCTIONS(FASTNET_DECLARE)
#undef FASTNET_DECLARE
#endif

/* libfastnet alone: nets from the files that net.save("net.safetensors") writes, with no Python.
 *
 *   open            reads a file and packs its net for the best instructions of the processor, or those that the
 *                   environment variable FASTNET_CPU names (baseline, avx2, avx512); costs are passed over
 *   open_memory     the same from `size` bytes at any address, which are not needed afterwards
 *   open_message    of the last of these calls in this thread: what was wrong and where, "" if nothing was;
 *                   valid until the next
 *   close           frees the net; NULL is nothing to do
 *
 * Both return an error code, and *net is then NULL.  Whatever bytes they are given, they touch no other memory, never
 * run anything of them, and take memory in proportion to the length of the file.  Any number of threads may open,
 * call and close nets at once; a net is closed when no call on it is under way. */
#ifndef FASTNET_BY_TABLE
FASTNET_PUBLIC int fastnet_open(const char *path, fastnet_net **net);
FASTNET_PUBLIC int fastnet_open_memory(const void *bytes, size_t size, fastnet_net **net);
FASTNET_PUBLIC const char *fastnet_open_message(void);
FASTNET_PUBLIC void fastnet_close(fastnet_net *net);
#endif

/* The same functions as a table: what Python's package hands to extension modules. */
#define FASTNET_MEMBER(type, name, arguments) type(*name) arguments;
typedef struct {
    size_t version;    /* FASTNET_API_VERSION */
    size_t size;       /* bytes of this table; a newer one may be longer */
    FASTNET_FUNCTIONS(FASTNET_MEMBER)
} fastnet_api;
#undef FASTNET_MEMBER

#ifdef __cplusplus
}
#endif

#endif
