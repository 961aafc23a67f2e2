/* The kernels' door: a table of functions per precision, filled for the best
 * instruction level that the processor has (dispatch.c).  No Python here. */
#ifndef FASTNET_KERNELS_H
#define FASTNET_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "fastnet.h"

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

#define FASTNET_ACTIVATION_CODE(name, kind) FASTNET_##name,
enum { FASTNET_ACTIVATIONS(FASTNET_ACTIVATION_CODE) FASTNET_N_ACTIVATIONS };
#undef FASTNET_ACTIVATION_CODE

/* Activations of the user's own: entry i of fastnet_users has code FASTNET_N_ACTIVATIONS + i.  Each function
 * takes one value after the other, n of them, and may be called from any thread without Python's lock.
 * Derivatives read z, so training keeps it; out may be z.  Padding is taken too: all are finite at 0. */
typedef void (*fastnet_elementwise_f32)(ptrdiff_t n, const float *z, float *out, void *context);
typedef void (*fastnet_elementwise_f64)(ptrdiff_t n, const double *z, double *out, void *context);
typedef struct {
    void *value, *derivative, *second;      /* fastnet_elementwise_f32 or _f64: f, f', f''; second may be NULL */
    void *context;                          /* handed to them */
    int python;                             /* they call Python functions */
} fastnet_users_activation;
enum { FASTNET_MAX_USERS = 256 };
extern fastnet_users_activation fastnet_users[FASTNET_MAX_USERS];

#define FASTNET_ACTIVATION_KIND(name, kind) kind,
static inline int fastnet_activation_kind(int code)
{
    static const signed char kinds[] = {FASTNET_ACTIVATIONS(FASTNET_ACTIVATION_KIND)};
    return code < FASTNET_N_ACTIVATIONS ? kinds[code] : FASTNET_FROM_Z;
}
#undef FASTNET_ACTIVATION_KIND

static inline int fastnet_activation_reads_z(int code)
{
    return fastnet_activation_kind(code) == FASTNET_FROM_Z;
}

static inline int fastnet_activation_by_row(int code)
{
    return fastnet_activation_kind(code) == FASTNET_BY_ROW;
}

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

/* Every optimizer whose step is an update of vectors, with its number of state vectors:
 * X(name, states) needs fastnet_update_name in optimizers.inc.  States start as zeros. */
#define FASTNET_OPTIMIZERS(X)      \
    X(sgd, 0)                      \
    X(momentum, 1)                 \
    X(nesterov, 1)                 \
    X(adagrad, 1)                  \
    X(rmsprop, 1)                  \
    X(rmsprop_centered, 2)         \
    X(rmsprop_momentum, 2)         \
    X(rmsprop_centered_momentum, 3) \
    X(adam, 2)                     \
    X(amsgrad, 3)                  \
    X(nadam, 2)                    \
    X(rprop, 2)
enum { FASTNET_MAX_STATES = 3 };

#define FASTNET_OPTIMIZER_CODE(name, states) FASTNET_##name,
enum { FASTNET_OPTIMIZERS(FASTNET_OPTIMIZER_CODE) FASTNET_N_OPTIMIZERS };
#undef FASTNET_OPTIMIZER_CODE

#define FASTNET_CODE(name) FASTNET_##name,
enum { FASTNET_COSTS(FASTNET_CODE) FASTNET_N_COSTS };
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

/* Where a thread's time goes (profile.h); NULL where nobody wants to know. */
typedef struct fastnet_profile fastnet_profile;

/* A net: where its parameters lie in the flat vector, per layer w row-major, then b. */
typedef struct {
    ptrdiff_t n_layers;         /* layers of weights: one less than layers of neurons */
    ptrdiff_t *sizes;           /* (n_layers + 1,) neurons a layer, input first */
    ptrdiff_t *w, *b;           /* (n_layers,) where w and b start */
    int *activation;            /* (n_layers,) codes */
    fastnet_cost cost;
    ptrdiff_t n_parameters;
    ptrdiff_t width;            /* neurons of the widest layer, the input not counted, rounded up to whole vectors of any level */
    fastnet_profile *profile;   /* of the call that has this copy, or NULL */
    int python;                 /* some activation calls Python functions */
} fastnet_layout;

/* A data set and the order in which its rows are taken.  Inputs are dense, or compressed: then x holds
 * the values that are not 0, those of row i at starts[i] ... starts[i + 1], in rising columns. */
typedef struct {
    const void *x;              /* (m, inputs) of the net, or (starts[m],) */
    const ptrdiff_t *starts;    /* (m + 1,), or NULL where x is dense */
    const int32_t *columns;     /* (starts[m],) */
    const void *y;              /* (m, targets), or NULL where labels are given */
    const ptrdiff_t *labels;    /* (m,) classes, or NULL */
    const void *weight;         /* (m,) what each sample counts, or NULL: 1; REAL, as the delta it multiplies */
    const ptrdiff_t *order;     /* (m,), or NULL: as they stand */
    ptrdiff_t m;
} fastnet_data;

/* What a data set may consist of: X(name) needs its conversion in gather.inc; booleans count as uint8. */
#define FASTNET_NUMBERS(X) \
    X(int8)                \
    X(uint8)               \
    X(int16)               \
    X(uint16)              \
    X(int32)               \
    X(uint32)              \
    X(int64)               \
    X(uint64)              \
    X(float16)             \
    X(float32)             \
    X(float64)

#define FASTNET_NUMBER_CODE(name) FASTNET_NUMBER_##name,
enum { FASTNET_NUMBERS(FASTNET_NUMBER_CODE) FASTNET_N_NUMBERS };
#undef FASTNET_NUMBER_CODE

/* Rows of numbers of one kind, wherever they lie. */
typedef struct {
    const void *x;
    ptrdiff_t row_stride, column_stride;        /* bytes from a row, or a number, to the next */
    int number;                 /* code */
    int swapped;                /* in the other byte order than this processor's */
} fastnet_table;

/* How far an epoch has come. */
typedef struct {
    ptrdiff_t rows;             /* samples seen */
    ptrdiff_t steps;            /* batches seen */
    double cost;                /* summed over the samples */
    int finite;                 /* no batch's cost was NaN or infinite */
    fastnet_profile *profile;   /* of the thread, or NULL */
} fastnet_progress;

/* One step of an optimizer. */
typedef struct {
    int optimizer;              /* code */
    /* Constant while a net trains; those that the optimizer does not have are not read. */
    double momentum;            /* mu of SGD and RMSprop */
    double beta1, beta2;        /* decay of the means of g and of g^2; beta2 is RMSprop's alpha */
    double eps;
    int eps_hat;                /* Adam: eps beside sqrt(v) as it is, not beside sqrt(v / (1 - beta2^t)) */
    double momentum_decay;      /* NAdam: 0.96^psi */
    double eta_minus, eta_plus, step_min, step_max;     /* Rprop */
    /* Of the slice that is updated.  Penalties are added after clipping, as torch.optim adds them. */
    double scale;               /* of the gradient: clipping by norm; 1: none */
    double clip;                /* bound on every |g| after that; INFINITY: none */
    double l2, l1;              /* g + l2 w + l1 sign(w), sign(0) = 0 */
    double weight_decay;        /* AdamW: w (1 - rate weight_decay) first */
    /* Of the step: set by begin_step. */
    double rate;
    double step_m, step_g;      /* what multiplies m and g in the step of Adam and NAdam */
    double root;                /* what multiplies sqrt(v) there */
    int cost_grew;              /* Rprop */
} fastnet_update;

/* What an optimizer remembers from step to step beside its state vectors; zeros at the start. */
typedef struct {
    double steps;               /* done */
    double momentum_product;    /* NAdam: mu_1 ... mu_t, once steps > 0 */
    double cost;                /* of the last step, once steps > 0 */
} fastnet_running;

/* How the weights go down: what is the same for every step of an epoch. */
typedef struct {
    fastnet_update update;      /* the optimizer and its constants */
    fastnet_running running;    /* what it remembers; every thread comes to the same in a copy of its own */
    int n_states;
    const double *rates;        /* (steps of the epoch,) learning rates, or NULL: */
    double rate;                /* the one of all steps */
    double clip_norm;           /* bound on the norm of the whole gradient; INFINITY: none */
    double max_norm;            /* bound on the norm of each row of weights; INFINITY: none */
    double noise;               /* standard deviation of what is added to the inputs; 0: nothing */
    double keep_inputs;         /* probability that an input is not dropped; 1: none is */
    uint64_t seed;              /* of dropout and noise, whose counter is the number of the step */
    int in_place;               /* gradient descent and nothing between gradient and weights but l2 */
    int by_batch;               /* means over a batch are by its own weights, and penalties are divided by their sum */
    double penalty;             /* what multiplies l2 and l1: 1, or one over that sum; set by the step */
} fastnet_descent;

/* Which side of a layer lies in the lanes of its panels (packing.inc), and where BP2 gets its product from. */
enum { FASTNET_OUTPUTS_IN_LANES, FASTNET_INPUTS_IN_LANES };
enum { FASTNET_BACKWARD_NONE, FASTNET_BACKWARD_DIRECT, FASTNET_BACKWARD_TRANSPOSED, FASTNET_BACKWARD_DOTS, FASTNET_BACKWARD_ACROSS };

/* Samples and bytes of inputs that BP2 with samples in lanes takes at a time (across.inc). */
enum { FASTNET_ACROSS_ROWS = 144, FASTNET_ACROSS_BYTES = 768 };

/* A net packed for training, and the work space of its steps: filled by fastnet/_core/trainer.pyx.
 *
 * One sample a step ("online"): the first layer in panels, the others in padded rows.
 * Batches: every layer in panels.  The work on a batch is divided into shares, one a thread.  Divided by inputs,
 * share t owns inputs first[t] ... first[t + 1] of a layer, the weights that lead from them and the columns of a
 * and delta that are these inputs.  Divided by outputs, as the first layer may be, it owns outputs first[t] ...
 * first[t + 1] and the weights and biases that lead to them: the inputs of the layer above.  Where lanes are what
 * is divided, each share's weights are packed for themselves.  void * is float * or double *. */
typedef struct {
    size_t p, n;                /* inputs, outputs */
    size_t ld;                  /* stride of z, a and delta: n padded, or more */
    int activation;
    int lanes;                  /* FASTNET_OUTPUTS_IN_LANES or FASTNET_INPUTS_IN_LANES */
    int backward;               /* FASTNET_BACKWARD_... */
    int by_outputs;             /* what is divided into shares: outputs, or inputs */
    void *w;                    /* packed */
    void *b;                    /* (n padded,) */
    void *transposed;           /* room for panels with inputs in lanes, where backward wants them */
    void *nabla_w, *nabla_b;    /* like w and b: stride values after them; states follow stride values apart */
    void *mask;                 /* like w: 0 where a weight is held, 1 elsewhere; or NULL */
    int held;                   /* neither w nor b changes */
    double l2, l1;              /* penalties on w */
    double keep;                /* probability that an activation is not dropped; 1: none is */
    void *drop;                 /* (rows, n) what activations and errors are multiplied with, where keep < 1 */
    void *out;                  /* activations as the layer above sees them: a, or (rows, ld) a dropped */
    void *z;                    /* (shares, rows, ld) parts of the weighted inputs; a share sums its columns or rows in its own part */
    void *a;                    /* (rows, ld), or where a share has its activations in its part of z, that */
    void *delta;                /* (rows, ld); divided by outputs: (shares, rows, ld) */
    const void **out_row;       /* (shares, rows) where each row of out starts for each share */
    const void **delta_row;     /* (rows,) */
    const size_t *first;        /* (shares + 1,) */
} fastnet_layer;

/* Where threads wait for each other (barrier.h). */
typedef struct {
    unsigned threads;           /* changed between two runs only */
    char before[64];            /* a cache line between what is read and what all write */
    unsigned arrived, turn;
    char after[64];
} fastnet_barrier;

typedef struct {
    size_t n_layers;
    size_t rows;                /* samples that fit */
    size_t shares;
    const fastnet_cost *cost;
    fastnet_layer *layer;
    void *zeros;                /* (widest layer padded,), all 0 */
    void *room;                 /* (shares, room_size) of BP2 with samples in lanes (across.inc) */
    size_t room_size;
    const void **x;             /* (shares, rows) the inputs of a batch, where they lie */
    void *changed_x;            /* (rows, inputs) the inputs with noise, or some dropped; NULL: as they lie */
    size_t stride;              /* values from a parameter to its gradient and on to its states */
    double *share_sum;          /* (shares,) what each share adds to a sum over all, 8 apart */
    double *row_sum;            /* (shares, row_sum_ld) the same for each row of weights of all layers; NULL without max_norm */
    size_t row_sum_ld;
    fastnet_barrier *barrier;
    unsigned crowded;           /* long waits of all threads in this call (barrier.h) */
    int leave;                  /* share 0 asks all threads to return after this batch */
} fastnet_trainer;

enum { FASTNET_ONLINE_BLOCK = 4 };  /* samples of a block of online descent, where there are blocks (online.inc) */

enum { FASTNET_NARROW = 64 };   /* neurons of a layer that predict_narrow takes at most */

/* A net packed for inference: of its layers p, n, ld, activation, lanes, w and b count, and, where
 * it was packed for derivatives too, backward and transposed.  What fastnet.h calls a net. */
struct fastnet_net {
    size_t n_layers;
    size_t width;               /* widest ld */
    fastnet_layer *layer;
    size_t input_ld;            /* stride of rows of derivatives by the inputs */
    const void *zeros;          /* (width or input_ld,), all 0; NULL: packed for outputs alone */
    const void *kernels;        /* fastnet_kernels_f32 or fastnet_kernels_f64: what it was packed for */
    int precision;              /* FASTNET_F32 or FASTNET_F64 */
    fastnet_profile *profile;   /* of the call that has this copy, or NULL */
};
typedef fastnet_net fastnet_packed;

/* What fastnet.h calls a model: the arrays of its layout lie behind it. */
struct fastnet_model {
    fastnet_layout layout;
    const void *kernels;        /* fastnet_kernels_f32 or fastnet_kernels_f64 */
    int precision;              /* FASTNET_F32 or FASTNET_F64 */
};

#define FASTNET_TABLE(REAL, PRECISION)                                                          \
    typedef struct {                                                                            \
        void (*value)(size_t n, const REAL *z, REAL *a);                    /* a = f(z) */      \
        void (*prime)(size_t n, const REAL *z, const REAL *a, REAL *delta); /* delta *= f'(z) */ \
        void (*second)(size_t n, const REAL *z, const REAL *a, REAL *out);  /* out = f''(z) */  \
    } fastnet_activation_##PRECISION;                                                           \
    typedef struct {                                                                            \
        /* By code: a = f(z); delta *= f'(z); out = f''(z). */                                  \
        void (*activate)(int activation, size_t n, const REAL *z, REAL *a);                     \
        void (*times_prime)(int activation, size_t n, const REAL *z, const REAL *a, REAL *delta); \
        void (*second_derivative)(int activation, size_t n, const REAL *z, const REAL *a, REAL *out); \
        double (*output_delta)(const fastnet_cost *, int activation, const fastnet_data *,      \
                               size_t start, size_t m, size_t n, size_t ld, size_t width,       \
                               const REAL *z, const REAL *a, REAL *delta);                      \
        double (*output_cost)(const fastnet_cost *, int activation, const fastnet_data *,       \
                              size_t start, size_t m, size_t n, size_t ld,                      \
                              const REAL *z, const REAL *a, REAL *work);                        \
        void (*exp)(size_t n, const REAL *x, REAL *y);                                          \
        void (*log)(size_t n, const REAL *x, REAL *y);                                          \
        void (*log1p)(size_t n, const REAL *x, REAL *y);                                        \
        int (*all_finite)(size_t n, const REAL *x);                                             \
        size_t (*padded)(size_t n);                                                             \
        void (*pack)(size_t lanes, size_t depth, const REAL *w, size_t lane_stride,             \
                     size_t depth_stride, REAL *packed);                                        \
        void (*unpack)(size_t lanes, size_t depth, const REAL *packed, size_t lane_stride,      \
                       size_t depth_stride, REAL *w);                                           \
        size_t (*place)(const fastnet_layout *, const REAL *parameters, int derivatives,        \
                        char *base, fastnet_packed *);                                          \
        size_t (*count_nonzero)(size_t n, const REAL *x);                                       \
        void (*compress)(size_t m, size_t p, const REAL *x, ptrdiff_t *starts,                  \
                         int32_t *columns, REAL *values);                                       \
        void (*gather)(const fastnet_table *, size_t m, size_t p, const ptrdiff_t *rows,        \
                       const double *offset, const double *factor, REAL *out);                  \
        void (*minibatch_epoch)(fastnet_trainer *, const fastnet_data *, fastnet_descent *,     \
                                size_t batch_size, size_t max_rows, size_t first_share,         \
                                size_t end_share, fastnet_progress *);                          \
        void (*online_epoch)(const fastnet_trainer *, const fastnet_data *, fastnet_descent *,  \
                             size_t max_rows, fastnet_progress *);                              \
        void (*infer)(const fastnet_layout *, const REAL *parameters, const REAL *x, REAL *out, REAL *work); \
        void (*predict_narrow)(const fastnet_layout *, const REAL *parameters, size_t m,        \
                               const REAL *x, REAL *out);                                       \
        void (*predict)(const fastnet_packed *, const fastnet_data *, size_t rows, REAL *out,   \
                        REAL *work, const void **row);                                          \
        double (*evaluate)(const fastnet_packed *, const fastnet_cost *, const fastnet_data *,  \
                            size_t rows, REAL *out, REAL *work, const void **row);              \
        size_t (*workspace)(const fastnet_packed *, size_t m);                                  \
        int (*outputs)(const fastnet_packed *, size_t m, const REAL *x, REAL *y, void *workspace); \
        int (*value_and_jacobian)(const fastnet_packed *, size_t m, const REAL *x, REAL *y,     \
                                  REAL *jacobian, void *workspace);                             \
        int (*value_and_jvp)(const fastnet_packed *, size_t m, const REAL *x, const REAL *v,    \
                             REAL *y, REAL *out, void *workspace);                              \
        int (*value_and_vjp)(const fastnet_packed *, size_t m, const REAL *x, const REAL *u,    \
                             REAL *y, REAL *out, void *workspace);                              \
        size_t (*model_workspace)(const fastnet_layout *, size_t m);                            \
        void (*model_outputs)(const fastnet_layout *, size_t m, const REAL *parameters, const REAL *x, \
                              REAL *a, void *workspace);                                        \
        double (*model_descend)(const fastnet_layout *, const fastnet_cost *, size_t m, REAL *parameters, \
                                const REAL *x, const REAL *y, REAL scale, REAL *gradient, void *workspace); \
        void (*begin_step)(fastnet_update *, fastnet_running *, double rate, double cost);      \
        void (*update)(const fastnet_update *, size_t n, const REAL *g, REAL *w, REAL *const *state); \
        double (*sum_of_squares)(size_t n, const REAL *x);                                      \
        double (*clip_factor)(double sum_of_squares, double most);                              \
        void (*max_norm)(size_t n, size_t p, size_t ld, double c, REAL *w);                     \
        void (*random_words)(uint64_t block, uint64_t seed, uint64_t counter, uint32_t *words); \
        void (*dropout_mask)(size_t n, uint64_t first, double keep, uint64_t seed, uint64_t counter, REAL *mask); \
        void (*add_noise)(size_t n, uint64_t first, double sigma, uint64_t seed, uint64_t counter, \
                          const REAL *x, REAL *out);                                            \
        size_t (*roof_fma)(size_t rounds, REAL scale, REAL shift, REAL *out);                   \
        REAL (*roof_read)(size_t n, size_t passes, const REAL *x);                              \
        void (*roof_update)(size_t n, size_t passes, REAL shift, REAL *x);                      \
    } fastnet_kernels_##PRECISION;

FASTNET_TABLE(float, f32)
FASTNET_TABLE(double, f64)

/* The functions of fastnet.h as a table. */
extern const fastnet_api fastnet_api_table;

/* The tables in use.  Never NULL: the baseline until a level is selected. */
extern const fastnet_kernels_f32 *fastnet_f32;
extern const fastnet_kernels_f64 *fastnet_f64;

/* Where vectors of half the width are at hand, the tables with these: AVX2 under AVX-512.  Else the same. */
extern const fastnet_kernels_f32 *fastnet_half_f32;
extern const fastnet_kernels_f64 *fastnet_half_f64;

/* Levels of this build that this processor can run, weakest first. */
int fastnet_n_levels(void);
const char *fastnet_level_name(int level);

/* Which level is in use, and another put in its place; 0, or -1 if there is no such level. */
int fastnet_level(void);
int fastnet_select_level(int level);

/* The tables of one of these levels. */
const fastnet_kernels_f32 *fastnet_f32_at(int level);
const fastnet_kernels_f64 *fastnet_f64_at(int level);

/* The level of this name, the best one for NULL or "", -1 if this processor has none of that name. */
int fastnet_level_wanted(const char *name);

/* What built these kernels: the compiler and its flags. */
const char *fastnet_compiler(void);
const char *fastnet_compile_flags(void);

/* Names by code; NULL past the end. */
const char *fastnet_activation_name(int code);
const char *fastnet_cost_name(int code);
const char *fastnet_optimizer_name(int code);
const char *fastnet_number_name(int code);

/* State vectors that an optimizer keeps; -1 if there is no such code. */
int fastnet_optimizer_states(int code);

#endif
