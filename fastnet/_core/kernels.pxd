"""The C kernels of src_c/ as typed functions of `real`.

Only the module `kernels` links src_c/; the others reach the tables in use through
the two pointers below, so that one selected instruction level serves them all.
"""

from libc.stdint cimport uint32_t, uint64_t

from fastnet._core.laps cimport Table
from fastnet._core.layout cimport Cost, Layout
from fastnet._core.types cimport real

cdef extern from "fastnet_kernels.h" nogil:
    ctypedef struct Update "fastnet_update":
        int optimizer
        double momentum, beta1, beta2, eps, momentum_decay
        bint eps_hat
        double eta_minus, eta_plus, step_min, step_max
        double scale, clip, l2, l1, weight_decay
        double rate, step_m, step_g, root
        bint cost_grew

    ctypedef struct Running "fastnet_running":
        double steps, momentum_product, cost

    ctypedef struct Descent "fastnet_descent":
        Update update
        Running running
        int n_states
        const double* rates
        double rate, clip_norm, max_norm, noise, keep_inputs
        uint64_t seed
        bint in_place, by_batch
        double penalty

    ctypedef struct Data "fastnet_data":
        const void* x
        const Py_ssize_t* starts
        const int* columns
        const void* y
        const Py_ssize_t* labels
        const void* weight
        const Py_ssize_t* order
        Py_ssize_t m

    ctypedef struct Numbers "fastnet_table":
        const void* x
        Py_ssize_t row_stride, column_stride
        int number
        bint swapped

    int PYTHON_COST "FASTNET_PYTHON_COST"
    int IDENTITY "FASTNET_identity"
    bint cost_needs_z "fastnet_cost_needs_z"(int cost, int activation)

    enum:
        F32 "FASTNET_F32"
        F64 "FASTNET_F64"
        MAX_STATES "FASTNET_MAX_STATES"

    ctypedef struct Progress "fastnet_progress":
        Py_ssize_t rows, steps
        double cost
        bint finite
        Table* profile

    enum:
        OUTPUTS_IN_LANES "FASTNET_OUTPUTS_IN_LANES"
        INPUTS_IN_LANES "FASTNET_INPUTS_IN_LANES"
        BACKWARD_NONE "FASTNET_BACKWARD_NONE"
        BACKWARD_DIRECT "FASTNET_BACKWARD_DIRECT"
        BACKWARD_TRANSPOSED "FASTNET_BACKWARD_TRANSPOSED"
        BACKWARD_DOTS "FASTNET_BACKWARD_DOTS"
        BACKWARD_ACROSS "FASTNET_BACKWARD_ACROSS"
        ACROSS_ROWS "FASTNET_ACROSS_ROWS"
        ACROSS_BYTES "FASTNET_ACROSS_BYTES"

    ctypedef struct TrainerLayer "fastnet_layer":
        size_t p, n, ld
        int activation, lanes, backward
        bint by_outputs
        void* w
        void* b
        void* transposed
        void* nabla_w
        void* nabla_b
        void* mask
        bint held
        double l2, l1, keep
        void* drop
        void* out
        void* z
        void* a
        void* delta
        const void** out_row
        const void** delta_row
        const size_t* first

    ctypedef struct Barrier "fastnet_barrier":
        unsigned threads, arrived, turn

    ctypedef struct TrainerNet "fastnet_trainer":
        size_t n_layers, rows, shares
        const Cost* cost
        TrainerLayer* layer
        void* zeros
        void* room
        size_t room_size
        const void** x
        void* changed_x
        size_t stride
        double* share_sum
        double* row_sum
        size_t row_sum_ld
        Barrier* barrier
        unsigned crowded

    int MAX_NARROW "FASTNET_NARROW"
    int BLOCK_ONLINE "FASTNET_ONLINE_BLOCK"

    ctypedef struct PackedNet "fastnet_net":
        size_t n_layers, width
        TrainerLayer* layer
        size_t input_ld
        const void* zeros
        const void* kernels
        int precision
        Table* profile

    ctypedef struct Model "fastnet_model":
        Layout layout

    ctypedef struct Api "fastnet_api":
        const char* (*error_text)(int code) noexcept nogil
        size_t (*model_bytes)(size_t n_layers) noexcept nogil
        int (*model_init)(Model* model, size_t n_bytes, int precision, size_t n_layers, const size_t* sizes,
                          const int* activations, int cost, double cost_parameter) noexcept nogil

    int N_ACTIVATIONS "FASTNET_N_ACTIVATIONS"
    int MAX_USERS "FASTNET_MAX_USERS"
    bint reads_z "fastnet_activation_reads_z"(int code)
    bint by_row "fastnet_activation_by_row"(int code)

    ctypedef struct UsersActivation "fastnet_users_activation":
        void* value
        void* derivative
        void* second
        void* context
        bint python

    ctypedef struct fastnet_kernels_f32:
        void (*activate)(int activation, size_t n, const float* z, float* a) noexcept nogil
        void (*times_prime)(int activation, size_t n, const float* z, const float* a, float* delta) noexcept nogil
        void (*second_derivative)(int activation, size_t n, const float* z, const float* a, float* out) noexcept nogil
        double (*output_delta)(const Cost*, int activation, const Data*, size_t start, size_t m, size_t n, size_t ld,
                               size_t width, const float* z, const float* a, float* delta) noexcept nogil
        double (*output_cost)(const Cost*, int activation, const Data*, size_t start, size_t m, size_t n, size_t ld,
                              const float* z, const float* a, float* work) noexcept nogil
        void (*exp)(size_t n, const float* x, float* y) noexcept nogil
        void (*log)(size_t n, const float* x, float* y) noexcept nogil
        void (*log1p)(size_t n, const float* x, float* y) noexcept nogil
        int (*all_finite)(size_t n, const float* x) noexcept nogil
        size_t (*padded)(size_t n) noexcept nogil
        void (*pack)(size_t lanes, size_t depth, const float* w, size_t lane_stride, size_t depth_stride,
                     float* packed) noexcept nogil
        void (*unpack)(size_t lanes, size_t depth, const float* packed, size_t lane_stride, size_t depth_stride,
                       float* w) noexcept nogil
        size_t (*place)(const Layout*, const float* parameters, bint derivatives, char* base, PackedNet*) noexcept nogil
        size_t (*count_nonzero)(size_t n, const float* x) noexcept nogil
        void (*compress)(size_t m, size_t p, const float* x, Py_ssize_t* starts, int* columns, float* values) noexcept nogil
        void (*gather)(const Numbers*, size_t m, size_t p, const Py_ssize_t* rows, const double* offset, const double* factor,
                       float* out) noexcept nogil
        void (*minibatch_epoch)(TrainerNet*, const Data*, Descent*, size_t batch_size, size_t max_rows,
                                size_t first_share, size_t end_share, Progress*) noexcept nogil
        void (*online_epoch)(const TrainerNet*, const Data*, Descent*, size_t max_rows, Progress*) noexcept nogil
        void (*infer)(const Layout*, const float* parameters, const float* x, float* out, float* work) noexcept nogil
        void (*predict_narrow)(const Layout*, const float* parameters, size_t m, const float* x, float* out) noexcept nogil
        void (*predict)(const PackedNet*, const Data*, size_t rows, float* out, float* work,
                        const void** row) noexcept nogil
        size_t (*workspace)(const PackedNet*, size_t m) noexcept nogil
        int (*outputs)(const PackedNet*, size_t m, const float* x, float* y, void* workspace) noexcept nogil
        int (*value_and_jacobian)(const PackedNet*, size_t m, const float* x, float* y, float* jacobian,
                                  void* workspace) noexcept nogil
        int (*value_and_jvp)(const PackedNet*, size_t m, const float* x, const float* v, float* y, float* out,
                             void* workspace) noexcept nogil
        int (*value_and_vjp)(const PackedNet*, size_t m, const float* x, const float* u, float* y, float* out,
                             void* workspace) noexcept nogil
        double (*evaluate)(const PackedNet*, const Cost*, const Data*, size_t rows, float* out, float* work,
                           const void** row) noexcept nogil
        void (*begin_step)(Update*, Running*, double rate, double cost) noexcept nogil
        void (*update)(const Update*, size_t n, const float* g, float* w, float** state) noexcept nogil
        double (*sum_of_squares)(size_t n, const float* x) noexcept nogil
        double (*clip_factor)(double sum_of_squares, double most) noexcept nogil
        void (*max_norm)(size_t n, size_t p, size_t ld, double c, float* w) noexcept nogil
        void (*random_words)(uint64_t block, uint64_t seed, uint64_t counter, uint32_t* words) noexcept nogil
        void (*dropout_mask)(size_t n, uint64_t first, double keep, uint64_t seed, uint64_t counter,
                             float* mask) noexcept nogil
        void (*add_noise)(size_t n, uint64_t first, double sigma, uint64_t seed, uint64_t counter,
                          const float* x, float* out) noexcept nogil
        size_t (*roof_fma)(size_t rounds, float scale, float shift, float* out) noexcept nogil
        float (*roof_read)(size_t n, size_t passes, const float* x) noexcept nogil
        void (*roof_update)(size_t n, size_t passes, float shift, float* x) noexcept nogil

    ctypedef struct fastnet_kernels_f64:
        void (*activate)(int activation, size_t n, const double* z, double* a) noexcept nogil
        void (*times_prime)(int activation, size_t n, const double* z, const double* a, double* delta) noexcept nogil
        void (*second_derivative)(int activation, size_t n, const double* z, const double* a, double* out) noexcept nogil
        double (*output_delta)(const Cost*, int activation, const Data*, size_t start, size_t m, size_t n, size_t ld,
                               size_t width, const double* z, const double* a, double* delta) noexcept nogil
        double (*output_cost)(const Cost*, int activation, const Data*, size_t start, size_t m, size_t n, size_t ld,
                              const double* z, const double* a, double* work) noexcept nogil
        void (*exp)(size_t n, const double* x, double* y) noexcept nogil
        void (*log)(size_t n, const double* x, double* y) noexcept nogil
        void (*log1p)(size_t n, const double* x, double* y) noexcept nogil
        int (*all_finite)(size_t n, const double* x) noexcept nogil
        size_t (*padded)(size_t n) noexcept nogil
        void (*pack)(size_t lanes, size_t depth, const double* w, size_t lane_stride, size_t depth_stride,
                     double* packed) noexcept nogil
        void (*unpack)(size_t lanes, size_t depth, const double* packed, size_t lane_stride, size_t depth_stride,
                       double* w) noexcept nogil
        size_t (*place)(const Layout*, const double* parameters, bint derivatives, char* base, PackedNet*) noexcept nogil
        size_t (*count_nonzero)(size_t n, const double* x) noexcept nogil
        void (*compress)(size_t m, size_t p, const double* x, Py_ssize_t* starts, int* columns, double* values) noexcept nogil
        void (*gather)(const Numbers*, size_t m, size_t p, const Py_ssize_t* rows, const double* offset, const double* factor,
                       double* out) noexcept nogil
        void (*minibatch_epoch)(TrainerNet*, const Data*, Descent*, size_t batch_size, size_t max_rows,
                                size_t first_share, size_t end_share, Progress*) noexcept nogil
        void (*online_epoch)(const TrainerNet*, const Data*, Descent*, size_t max_rows, Progress*) noexcept nogil
        void (*infer)(const Layout*, const double* parameters, const double* x, double* out, double* work) noexcept nogil
        void (*predict_narrow)(const Layout*, const double* parameters, size_t m, const double* x, double* out) noexcept nogil
        void (*predict)(const PackedNet*, const Data*, size_t rows, double* out, double* work,
                        const void** row) noexcept nogil
        size_t (*workspace)(const PackedNet*, size_t m) noexcept nogil
        int (*outputs)(const PackedNet*, size_t m, const double* x, double* y, void* workspace) noexcept nogil
        int (*value_and_jacobian)(const PackedNet*, size_t m, const double* x, double* y, double* jacobian,
                                  void* workspace) noexcept nogil
        int (*value_and_jvp)(const PackedNet*, size_t m, const double* x, const double* v, double* y, double* out,
                             void* workspace) noexcept nogil
        int (*value_and_vjp)(const PackedNet*, size_t m, const double* x, const double* u, double* y, double* out,
                             void* workspace) noexcept nogil
        double (*evaluate)(const PackedNet*, const Cost*, const Data*, size_t rows, double* out, double* work,
                           const void** row) noexcept nogil
        void (*begin_step)(Update*, Running*, double rate, double cost) noexcept nogil
        void (*update)(const Update*, size_t n, const double* g, double* w, double** state) noexcept nogil
        double (*sum_of_squares)(size_t n, const double* x) noexcept nogil
        double (*clip_factor)(double sum_of_squares, double most) noexcept nogil
        void (*max_norm)(size_t n, size_t p, size_t ld, double c, double* w) noexcept nogil
        void (*random_words)(uint64_t block, uint64_t seed, uint64_t counter, uint32_t* words) noexcept nogil
        void (*dropout_mask)(size_t n, uint64_t first, double keep, uint64_t seed, uint64_t counter,
                             double* mask) noexcept nogil
        void (*add_noise)(size_t n, uint64_t first, double sigma, uint64_t seed, uint64_t counter,
                          const double* x, double* out) noexcept nogil
        size_t (*roof_fma)(size_t rounds, double scale, double shift, double* out) noexcept nogil
        double (*roof_read)(size_t n, size_t passes, const double* x) noexcept nogil
        void (*roof_update)(size_t n, size_t passes, double shift, double* x) noexcept nogil

cdef const fastnet_kernels_f32** f32    # f32[0]: the float table in use
cdef const fastnet_kernels_f64** f64    # f64[0]: the double table in use
cdef const fastnet_kernels_f32** half32 # the same with vectors half as wide, where a level has them
cdef const fastnet_kernels_f64** half64
cdef UsersActivation* users             # (MAX_USERS,) activations of the user's own; see users.pyx
cdef const Api* api                     # the functions of fastnet.h


cdef inline Py_ssize_t calls_for(int code, Py_ssize_t m) noexcept nogil:
    """How many calls an activation takes for m rows: one, or one a row where it couples a row's values."""
    return m if by_row(code) else 1


cdef inline void activate(int code, Py_ssize_t m, Py_ssize_t n, const real* z, real* a) noexcept nogil:
    """a = σ(z), for m rows of n values, (m, n)."""
    cdef Py_ssize_t i, calls = calls_for(code, m)
    cdef Py_ssize_t count = n if calls == m else m * n
    for i in range(calls):
        if real is float:
            f32[0].activate(code, count, z + i * n, a + i * n)
        else:
            f64[0].activate(code, count, z + i * n, a + i * n)


cdef inline void times_prime(
    int code, Py_ssize_t m, Py_ssize_t n, const real* z, const real* a, real* delta,
) noexcept nogil:
    """delta = delta ⊙ σ'(z), or delta's rows times the Jacobian of softmax; (m, n).  a = σ(z) is given too."""
    cdef Py_ssize_t i, calls = calls_for(code, m)
    cdef Py_ssize_t count = n if calls == m else m * n
    for i in range(calls):
        if real is float:
            f32[0].times_prime(code, count, z + i * n, a + i * n, delta + i * n)
        else:
            f64[0].times_prime(code, count, z + i * n, a + i * n, delta + i * n)


cdef inline void second_derivative(
    int code, Py_ssize_t m, Py_ssize_t n, const real* z, const real* a, real* out,
) noexcept nogil:
    """out = σ''(z), (m, n); of softmax the diagonal ∂²a_j/∂z_j².  a = σ(z) is given too."""
    cdef Py_ssize_t i, calls = calls_for(code, m)
    cdef Py_ssize_t count = n if calls == m else m * n
    for i in range(calls):
        if real is float:
            f32[0].second_derivative(code, count, z + i * n, a + i * n, out + i * n)
        else:
            f64[0].second_derivative(code, count, z + i * n, a + i * n, out + i * n)


cdef inline double output_delta_kernel(
    const Cost* cost, int activation, const Data* data, Py_ssize_t start, Py_ssize_t m, Py_ssize_t n,
    const real* z, const real* a, real* delta,
) noexcept nogil:
    """BP1 of m rows, without gaps between them (src_c/outputs.inc)."""
    if real is float:
        return f32[0].output_delta(cost, activation, data, start, m, n, n, n, z, a, delta)
    else:
        return f64[0].output_delta(cost, activation, data, start, m, n, n, n, z, a, delta)


cdef inline double output_cost_kernel(
    const Cost* cost, int activation, const Data* data, Py_ssize_t start, Py_ssize_t m, Py_ssize_t n,
    const real* z, const real* a, real* work,
) noexcept nogil:
    """The summed cost of m rows; work is (m, n)."""
    if real is float:
        return f32[0].output_cost(cost, activation, data, start, m, n, n, z, a, work)
    else:
        return f64[0].output_cost(cost, activation, data, start, m, n, n, z, a, work)


cdef inline void exponential(Py_ssize_t n, const real* x, real* y) noexcept nogil:
    """y = e^x, for n values."""
    if real is float:
        f32[0].exp(n, x, y)
    else:
        f64[0].exp(n, x, y)


cdef inline void logarithm(bint of_one_plus, Py_ssize_t n, const real* x, real* y) noexcept nogil:
    """y = log x or log(1 + x), for n values."""
    if real is float:
        (f32[0].log1p if of_one_plus else f32[0].log)(n, x, y)
    else:
        (f64[0].log1p if of_one_plus else f64[0].log)(n, x, y)


cdef inline bint all_finite(Py_ssize_t n, const real* x) noexcept nogil:
    """Whether none of n values is NaN or infinite."""
    if real is float:
        return f32[0].all_finite(n, x)
    else:
        return f64[0].all_finite(n, x)


cdef inline size_t padded(size_t n, real* dummy=NULL) noexcept nogil:
    """n rounded up to whole vectors."""
    if real is float:
        return f32[0].padded(n)
    else:
        return f64[0].padded(n)


cdef inline size_t padded_by(const void* kernels, size_t n, real* dummy=NULL) noexcept nogil:
    """n rounded up to whole vectors of a table of kernels."""
    if real is float:
        return (<const fastnet_kernels_f32*>kernels).padded(n)
    else:
        return (<const fastnet_kernels_f64*>kernels).padded(n)


cdef inline void pack_by(
    const void* kernels, size_t lanes, size_t depth, const real* w, size_t lane_stride, size_t depth_stride, real* packed,
) noexcept nogil:
    """w into panels (src_c/packing.inc), as a table of kernels wants them."""
    if real is float:
        (<const fastnet_kernels_f32*>kernels).pack(lanes, depth, w, lane_stride, depth_stride, packed)
    else:
        (<const fastnet_kernels_f64*>kernels).pack(lanes, depth, w, lane_stride, depth_stride, packed)


cdef inline void unpack_by(
    const void* kernels, size_t lanes, size_t depth, const real* packed, size_t lane_stride, size_t depth_stride, real* w,
) noexcept nogil:
    """Such panels back into w."""
    if real is float:
        (<const fastnet_kernels_f32*>kernels).unpack(lanes, depth, packed, lane_stride, depth_stride, w)
    else:
        (<const fastnet_kernels_f64*>kernels).unpack(lanes, depth, packed, lane_stride, depth_stride, w)


cdef inline const void* table(bint half, real* dummy=NULL) noexcept nogil:
    """fastnet_kernels_f32 or _f64 as they are in use, or those with half vectors."""
    if real is float:
        return half32[0] if half else f32[0]
    else:
        return half64[0] if half else f64[0]


cdef inline size_t count_nonzero(size_t n, const real* x) noexcept nogil:
    """How many of n values are not 0."""
    if real is float:
        return f32[0].count_nonzero(n, x)
    else:
        return f64[0].count_nonzero(n, x)


cdef inline void compress(
    size_t m, size_t p, const real* x, Py_ssize_t* starts, int* columns, real* values,
) noexcept nogil:
    """The values of x (m, p) that are not 0, row by row, with their columns (src_c/sparse.inc)."""
    if real is float:
        f32[0].compress(m, p, x, starts, columns, values)
    else:
        f64[0].compress(m, p, x, starts, columns, values)


cdef inline void gather(
    const Numbers* table, size_t m, size_t p, const Py_ssize_t* rows, const double* offset, const double* factor, real* out,
) noexcept nogil:
    """out (m, p) = rows of a table of any kind of number, scaled unless `factor` is NULL (src_c/gather.inc)."""
    if real is float:
        f32[0].gather(table, m, p, rows, offset, factor, out)
    else:
        f64[0].gather(table, m, p, rows, offset, factor, out)


cdef inline void minibatch_epoch(
    const void* kernels, TrainerNet* net, const Data* data, Descent* descent, size_t batch_size, size_t max_rows,
    size_t first_share, size_t end_share, Progress* progress, real* dummy=NULL,
) noexcept nogil:
    """Batches from progress.rows on, in register tiles, by some shares (src_c/minibatch.inc)."""
    if real is float:
        (<const fastnet_kernels_f32*>kernels).minibatch_epoch(
            net, data, descent, batch_size, max_rows, first_share, end_share, progress)
    else:
        (<const fastnet_kernels_f64*>kernels).minibatch_epoch(
            net, data, descent, batch_size, max_rows, first_share, end_share, progress)


cdef inline void online_epoch(
    const void* kernels, const TrainerNet* net, const Data* data, Descent* descent, size_t max_rows, Progress* progress,
    real* dummy=NULL,
) noexcept nogil:
    """Samples from progress.rows on, one a step (src_c/online.inc)."""
    if real is float:
        (<const fastnet_kernels_f32*>kernels).online_epoch(net, data, descent, max_rows, progress)
    else:
        (<const fastnet_kernels_f64*>kernels).online_epoch(net, data, descent, max_rows, progress)


cdef inline void infer(const Layout* net, const real* parameters, const real* x, real* out, real* work) noexcept nogil:
    """One sample from the flat parameter vector (src_c/infer.inc); work holds 2 net.width values.

    In half vectors: sums over lanes are then shorter, and rows of weights seldom fill whole ones.
    """
    if real is float:
        half32[0].infer(net, parameters, x, out, work)
    else:
        half64[0].infer(net, parameters, x, out, work)


cdef inline void begin_step(Update* update, Running* running, double rate, double cost) noexcept nogil:
    """The scalars of the next step (src_c/step.inc); the same at either precision."""
    f64[0].begin_step(update, running, rate, cost)


cdef inline void update_slice(const Update* update, size_t n, const real* g, real* w, real** state) noexcept nogil:
    """One step of an optimizer on n values of gradient, weights and states (src_c/optimizers.inc)."""
    if real is float:
        f32[0].update(update, n, g, w, state)
    else:
        f64[0].update(update, n, g, w, state)


cdef inline double sum_of_squares(size_t n, const real* x) noexcept nogil:
    """Σ x², in double, in an order that n alone decides."""
    if real is float:
        return f32[0].sum_of_squares(n, x)
    else:
        return f64[0].sum_of_squares(n, x)


cdef inline double clip_factor(double sum_of_squares, double most) noexcept nogil:
    """What makes a gradient `most` long if it is longer, else 1."""
    return f64[0].clip_factor(sum_of_squares, most)


cdef inline void max_norm(size_t n, size_t p, size_t ld, double c, real* w) noexcept nogil:
    """Shorten each of n rows of p weights, one every ld values, to norm c at most."""
    if real is float:
        f32[0].max_norm(n, p, ld, c, w)
    else:
        f64[0].max_norm(n, p, ld, c, w)


cdef inline void dropout_mask(
    size_t n, uint64_t first, double keep, uint64_t seed, uint64_t counter, real* mask,
) noexcept nogil:
    """1 / keep with probability keep, else 0, for values first ... first + n of a draw (src_c/random.inc)."""
    if real is float:
        f32[0].dropout_mask(n, first, keep, seed, counter, mask)
    else:
        f64[0].dropout_mask(n, first, keep, seed, counter, mask)


cdef inline void add_noise(
    size_t n, uint64_t first, double sigma, uint64_t seed, uint64_t counter, const real* x, real* out,
) noexcept nogil:
    """out = x + σ N(0, 1), for values first ... first + n of a draw; out may be x."""
    if real is float:
        f32[0].add_noise(n, first, sigma, seed, counter, x, out)
    else:
        f64[0].add_noise(n, first, sigma, seed, counter, x, out)


cdef inline void predict_narrow(
    const Layout* net, const real* parameters, size_t m, const real* x, real* out,
) noexcept nogil:
    """Many samples of a narrow net (src_c/narrow.inc)."""
    if real is float:
        f32[0].predict_narrow(net, parameters, m, x, out)
    else:
        f64[0].predict_narrow(net, parameters, m, x, out)
