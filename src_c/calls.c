/* A packed net as functions, for other code (fastnet_kernels.h says what each takes): each goes to the
 * kernels that the net was packed for. */
#include "fastnet_kernels.h"

#define DEFINE_CALLS(REAL, PRECISION)                                                                     \
    static const fastnet_kernels_##PRECISION *kernels_##PRECISION(const fastnet_packed *net)              \
    {                                                                                                     \
        return net->kernels;                                                                              \
    }                                                                                                     \
    size_t fastnet_workspace_##PRECISION(const fastnet_packed *net, size_t m)                             \
    {                                                                                                     \
        return kernels_##PRECISION(net)->workspace(net, m);                                               \
    }                                                                                                     \
    int fastnet_value_##PRECISION(const fastnet_packed *net, size_t m, const REAL *x, REAL *y,            \
                                  void *workspace)                                                        \
    {                                                                                                     \
        return kernels_##PRECISION(net)->outputs(net, m, x, y, workspace);                                \
    }                                                                                                     \
    int fastnet_jacobian_##PRECISION(const fastnet_packed *net, size_t m, const REAL *x,                  \
                                     REAL *jacobian, void *workspace)                                     \
    {                                                                                                     \
        return kernels_##PRECISION(net)->value_and_jacobian(net, m, x, NULL, jacobian, workspace);        \
    }                                                                                                     \
    int fastnet_value_and_jacobian_##PRECISION(const fastnet_packed *net, size_t m, const REAL *x,        \
                                               REAL *y, REAL *jacobian, void *workspace)                  \
    {                                                                                                     \
        return kernels_##PRECISION(net)->value_and_jacobian(net, m, x, y, jacobian, workspace);           \
    }                                                                                                     \
    int fastnet_jvp_##PRECISION(const fastnet_packed *net, size_t m, const REAL *x, const REAL *v,        \
                                REAL *out, void *workspace)                                               \
    {                                                                                                     \
        return kernels_##PRECISION(net)->value_and_jvp(net, m, x, v, NULL, out, workspace);               \
    }                                                                                                     \
    int fastnet_vjp_##PRECISION(const fastnet_packed *net, size_t m, const REAL *x, const REAL *u,        \
                                REAL *out, void *workspace)                                               \
    {                                                                                                     \
        return kernels_##PRECISION(net)->value_and_vjp(net, m, x, u, NULL, out, workspace);               \
    }

DEFINE_CALLS(float, f32)
DEFINE_CALLS(double, f64)
