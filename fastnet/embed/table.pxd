"""The functions of fastnet_python.h as capi.pyx calls them: static pointers, filled from the table of kernels."""

from fastnet.embed.capi cimport fastnet_model, fastnet_net

cdef extern from "fastnet_python.h" nogil:
    ctypedef struct fastnet_api:
        pass
    void use "fastnet_use"(const fastnet_api* table)
    const void* from_capsule "fastnet_from_capsule"(object holder, const char* name) except NULL with gil

    const char* c_error_text "fastnet_error_text"(int code)
    int c_net_precision "fastnet_net_precision"(const fastnet_net* net)
    size_t c_net_n_layers "fastnet_net_n_layers"(const fastnet_net* net)
    size_t c_net_size "fastnet_net_size"(const fastnet_net* net, size_t layer)
    size_t c_net_n_inputs "fastnet_net_n_inputs"(const fastnet_net* net)
    size_t c_net_n_outputs "fastnet_net_n_outputs"(const fastnet_net* net)
    size_t c_net_n_parameters "fastnet_net_n_parameters"(const fastnet_net* net)
    size_t c_workspace_size_f32 "fastnet_workspace_size_f32"(const fastnet_net* net, size_t m)
    int c_eval_f32 "fastnet_eval_f32"(const fastnet_net* net, size_t m, const float* x, float* y, void* workspace)
    int c_jacobian_f32 "fastnet_jacobian_f32"(const fastnet_net* net, size_t m, const float* x, float* jacobian, void* workspace)
    int c_value_and_jacobian_f32 "fastnet_value_and_jacobian_f32"(
        const fastnet_net* net, size_t m, const float* x, float* y, float* jacobian, void* workspace
    )
    int c_jvp_f32 "fastnet_jvp_f32"(const fastnet_net* net, size_t m, const float* x, const float* v, float* out, void* workspace)
    int c_vjp_f32 "fastnet_vjp_f32"(const fastnet_net* net, size_t m, const float* x, const float* u, float* out, void* workspace)
    int c_eval_f32_checked "fastnet_eval_f32_checked"(
        const fastnet_net* net, size_t m, const float* x, size_t n_x, float* y, size_t n_y, void* workspace, size_t n_bytes
    )
    int c_jacobian_f32_checked "fastnet_jacobian_f32_checked"(
        const fastnet_net* net, size_t m, const float* x, size_t n_x, float* jacobian, size_t n_jacobian, void* workspace,
        size_t n_bytes
    )
    int c_value_and_jacobian_f32_checked "fastnet_value_and_jacobian_f32_checked"(
        const fastnet_net* net, size_t m, const float* x, size_t n_x, float* y, size_t n_y, float* jacobian, size_t
        n_jacobian, void* workspace, size_t n_bytes
    )
    int c_jvp_f32_checked "fastnet_jvp_f32_checked"(
        const fastnet_net* net, size_t m, const float* x, size_t n_x, const float* v, size_t n_v, float* out, size_t
        n_result, void* workspace, size_t n_bytes
    )
    int c_vjp_f32_checked "fastnet_vjp_f32_checked"(
        const fastnet_net* net, size_t m, const float* x, size_t n_x, const float* u, size_t n_u, float* out, size_t
        n_result, void* workspace, size_t n_bytes
    )
    size_t c_workspace_size_f64 "fastnet_workspace_size_f64"(const fastnet_net* net, size_t m)
    int c_eval_f64 "fastnet_eval_f64"(const fastnet_net* net, size_t m, const double* x, double* y, void* workspace)
    int c_jacobian_f64 "fastnet_jacobian_f64"(const fastnet_net* net, size_t m, const double* x, double* jacobian, void* workspace)
    int c_value_and_jacobian_f64 "fastnet_value_and_jacobian_f64"(
        const fastnet_net* net, size_t m, const double* x, double* y, double* jacobian, void* workspace
    )
    int c_jvp_f64 "fastnet_jvp_f64"(const fastnet_net* net, size_t m, const double* x, const double* v, double* out, void* workspace)
    int c_vjp_f64 "fastnet_vjp_f64"(const fastnet_net* net, size_t m, const double* x, const double* u, double* out, void* workspace)
    int c_eval_f64_checked "fastnet_eval_f64_checked"(
        const fastnet_net* net, size_t m, const double* x, size_t n_x, double* y, size_t n_y, void* workspace, size_t
        n_bytes
    )
    int c_jacobian_f64_checked "fastnet_jacobian_f64_checked"(
        const fastnet_net* net, size_t m, const double* x, size_t n_x, double* jacobian, size_t n_jacobian, void* workspace,
        size_t n_bytes
    )
    int c_value_and_jacobian_f64_checked "fastnet_value_and_jacobian_f64_checked"(
        const fastnet_net* net, size_t m, const double* x, size_t n_x, double* y, size_t n_y, double* jacobian, size_t
        n_jacobian, void* workspace, size_t n_bytes
    )
    int c_jvp_f64_checked "fastnet_jvp_f64_checked"(
        const fastnet_net* net, size_t m, const double* x, size_t n_x, const double* v, size_t n_v, double* out, size_t
        n_result, void* workspace, size_t n_bytes
    )
    int c_vjp_f64_checked "fastnet_vjp_f64_checked"(
        const fastnet_net* net, size_t m, const double* x, size_t n_x, const double* u, size_t n_u, double* out, size_t
        n_result, void* workspace, size_t n_bytes
    )
    int c_activation_code "fastnet_activation_code"(const char* name)
    int c_cost_code "fastnet_cost_code"(const char* name)
    size_t c_model_bytes "fastnet_model_bytes"(size_t n_layers)
    int c_model_init "fastnet_model_init"(
        fastnet_model* model, size_t n_bytes, int precision, size_t n_layers, const size_t* sizes, const int* activations,
        int cost, double cost_parameter
    )
    int c_model_precision "fastnet_model_precision"(const fastnet_model* model)
    size_t c_model_n_layers "fastnet_model_n_layers"(const fastnet_model* model)
    size_t c_model_size "fastnet_model_size"(const fastnet_model* model, size_t layer)
    size_t c_model_n_inputs "fastnet_model_n_inputs"(const fastnet_model* model)
    size_t c_model_n_outputs "fastnet_model_n_outputs"(const fastnet_model* model)
    size_t c_model_n_targets "fastnet_model_n_targets"(const fastnet_model* model)
    size_t c_model_n_parameters "fastnet_model_n_parameters"(const fastnet_model* model)
    size_t c_model_workspace_size_f32 "fastnet_model_workspace_size_f32"(const fastnet_model* model, size_t m)
    int c_model_eval_f32 "fastnet_model_eval_f32"(
        const fastnet_model* model, size_t m, const float* parameters, const float* x, float* a, void* workspace
    )
    int c_model_value_and_gradient_f32 "fastnet_model_value_and_gradient_f32"(
        const fastnet_model* model, size_t m, const float* parameters, const float* x, const float* y, double* cost, float*
        gradient, void* workspace
    )
    int c_model_vjp_f32 "fastnet_model_vjp_f32"(
        const fastnet_model* model, size_t m, const float* parameters, const float* x, const float* u, float* gradient,
        void* workspace
    )
    int c_model_sgd_step_f32 "fastnet_model_sgd_step_f32"(
        const fastnet_model* model, size_t m, float* parameters, const float* x, const float* y, double rate, double* cost,
        void* workspace
    )
    int c_model_eval_f32_checked "fastnet_model_eval_f32_checked"(
        const fastnet_model* model, size_t m, const float* parameters, size_t n_parameters, const float* x, size_t n_x,
        float* a, size_t n_a, void* workspace, size_t n_bytes
    )
    int c_model_value_and_gradient_f32_checked "fastnet_model_value_and_gradient_f32_checked"(
        const fastnet_model* model, size_t m, const float* parameters, size_t n_parameters, const float* x, size_t n_x,
        const float* y, size_t n_y, double* cost, float* gradient, size_t n_gradient, void* workspace, size_t n_bytes
    )
    int c_model_vjp_f32_checked "fastnet_model_vjp_f32_checked"(
        const fastnet_model* model, size_t m, const float* parameters, size_t n_parameters, const float* x, size_t n_x,
        const float* u, size_t n_u, float* gradient, size_t n_gradient, void* workspace, size_t n_bytes
    )
    int c_model_sgd_step_f32_checked "fastnet_model_sgd_step_f32_checked"(
        const fastnet_model* model, size_t m, float* parameters, size_t n_parameters, const float* x, size_t n_x, const
        float* y, size_t n_y, double rate, double* cost, void* workspace, size_t n_bytes
    )
    size_t c_model_workspace_size_f64 "fastnet_model_workspace_size_f64"(const fastnet_model* model, size_t m)
    int c_model_eval_f64 "fastnet_model_eval_f64"(
        const fastnet_model* model, size_t m, const double* parameters, const double* x, double* a, void* workspace
    )
    int c_model_value_and_gradient_f64 "fastnet_model_value_and_gradient_f64"(
        const fastnet_model* model, size_t m, const double* parameters, const double* x, const double* y, double* cost,
        double* gradient, void* workspace
    )
    int c_model_vjp_f64 "fastnet_model_vjp_f64"(
        const fastnet_model* model, size_t m, const double* parameters, const double* x, const double* u, double* gradient,
        void* workspace
    )
    int c_model_sgd_step_f64 "fastnet_model_sgd_step_f64"(
        const fastnet_model* model, size_t m, double* parameters, const double* x, const double* y, double rate, double*
        cost, void* workspace
    )
    int c_model_eval_f64_checked "fastnet_model_eval_f64_checked"(
        const fastnet_model* model, size_t m, const double* parameters, size_t n_parameters, const double* x, size_t n_x,
        double* a, size_t n_a, void* workspace, size_t n_bytes
    )
    int c_model_value_and_gradient_f64_checked "fastnet_model_value_and_gradient_f64_checked"(
        const fastnet_model* model, size_t m, const double* parameters, size_t n_parameters, const double* x, size_t n_x,
        const double* y, size_t n_y, double* cost, double* gradient, size_t n_gradient, void* workspace, size_t n_bytes
    )
    int c_model_vjp_f64_checked "fastnet_model_vjp_f64_checked"(
        const fastnet_model* model, size_t m, const double* parameters, size_t n_parameters, const double* x, size_t n_x,
        const double* u, size_t n_u, double* gradient, size_t n_gradient, void* workspace, size_t n_bytes
    )
    int c_model_sgd_step_f64_checked "fastnet_model_sgd_step_f64_checked"(
        const fastnet_model* model, size_t m, double* parameters, size_t n_parameters, const double* x, size_t n_x, const
        double* y, size_t n_y, double rate, double* cost, void* workspace, size_t n_bytes
    )
