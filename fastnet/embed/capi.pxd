"""The functions of fastnet.h for Cython: from fastnet.embed.capi cimport fastnet_eval_f64

Plain C functions on pointers; include/fastnet.h says what each does.  They are reached through this
module, which Cython imports: nothing has to be compiled or linked with.  Signatures are only ever
added to (tests/capi_signatures.json).
"""

cdef extern from *:
    """
    #ifndef FASTNET_H
    typedef struct fastnet_net fastnet_net;
    typedef struct fastnet_model fastnet_model;
    #endif
    """
    ctypedef struct fastnet_net:
        pass
    ctypedef struct fastnet_model:
        pass

cdef enum:
    FASTNET_F32 = 32
    FASTNET_F64 = 64

cdef enum:
    FASTNET_OK = 0
    FASTNET_ERROR_NULL = 1
    FASTNET_ERROR_PRECISION = 2
    FASTNET_ERROR_SIZE = 3
    FASTNET_ERROR_WORKSPACE = 4
    FASTNET_ERROR_ALIGNMENT = 5
    FASTNET_ERROR_OVERLAP = 6
    FASTNET_ERROR_LAYERS = 7
    FASTNET_ERROR_ACTIVATION = 8
    FASTNET_ERROR_COST = 9
    FASTNET_ERROR_RATE = 10
    FASTNET_ERROR_FILE = 11
    FASTNET_ERROR_FORMAT = 12
    FASTNET_ERROR_VERSION = 13
    FASTNET_ERROR_DAMAGED = 14
    FASTNET_ERROR_MEMORY = 15
    FASTNET_ERROR_LEVEL = 16

# The net of a FrozenNetwork, the model of a TrainingModel, or of the capsule of either: valid as long as
# that object lives.  TypeError for anything else.
cdef const fastnet_net* fastnet_net_of(object frozen) except NULL
cdef const fastnet_model* fastnet_model_of(object model) except NULL

cdef const char* fastnet_error_text(int code) noexcept nogil
cdef int fastnet_net_precision(const fastnet_net* net) noexcept nogil
cdef size_t fastnet_net_n_layers(const fastnet_net* net) noexcept nogil
cdef size_t fastnet_net_size(const fastnet_net* net, size_t layer) noexcept nogil
cdef size_t fastnet_net_n_inputs(const fastnet_net* net) noexcept nogil
cdef size_t fastnet_net_n_outputs(const fastnet_net* net) noexcept nogil
cdef size_t fastnet_net_n_parameters(const fastnet_net* net) noexcept nogil
cdef size_t fastnet_workspace_size_f32(const fastnet_net* net, size_t m) noexcept nogil
cdef int fastnet_eval_f32(const fastnet_net* net, size_t m, const float* x, float* y, void* workspace) noexcept nogil
cdef int fastnet_jacobian_f32(const fastnet_net* net, size_t m, const float* x, float* jacobian, void* workspace) noexcept nogil
cdef int fastnet_value_and_jacobian_f32(
    const fastnet_net* net, size_t m, const float* x, float* y, float* jacobian, void* workspace
) noexcept nogil
cdef int fastnet_jvp_f32(
    const fastnet_net* net, size_t m, const float* x, const float* v, float* out, void* workspace
) noexcept nogil
cdef int fastnet_vjp_f32(
    const fastnet_net* net, size_t m, const float* x, const float* u, float* out, void* workspace
) noexcept nogil
cdef int fastnet_eval_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, float* y, size_t n_y, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_jacobian_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, float* jacobian, size_t n_jacobian, void* workspace,
    size_t n_bytes
) noexcept nogil
cdef int fastnet_value_and_jacobian_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, float* y, size_t n_y, float* jacobian, size_t n_jacobian,
    void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_jvp_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, const float* v, size_t n_v, float* out, size_t n_result,
    void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_vjp_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, const float* u, size_t n_u, float* out, size_t n_result,
    void* workspace, size_t n_bytes
) noexcept nogil
cdef size_t fastnet_workspace_size_f64(const fastnet_net* net, size_t m) noexcept nogil
cdef int fastnet_eval_f64(const fastnet_net* net, size_t m, const double* x, double* y, void* workspace) noexcept nogil
cdef int fastnet_jacobian_f64(
    const fastnet_net* net, size_t m, const double* x, double* jacobian, void* workspace
) noexcept nogil
cdef int fastnet_value_and_jacobian_f64(
    const fastnet_net* net, size_t m, const double* x, double* y, double* jacobian, void* workspace
) noexcept nogil
cdef int fastnet_jvp_f64(
    const fastnet_net* net, size_t m, const double* x, const double* v, double* out, void* workspace
) noexcept nogil
cdef int fastnet_vjp_f64(
    const fastnet_net* net, size_t m, const double* x, const double* u, double* out, void* workspace
) noexcept nogil
cdef int fastnet_eval_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, double* y, size_t n_y, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_jacobian_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, double* jacobian, size_t n_jacobian, void* workspace,
    size_t n_bytes
) noexcept nogil
cdef int fastnet_value_and_jacobian_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, double* y, size_t n_y, double* jacobian, size_t
    n_jacobian, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_jvp_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, const double* v, size_t n_v, double* out, size_t
    n_result, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_vjp_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, const double* u, size_t n_u, double* out, size_t
    n_result, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_activation_code(const char* name) noexcept nogil
cdef int fastnet_cost_code(const char* name) noexcept nogil
cdef size_t fastnet_model_bytes(size_t n_layers) noexcept nogil
cdef int fastnet_model_init(
    fastnet_model* model, size_t n_bytes, int precision, size_t n_layers, const size_t* sizes, const int* activations, int
    cost, double cost_parameter
) noexcept nogil
cdef int fastnet_model_precision(const fastnet_model* model) noexcept nogil
cdef size_t fastnet_model_n_layers(const fastnet_model* model) noexcept nogil
cdef size_t fastnet_model_size(const fastnet_model* model, size_t layer) noexcept nogil
cdef size_t fastnet_model_n_inputs(const fastnet_model* model) noexcept nogil
cdef size_t fastnet_model_n_outputs(const fastnet_model* model) noexcept nogil
cdef size_t fastnet_model_n_targets(const fastnet_model* model) noexcept nogil
cdef size_t fastnet_model_n_parameters(const fastnet_model* model) noexcept nogil
cdef size_t fastnet_model_workspace_size_f32(const fastnet_model* model, size_t m) noexcept nogil
cdef int fastnet_model_eval_f32(
    const fastnet_model* model, size_t m, const float* parameters, const float* x, float* a, void* workspace
) noexcept nogil
cdef int fastnet_model_value_and_gradient_f32(
    const fastnet_model* model, size_t m, const float* parameters, const float* x, const float* y, double* cost, float*
    gradient, void* workspace
) noexcept nogil
cdef int fastnet_model_vjp_f32(
    const fastnet_model* model, size_t m, const float* parameters, const float* x, const float* u, float* gradient, void*
    workspace
) noexcept nogil
cdef int fastnet_model_sgd_step_f32(
    const fastnet_model* model, size_t m, float* parameters, const float* x, const float* y, double rate, double* cost,
    void* workspace
) noexcept nogil
cdef int fastnet_model_eval_f32_checked(
    const fastnet_model* model, size_t m, const float* parameters, size_t n_parameters, const float* x, size_t n_x, float*
    a, size_t n_a, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_model_value_and_gradient_f32_checked(
    const fastnet_model* model, size_t m, const float* parameters, size_t n_parameters, const float* x, size_t n_x, const
    float* y, size_t n_y, double* cost, float* gradient, size_t n_gradient, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_model_vjp_f32_checked(
    const fastnet_model* model, size_t m, const float* parameters, size_t n_parameters, const float* x, size_t n_x, const
    float* u, size_t n_u, float* gradient, size_t n_gradient, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_model_sgd_step_f32_checked(
    const fastnet_model* model, size_t m, float* parameters, size_t n_parameters, const float* x, size_t n_x, const float*
    y, size_t n_y, double rate, double* cost, void* workspace, size_t n_bytes
) noexcept nogil
cdef size_t fastnet_model_workspace_size_f64(const fastnet_model* model, size_t m) noexcept nogil
cdef int fastnet_model_eval_f64(
    const fastnet_model* model, size_t m, const double* parameters, const double* x, double* a, void* workspace
) noexcept nogil
cdef int fastnet_model_value_and_gradient_f64(
    const fastnet_model* model, size_t m, const double* parameters, const double* x, const double* y, double* cost, double*
    gradient, void* workspace
) noexcept nogil
cdef int fastnet_model_vjp_f64(
    const fastnet_model* model, size_t m, const double* parameters, const double* x, const double* u, double* gradient,
    void* workspace
) noexcept nogil
cdef int fastnet_model_sgd_step_f64(
    const fastnet_model* model, size_t m, double* parameters, const double* x, const double* y, double rate, double* cost,
    void* workspace
) noexcept nogil
cdef int fastnet_model_eval_f64_checked(
    const fastnet_model* model, size_t m, const double* parameters, size_t n_parameters, const double* x, size_t n_x,
    double* a, size_t n_a, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_model_value_and_gradient_f64_checked(
    const fastnet_model* model, size_t m, const double* parameters, size_t n_parameters, const double* x, size_t n_x, const
    double* y, size_t n_y, double* cost, double* gradient, size_t n_gradient, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_model_vjp_f64_checked(
    const fastnet_model* model, size_t m, const double* parameters, size_t n_parameters, const double* x, size_t n_x, const
    double* u, size_t n_u, double* gradient, size_t n_gradient, void* workspace, size_t n_bytes
) noexcept nogil
cdef int fastnet_model_sgd_step_f64_checked(
    const fastnet_model* model, size_t m, double* parameters, size_t n_parameters, const double* x, size_t n_x, const
    double* y, size_t n_y, double rate, double* cost, void* workspace, size_t n_bytes
) noexcept nogil
