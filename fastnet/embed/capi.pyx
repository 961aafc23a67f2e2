"""fastnet.h for other compiled code: to Cython by cimport (capi.pxd), to C by the capsule _C_API.

Each function goes on to its namesake in the table of src_c/calls.c.
"""

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport uintptr_t

from fastnet._core cimport kernels
from fastnet.embed.table cimport *

cdef extern from *:
    """
    #define FASTNET_NAME(type, name, arguments) "fastnet_" #name,
    static const char *const fastnet_names[] = {FASTNET_FUNCTIONS(FASTNET_NAME) NULL};
    """
    const char* names "fastnet_names"[]

use(<const fastnet_api*>kernels.api)
_C_API = PyCapsule_New(<void*>kernels.api, "fastnet.embed.capi._C_API", NULL)


cdef dict addresses():
    """Where each function of the table lies, by its name."""
    cdef const char* function = <const char*>kernels.api + 2 * sizeof(size_t)
    cdef dict found = {}
    cdef int i = 0
    while names[i] != NULL:
        found[names[i].decode()] = (<const uintptr_t*>function)[i]
        i += 1
    return found


ADDRESSES = addresses()


cdef const fastnet_net* fastnet_net_of(object frozen) except NULL:
    return <const fastnet_net*>from_capsule(frozen, "fastnet_net")


cdef const fastnet_model* fastnet_model_of(object model) except NULL:
    return <const fastnet_model*>from_capsule(model, "fastnet_model")


cdef const char* fastnet_error_text(int code) noexcept nogil:
    return c_error_text(code)

cdef int fastnet_net_precision(const fastnet_net* net) noexcept nogil:
    return c_net_precision(net)

cdef size_t fastnet_net_n_layers(const fastnet_net* net) noexcept nogil:
    return c_net_n_layers(net)

cdef size_t fastnet_net_size(const fastnet_net* net, size_t layer) noexcept nogil:
    return c_net_size(net, layer)

cdef size_t fastnet_net_n_inputs(const fastnet_net* net) noexcept nogil:
    return c_net_n_inputs(net)

cdef size_t fastnet_net_n_outputs(const fastnet_net* net) noexcept nogil:
    return c_net_n_outputs(net)

cdef size_t fastnet_net_n_parameters(const fastnet_net* net) noexcept nogil:
    return c_net_n_parameters(net)

cdef size_t fastnet_workspace_size_f32(const fastnet_net* net, size_t m) noexcept nogil:
    return c_workspace_size_f32(net, m)

cdef int fastnet_eval_f32(const fastnet_net* net, size_t m, const float* x, float* y, void* workspace) noexcept nogil:
    return c_eval_f32(net, m, x, y, workspace)

cdef int fastnet_jacobian_f32(
    const fastnet_net* net, size_t m, const float* x, float* jacobian, void* workspace
) noexcept nogil:
    return c_jacobian_f32(net, m, x, jacobian, workspace)

cdef int fastnet_value_and_jacobian_f32(
    const fastnet_net* net, size_t m, const float* x, float* y, float* jacobian, void* workspace
) noexcept nogil:
    return c_value_and_jacobian_f32(net, m, x, y, jacobian, workspace)

cdef int fastnet_jvp_f32(
    const fastnet_net* net, size_t m, const float* x, const float* v, float* out, void* workspace
) noexcept nogil:
    return c_jvp_f32(net, m, x, v, out, workspace)

cdef int fastnet_vjp_f32(
    const fastnet_net* net, size_t m, const float* x, const float* u, float* out, void* workspace
) noexcept nogil:
    return c_vjp_f32(net, m, x, u, out, workspace)

cdef int fastnet_eval_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, float* y, size_t n_y, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_eval_f32_checked(net, m, x, n_x, y, n_y, workspace, n_bytes)

cdef int fastnet_jacobian_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, float* jacobian, size_t n_jacobian, void* workspace,
    size_t n_bytes
) noexcept nogil:
    return c_jacobian_f32_checked(net, m, x, n_x, jacobian, n_jacobian, workspace, n_bytes)

cdef int fastnet_value_and_jacobian_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, float* y, size_t n_y, float* jacobian, size_t n_jacobian,
    void* workspace, size_t n_bytes
) noexcept nogil:
    return c_value_and_jacobian_f32_checked(net, m, x, n_x, y, n_y, jacobian, n_jacobian, workspace, n_bytes)

cdef int fastnet_jvp_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, const float* v, size_t n_v, float* out, size_t n_result,
    void* workspace, size_t n_bytes
) noexcept nogil:
    return c_jvp_f32_checked(net, m, x, n_x, v, n_v, out, n_result, workspace, n_bytes)

cdef int fastnet_vjp_f32_checked(
    const fastnet_net* net, size_t m, const float* x, size_t n_x, const float* u, size_t n_u, float* out, size_t n_result,
    void* workspace, size_t n_bytes
) noexcept nogil:
    return c_vjp_f32_checked(net, m, x, n_x, u, n_u, out, n_result, workspace, n_bytes)

cdef size_t fastnet_workspace_size_f64(const fastnet_net* net, size_t m) noexcept nogil:
    return c_workspace_size_f64(net, m)

cdef int fastnet_eval_f64(const fastnet_net* net, size_t m, const double* x, double* y, void* workspace) noexcept nogil:
    return c_eval_f64(net, m, x, y, workspace)

cdef int fastnet_jacobian_f64(
    const fastnet_net* net, size_t m, const double* x, double* jacobian, void* workspace
) noexcept nogil:
    return c_jacobian_f64(net, m, x, jacobian, workspace)

cdef int fastnet_value_and_jacobian_f64(
    const fastnet_net* net, size_t m, const double* x, double* y, double* jacobian, void* workspace
) noexcept nogil:
    return c_value_and_jacobian_f64(net, m, x, y, jacobian, workspace)

cdef int fastnet_jvp_f64(
    const fastnet_net* net, size_t m, const double* x, const double* v, double* out, void* workspace
) noexcept nogil:
    return c_jvp_f64(net, m, x, v, out, workspace)

cdef int fastnet_vjp_f64(
    const fastnet_net* net, size_t m, const double* x, const double* u, double* out, void* workspace
) noexcept nogil:
    return c_vjp_f64(net, m, x, u, out, workspace)

cdef int fastnet_eval_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, double* y, size_t n_y, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_eval_f64_checked(net, m, x, n_x, y, n_y, workspace, n_bytes)

cdef int fastnet_jacobian_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, double* jacobian, size_t n_jacobian, void* workspace,
    size_t n_bytes
) noexcept nogil:
    return c_jacobian_f64_checked(net, m, x, n_x, jacobian, n_jacobian, workspace, n_bytes)

cdef int fastnet_value_and_jacobian_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, double* y, size_t n_y, double* jacobian, size_t
    n_jacobian, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_value_and_jacobian_f64_checked(net, m, x, n_x, y, n_y, jacobian, n_jacobian, workspace, n_bytes)

cdef int fastnet_jvp_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, const double* v, size_t n_v, double* out, size_t
    n_result, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_jvp_f64_checked(net, m, x, n_x, v, n_v, out, n_result, workspace, n_bytes)

cdef int fastnet_vjp_f64_checked(
    const fastnet_net* net, size_t m, const double* x, size_t n_x, const double* u, size_t n_u, double* out, size_t
    n_result, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_vjp_f64_checked(net, m, x, n_x, u, n_u, out, n_result, workspace, n_bytes)

cdef int fastnet_activation_code(const char* name) noexcept nogil:
    return c_activation_code(name)

cdef int fastnet_cost_code(const char* name) noexcept nogil:
    return c_cost_code(name)

cdef size_t fastnet_model_bytes(size_t n_layers) noexcept nogil:
    return c_model_bytes(n_layers)

cdef int fastnet_model_init(
    fastnet_model* model, size_t n_bytes, int precision, size_t n_layers, const size_t* sizes, const int* activations, int
    cost, double cost_parameter
) noexcept nogil:
    return c_model_init(model, n_bytes, precision, n_layers, sizes, activations, cost, cost_parameter)

cdef int fastnet_model_precision(const fastnet_model* model) noexcept nogil:
    return c_model_precision(model)

cdef size_t fastnet_model_n_layers(const fastnet_model* model) noexcept nogil:
    return c_model_n_layers(model)

cdef size_t fastnet_model_size(const fastnet_model* model, size_t layer) noexcept nogil:
    return c_model_size(model, layer)

cdef size_t fastnet_model_n_inputs(const fastnet_model* model) noexcept nogil:
    return c_model_n_inputs(model)

cdef size_t fastnet_model_n_outputs(const fastnet_model* model) noexcept nogil:
    return c_model_n_outputs(model)

cdef size_t fastnet_model_n_targets(const fastnet_model* model) noexcept nogil:
    return c_model_n_targets(model)

cdef size_t fastnet_model_n_parameters(const fastnet_model* model) noexcept nogil:
    return c_model_n_parameters(model)

cdef size_t fastnet_model_workspace_size_f32(const fastnet_model* model, size_t m) noexcept nogil:
    return c_model_workspace_size_f32(model, m)

cdef int fastnet_model_eval_f32(
    const fastnet_model* model, size_t m, const float* parameters, const float* x, float* a, void* workspace
) noexcept nogil:
    return c_model_eval_f32(model, m, parameters, x, a, workspace)

cdef int fastnet_model_value_and_gradient_f32(
    const fastnet_model* model, size_t m, const float* parameters, const float* x, const float* y, double* cost, float*
    gradient, void* workspace
) noexcept nogil:
    return c_model_value_and_gradient_f32(model, m, parameters, x, y, cost, gradient, workspace)

cdef int fastnet_model_vjp_f32(
    const fastnet_model* model, size_t m, const float* parameters, const float* x, const float* u, float* gradient, void*
    workspace
) noexcept nogil:
    return c_model_vjp_f32(model, m, parameters, x, u, gradient, workspace)

cdef int fastnet_model_sgd_step_f32(
    const fastnet_model* model, size_t m, float* parameters, const float* x, const float* y, double rate, double* cost,
    void* workspace
) noexcept nogil:
    return c_model_sgd_step_f32(model, m, parameters, x, y, rate, cost, workspace)

cdef int fastnet_model_eval_f32_checked(
    const fastnet_model* model, size_t m, const float* parameters, size_t n_parameters, const float* x, size_t n_x, float*
    a, size_t n_a, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_model_eval_f32_checked(model, m, parameters, n_parameters, x, n_x, a, n_a, workspace, n_bytes)

cdef int fastnet_model_value_and_gradient_f32_checked(
    const fastnet_model* model, size_t m, const float* parameters, size_t n_parameters, const float* x, size_t n_x, const
    float* y, size_t n_y, double* cost, float* gradient, size_t n_gradient, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_model_value_and_gradient_f32_checked(
        model, m, parameters, n_parameters, x, n_x, y, n_y, cost, gradient, n_gradient, workspace, n_bytes)

cdef int fastnet_model_vjp_f32_checked(
    const fastnet_model* model, size_t m, const float* parameters, size_t n_parameters, const float* x, size_t n_x, const
    float* u, size_t n_u, float* gradient, size_t n_gradient, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_model_vjp_f32_checked(model, m, parameters, n_parameters, x, n_x, u, n_u, gradient, n_gradient, workspace, n_bytes)

cdef int fastnet_model_sgd_step_f32_checked(
    const fastnet_model* model, size_t m, float* parameters, size_t n_parameters, const float* x, size_t n_x, const float*
    y, size_t n_y, double rate, double* cost, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_model_sgd_step_f32_checked(model, m, parameters, n_parameters, x, n_x, y, n_y, rate, cost, workspace, n_bytes)

cdef size_t fastnet_model_workspace_size_f64(const fastnet_model* model, size_t m) noexcept nogil:
    return c_model_workspace_size_f64(model, m)

cdef int fastnet_model_eval_f64(
    const fastnet_model* model, size_t m, const double* parameters, const double* x, double* a, void* workspace
) noexcept nogil:
    return c_model_eval_f64(model, m, parameters, x, a, workspace)

cdef int fastnet_model_value_and_gradient_f64(
    const fastnet_model* model, size_t m, const double* parameters, const double* x, const double* y, double* cost, double*
    gradient, void* workspace
) noexcept nogil:
    return c_model_value_and_gradient_f64(model, m, parameters, x, y, cost, gradient, workspace)

cdef int fastnet_model_vjp_f64(
    const fastnet_model* model, size_t m, const double* parameters, const double* x, const double* u, double* gradient,
    void* workspace
) noexcept nogil:
    return c_model_vjp_f64(model, m, parameters, x, u, gradient, workspace)

cdef int fastnet_model_sgd_step_f64(
    const fastnet_model* model, size_t m, double* parameters, const double* x, const double* y, double rate, double* cost,
    void* workspace
) noexcept nogil:
    return c_model_sgd_step_f64(model, m, parameters, x, y, rate, cost, workspace)

cdef int fastnet_model_eval_f64_checked(
    const fastnet_model* model, size_t m, const double* parameters, size_t n_parameters, const double* x, size_t n_x,
    double* a, size_t n_a, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_model_eval_f64_checked(model, m, parameters, n_parameters, x, n_x, a, n_a, workspace, n_bytes)

cdef int fastnet_model_value_and_gradient_f64_checked(
    const fastnet_model* model, size_t m, const double* parameters, size_t n_parameters, const double* x, size_t n_x, const
    double* y, size_t n_y, double* cost, double* gradient, size_t n_gradient, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_model_value_and_gradient_f64_checked(
        model, m, parameters, n_parameters, x, n_x, y, n_y, cost, gradient, n_gradient, workspace, n_bytes)

cdef int fastnet_model_vjp_f64_checked(
    const fastnet_model* model, size_t m, const double* parameters, size_t n_parameters, const double* x, size_t n_x, const
    double* u, size_t n_u, double* gradient, size_t n_gradient, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_model_vjp_f64_checked(model, m, parameters, n_parameters, x, n_x, u, n_u, gradient, n_gradient, workspace, n_bytes)

cdef int fastnet_model_sgd_step_f64_checked(
    const fastnet_model* model, size_t m, double* parameters, size_t n_parameters, const double* x, size_t n_x, const
    double* y, size_t n_y, double rate, double* cost, void* workspace, size_t n_bytes
) noexcept nogil:
    return c_model_sgd_step_f64_checked(model, m, parameters, n_parameters, x, n_x, y, n_y, rate, cost, workspace, n_bytes)
