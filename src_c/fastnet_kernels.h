/* The kernels' door: a table of functions per precision, filled for the best
 * instruction level that the processor has (dispatch.c).  No Python here. */
#ifndef FASTNET_KERNELS_H
#define FASTNET_KERNELS_H

#include <stddef.h>

/* What an activation's derivatives are taken from, and whether it couples values. */
enum {
    FASTNET_FROM_A,     /* elementwise; derivatives read a, never z */
    FASTNET_FROM_Z,     /* elementwise; derivatives read z: training keeps it */
    FASTNET_BY_ROW      /* output layer only: a call takes the n values of one row, no padding; reads a */
};

/* Every activation, in the order of its code: X(name, kind) needs fastnet_name, fastnet_name_prime
 * and fastnet_name_second (activations.inc).  Append only: codes are positions. */
#define FASTNET_ACTIVATIONS(X)      \
    X(sigmoid, FASTNET_FROM_A)      \
    X(tanh, FASTNET_FROM_A)         \
    X(relu, FASTNET_FROM_A)         \
    X(identity, FASTNET_FROM_A)     \
    X(leaky_relu, FASTNET_FROM_A)   \
    X(elu, FASTNET_FROM_A)          \
    X(selu, FASTNET_FROM_A)         \
    X(gelu, FASTNET_FROM_Z)         \
    X(gelu_tanh, FASTNET_FROM_Z)    \
    X(silu, FASTNET_FROM_Z)         \
    X(softplus, FASTNET_FROM_A)     \
    X(softsign, FASTNET_FROM_A)     \
    X(hard_sigmoid, FASTNET_FROM_A) \
    X(hard_tanh, FASTNET_FROM_A)    \
    X(sin, FASTNET_FROM_Z)          \
    X(gaussian, FASTNET_FROM_Z)     \
    X(softmax, FASTNET_BY_ROW)

/* Every cost, likewise: X(name) needs its formula in costs.inc and its case in outputs.inc. */
#define FASTNET_COSTS(X)         \
    X(quadratic)                 \
    X(cross_entropy)             \
    X(categorical_cross_entropy) \
    X(mae)                       \
    X(huber)                     \
    X(log_cosh)                  \
    X(poisson)                   \
    X(poisson_log)               \
    X(quantile)                  \
    X(gaussian_nll)

#define FASTNET_ACTIVATION_CODE(name, kind) FASTNET_##name,
#define FASTNET_CODE(name) FASTNET_##name,
enum { FASTNET_ACTIVATIONS(FASTNET_ACTIVATION_CODE) FASTNET_N_ACTIVATIONS };
enum { FASTNET_COSTS(FASTNET_CODE) FASTNET_N_COSTS };
#undef FASTNET_ACTIVATION_CODE
#undef FASTNET_CODE

/* Costs without a name: a compiled function of the user's, and Python functions, which the plain
 * engine alone can call. */
enum { FASTNET_USERS_COST = FASTNET_N_COSTS, FASTNET_PYTHON_COST };

/* Pairs of cost and output activation whose BP1 has a simpler exact form; it reads z. */
enum {
    FASTNET_FIRST_FUSED = 1000,
    FASTNET_SIGMOID_CROSS_ENTROPY = FASTNET_FIRST_FUSED,
    FASTNET_SIGMOID_CATEGORICAL,
    FASTNET_SIGMOID_POISSON,
    FASTNET_SOFTPLUS_POISSON,
    FASTNET_SOFTMAX_CATEGORICAL
};

/* How a cost is taken over outputs of one activation: its own code, or a fused form. */
static inline int fastnet_cost_form(int cost, int activation)
{
    if (activation == FASTNET_sigmoid)
        return cost == FASTNET_cross_entropy               ? FASTNET_SIGMOID_CROSS_ENTROPY
               : cost == FASTNET_categorical_cross_entropy ? FASTNET_SIGMOID_CATEGORICAL
               : cost == FASTNET_poisson                   ? FASTNET_SIGMOID_POISSON
                                                           : cost;
    if (activation == FASTNET_softplus && cost == FASTNET_poisson)
        return FASTNET_SOFTPLUS_POISSON;
    if (activation == FASTNET_softmax && cost == FASTNET_categorical_cross_entropy)
        return FASTNET_SOFTMAX_CATEGORICAL;
    return cost;
}

static inline int fastnet_cost_needs_z(int cost, int activation)
{
    return fastnet_cost_form(cost, activation) >= FASTNET_FIRST_FUSED;
}

/* A cost of the user's for one sample: returns C_x of the n outputs a, where the n_targets values y
 * are desired, and writes nabla = dC_x/da, (n,).  Called from any thread, without Python's lock. */
typedef double (*fastnet_cost_function_f32)(
    ptrdiff_t n, ptrdiff_t n_targets, const float *a, const float *y, float *nabla, void *context);
typedef double (*fastnet_cost_function_f64)(
    ptrdiff_t n, ptrdiff_t n_targets, const double *a, const double *y, double *nabla, void *context);

/* A cost and its parameters.  void * is float * or double *. */
typedef struct {
    int kind;                   /* code */
    int ignore_nan;             /* a NaN among the targets is no target */
    double parameter;           /* huber: where it turns linear; quantile: tau */
    const void *parameters;     /* (n_targets,) one for each output, or NULL */
    const void *output_weights; /* (n_targets,), or NULL: all 1 */
    ptrdiff_t n_targets;        /* values desired of a sample: as many as outputs, or half as many */
    void *function;             /* FASTNET_USERS_COST: fastnet_cost_function_*; FASTNET_PYTHON_COST: PyObject */
    void *context;              /* handed to it */
} fastnet_cost;

/* A net: where its parameters lie in the flat vector, per layer w row-major, then b. */
typedef struct {
    ptrdiff_t n_layers;         /* layers of weights: one less than layers of neurons */
    ptrdiff_t *sizes;           /* (n_layers + 1,) neurons a layer, input first */
    ptrdiff_t *w, *b;           /* (n_layers,) where w and b start */
    int *activation;            /* (n_layers,) codes */
    fastnet_cost cost;
    ptrdiff_t n_parameters;
    ptrdiff_t width;            /* neurons of the widest layer, the input not counted */
} fastnet_layout;

/* A data set and the order in which its rows are taken. */
typedef struct {
    const void *x;              /* (m, inputs) of the net */
    const void *y;              /* (m, targets), or NULL where labels are given */
    const ptrdiff_t *labels;    /* (m,) classes, or NULL */
    const void *weight;         /* (m,) what each sample counts, or NULL: 1; REAL, as the delta it multiplies */
    const ptrdiff_t *order;     /* (m,), or NULL: as they stand */
    ptrdiff_t m;
} fastnet_data;

/* How far an epoch has come. */
typedef struct {
    ptrdiff_t rows;             /* samples seen */
    double cost;                /* summed over them */
    int finite;                 /* no batch's cost was NaN or infinite */
} fastnet_progress;

/* A net packed for training, and the work space of its steps: filled by fastnet/_core/trainer.pyx.
 * One sample a step ("online"): the first layer in panels, the others in padded rows.
 * Batches: every layer in panels.  void * is float * or double *. */
typedef struct {
    size_t p, n;                /* inputs, outputs */
    size_t ld;                  /* stride of a and delta: n padded, or more */
    int activation;
    void *w;                    /* packed */
    void *b;                    /* (n padded,) */
    void *transposed;           /* room for packed w', or NULL: BP2 by sums over lanes */
    void *nabla_w, *nabla_b;    /* like w and b; NULL where a batch is one block */
    void *a;                    /* (rows, ld) */
    void *delta;                /* (rows, ld) */
} fastnet_layer;

typedef struct {
    size_t n_layers;
    size_t rows;                /* samples that fit */
    const fastnet_cost *cost;
    fastnet_layer *layer;
    void *zeros;                /* (widest layer padded,), all 0 */
    const void **x;             /* (rows,) the inputs of a batch, where they lie */
    const void **above;         /* (rows,) work: rows of one layer's buffer */
} fastnet_trainer;

/* A net packed for inference: of its layers p, n, ld, activation, w and b count. */
typedef struct {
    size_t n_layers;
    size_t width;               /* widest ld */
    fastnet_layer *layer;
} fastnet_packed;

#define FASTNET_TABLE(REAL, PRECISION)                                                          \
    typedef struct {                                                                            \
        void (*value)(size_t n, const REAL *z, REAL *a);                    /* a = f(z) */      \
        void (*prime)(size_t n, const REAL *z, const REAL *a, REAL *delta); /* delta *= f'(z) */ \
        void (*second)(size_t n, const REAL *z, const REAL *a, REAL *out);  /* out = f''(z) */  \
        int reads_z, by_row;                                /* its kind, see FASTNET_FROM_A */  \
    } fastnet_activation_##PRECISION;                                                           \
    typedef struct {                                                                            \
        fastnet_activation_##PRECISION activation[FASTNET_N_ACTIVATIONS];                       \
        double (*output_delta)(const fastnet_cost *, int activation, const fastnet_data *,      \
                               size_t start, size_t m, size_t n, size_t ld, size_t width,       \
                               const REAL *z, const REAL *a, REAL *delta);                      \
        double (*output_cost)(const fastnet_cost *, int activation, const fastnet_data *,       \
                              size_t start, size_t m, size_t n, size_t ld,                      \
                              const REAL *z, const REAL *a, REAL *work);                        \
        void (*exp)(size_t n, const REAL *x, REAL *y);                                          \
        void (*log)(size_t n, const REAL *x, REAL *y);                                          \
        void (*log1p)(size_t n, const REAL *x, REAL *y);                                        \
        void (*axpy)(size_t n, REAL alpha, const REAL *x, REAL *y);                             \
        int (*all_finite)(size_t n, const REAL *x);                                             \
        size_t (*padded)(size_t n);                                                             \
        void (*pack)(size_t n, size_t p, const REAL *w, REAL *packed);                          \
        void (*unpack)(size_t n, size_t p, const REAL *packed, REAL *w);                        \
        void (*minibatch_epoch)(const fastnet_trainer *, const fastnet_data *,      \
                                size_t batch_size, REAL eta, size_t max_rows, fastnet_progress *); \
        void (*online_epoch)(const fastnet_trainer *, const fastnet_data *,         \
                             REAL eta, size_t max_rows, fastnet_progress *);                    \
        void (*infer)(const fastnet_layout *, const REAL *parameters, const REAL *x, REAL *out, REAL *work); \
        void (*predict)(const fastnet_packed *, size_t m, size_t rows, const REAL *x, REAL *out, \
                        REAL *work, const void **row);                                          \
    } fastnet_kernels_##PRECISION;

FASTNET_TABLE(float, f32)
FASTNET_TABLE(double, f64)

/* The tables in use.  Never NULL: the baseline until a level is selected. */
extern const fastnet_kernels_f32 *fastnet_f32;
extern const fastnet_kernels_f64 *fastnet_f64;

/* Levels of this build that this processor can run, weakest first. */
int fastnet_n_levels(void);
const char *fastnet_level_name(int level);

/* Which level is in use, and another put in its place; 0, or -1 if there is no such level. */
int fastnet_level(void);
int fastnet_select_level(int level);

/* What built these kernels: the compiler and its flags. */
const char *fastnet_compiler(void);
const char *fastnet_compile_flags(void);

/* Names by code; NULL past the end. */
const char *fastnet_activation_name(int code);
const char *fastnet_cost_name(int code);

/* Whether an activation's derivatives read z, and whether it couples the values of a row. */
int fastnet_activation_reads_z(int code);
int fastnet_activation_by_row(int code);

#endif
